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

/**
 * Reports to a reader that the stream ended as failed, or was cancelled. The reader has
 * received all chunks that there were.
 */
public sealed class StreamFailedException extends StreamException permits StreamCancelledException {

	private final String reason;

	StreamFailedException(TailedStream stream, String reason) {
		this(stream, reason, "Stream '%s' failed: %s".formatted(stream.name(), reason));
	}

	StreamFailedException(TailedStream stream, String reason, String message) {
		super(stream, message);
		this.reason = reason;
	}

	/**
	 * Return the reason that was given for the end.
	 * @return the reason
	 */
	public String getReason() {
		return this.reason;
	}

}
