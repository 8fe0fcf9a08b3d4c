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

package io.durablenotify.work;

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * An item of a claim, or an item of a claimed lane.
 *
 * @param itemId the item's id
 * @param token the token, with which the holder settles it; 0 for an item of a lane,
 * where the lane's is needed
 * @param rev the revision that the holder has seen; 0 for an item of a lane
 * @param failures how many attempts have failed
 * @param lane whether it stands for the items of an ordering key, which are fetched by
 * {@link ClaimSql#laneItems}
 * @param key the key, or the ordering key of a lane; {@code null} for an item of a lane
 * @param enqueuedAt when it was enqueued
 * @param headers a JSON object of strings, or {@code null} for none
 * @param payload the payload; of a lane an empty one
 * @param waitedMicros for how long it was due when it was claimed, negative for an item
 * of a lane
 */
record ClaimedItem(long itemId, int token, int rev, int failures, boolean lane, @Nullable String key,
		Instant enqueuedAt, @Nullable String headers, byte[] payload, long waitedMicros) {
}
