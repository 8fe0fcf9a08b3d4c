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

package io.durablenotify.stream;

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * Settings of streams.
 *
 * @param maxChunkSize the largest chunk, in bytes
 * @param bufferSize how many chunks a live reader holds at most
 * @param bufferBytes how many bytes a live reader holds at most, or one chunk that has
 * more
 * @param appendBuffer how many bytes may wait to be written
 * @param appendTimeout how long an append, an end, a create or a delete waits for a
 * stream that another transaction holds
 * @param retention how long streams are kept after their end, or {@code null} for ever
 */
public record StreamSettings(int maxChunkSize, int bufferSize, long bufferBytes, long appendBuffer,
		Duration appendTimeout, @Nullable Duration retention) {
}
