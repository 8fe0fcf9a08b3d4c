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

import org.jspecify.annotations.Nullable;

/**
 * The state of a subscription to changes of this instance.
 *
 * @param topic the topic
 * @param behind whether its handler lags, so that reading waits for it
 * @param waiting how many changes wait for the handler in this instance
 * @param positionAge for how long no change has been looked for from its position on; if
 * that reaches {@code durable-notify.changes.retention} there is a gap
 * @param lastGap why it may have missed changes last, or {@code null} if it did not
 * @param sinceGap how long ago that was, or {@code null}
 * @param openFor how long ago it was registered
 * @param handler the name of the handler's class
 * @param running for how long the handler's present call has run, or {@code null} if none
 * runs, or calls are not timed since nothing reads meters
 */
public record ChangeSubscriptionState(String topic, boolean behind, int waiting, Duration positionAge,
		ChangeGap.@Nullable Reason lastGap, @Nullable Duration sinceGap, Duration openFor, String handler,
		@Nullable Duration running) {
}
