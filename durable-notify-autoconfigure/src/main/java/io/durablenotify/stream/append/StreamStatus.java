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

package io.durablenotify.stream.append;

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * The status of a stream: whether and how it has ended.
 *
 * @param streamId the stream's id
 * @param end how it ended, or {@code null} while it is open
 * @param endedAt when it ended, or {@code null} while it is open
 * @param reason why it ended, if that was said
 */
public record StreamStatus(long streamId, @Nullable StreamEnd end, @Nullable Instant endedAt, @Nullable String reason) {

	/**
	 * Return whether it has ended.
	 * @return whether it has ended
	 */
	public boolean isEnded() {
		return this.end != null;
	}

}
