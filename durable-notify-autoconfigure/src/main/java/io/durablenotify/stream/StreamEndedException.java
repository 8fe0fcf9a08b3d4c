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

import java.time.Instant;
import java.util.Locale;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.NonTransientDataAccessException;

/**
 * Thrown when a stream has ended, so that nothing can be appended.
 */
public final class StreamEndedException extends NonTransientDataAccessException {

	private final StreamState state;

	private final @Nullable String reason;

	StreamEndedException(String stream, StreamState state, Instant endedAt, @Nullable String reason) {
		super("Stream '%s' %s at %s%s; nothing was stored.".formatted(stream,
				(state == StreamState.FAILED) ? "failed" : "was " + state.name().toLowerCase(Locale.ROOT), endedAt,
				(reason != null) ? " (" + reason + ")" : ""));
		this.state = state;
		this.reason = reason;
	}

	/**
	 * Return how the stream ended.
	 * @return the state
	 */
	public StreamState getState() {
		return this.state;
	}

	/**
	 * Return why the stream failed or was cancelled.
	 * @return the reason, or {@code null} if it was completed
	 */
	public @Nullable String getReason() {
		return this.reason;
	}

}
