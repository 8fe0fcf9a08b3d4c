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

import org.jspecify.annotations.Nullable;

/**
 * Describes a stream. Times are the database's.
 *
 * @param name the name
 * @param state the state
 * @param nextIndex the index that the next chunk will, or would, have: the number of all
 * chunks, also of those that were trimmed
 * @param createdAt when it was created
 * @param endedAt when it ended, or {@code null} while it is open
 * @param failureReason the reason if it failed or was cancelled, else {@code null}
 * @param owner whom it was created for, or {@code null}
 * @param contentType the media type that it was created with, or {@code null}
 * @param expiresAt when its time to live is over, so that it is deleted within about a
 * minute, or {@code null} for never
 * @param lastAppendedAt when its last chunk was appended, or {@code null} without chunks
 * @param identity a short text that tells it from any other stream, also one of the same
 * name, or {@code null} if that is not known. It is the same in all instances, has
 * letters, digits and hyphens only, and must not be interpreted. Use it for
 * {@link StreamPosition#in(String)}
 */
public record StreamInfo(String name, StreamState state, long nextIndex, Instant createdAt, @Nullable Instant endedAt,
		@Nullable String failureReason, @Nullable String owner, @Nullable String contentType,
		@Nullable Instant expiresAt, @Nullable Instant lastAppendedAt, @Nullable String identity) {

	/**
	 * Describe a stream of which the identity is not known.
	 * @param name the name
	 * @param state the state
	 * @param nextIndex the number of chunks
	 * @param createdAt when it was created
	 * @param endedAt when it ended
	 * @param failureReason why it failed or was cancelled
	 * @param owner whom it was created for
	 * @param contentType the media type that it was created with
	 * @param expiresAt when its time to live is over
	 * @param lastAppendedAt when its last chunk was appended
	 */
	public StreamInfo(String name, StreamState state, long nextIndex, Instant createdAt, @Nullable Instant endedAt,
			@Nullable String failureReason, @Nullable String owner, @Nullable String contentType,
			@Nullable Instant expiresAt, @Nullable Instant lastAppendedAt) {
		this(name, state, nextIndex, createdAt, endedAt, failureReason, owner, contentType, expiresAt, lastAppendedAt,
				null);
	}

	/**
	 * Describe a stream of which it is not known when its last chunk was appended.
	 * @param name the name
	 * @param state the state
	 * @param nextIndex the number of chunks
	 * @param createdAt when it was created
	 * @param endedAt when it ended
	 * @param failureReason why it failed or was cancelled
	 * @param owner whom it was created for
	 * @param contentType the media type that it was created with
	 * @param expiresAt when its time to live is over
	 */
	public StreamInfo(String name, StreamState state, long nextIndex, Instant createdAt, @Nullable Instant endedAt,
			@Nullable String failureReason, @Nullable String owner, @Nullable String contentType,
			@Nullable Instant expiresAt) {
		this(name, state, nextIndex, createdAt, endedAt, failureReason, owner, contentType, expiresAt, null);
	}

}
