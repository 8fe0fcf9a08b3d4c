/*
 * Copyright 2026-present the durable-notify authors.
 *
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at
 *
 *      https://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

package io.durablenotify.change;

import java.time.Duration;
import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * The state of the delivery of changes to this instance's handlers.
 *
 * @param subscriptions how many subscriptions there are
 * @param behind how many of them have handlers that lag, so that reading waits for them
 * @param positionAge for how long no change has been looked for from the oldest position
 * on, which is short while the handlers keep up
 * @param lastGap why changes may have been missed last, or {@code null} if none were
 * @param lastGapAt when handlers were last notified of a gap, or {@code null}
 */
public record ChangeDeliveryState(int subscriptions, int behind, Duration positionAge,
		ChangeGap.@Nullable Reason lastGap, @Nullable Instant lastGapAt) {
}
