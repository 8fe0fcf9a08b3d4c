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
 * Reports to a reader why it ended before its stream was read to a complete end.
 */
public abstract class StreamException extends RuntimeException {

	private final String stream;

	StreamException(TailedStream stream, String message) {
		this(stream.relativeName(), message);
	}

	StreamException(String stream, String message) {
		super(message);
		this.stream = stream;
	}

	/**
	 * Return the stream's name, as the reader's caller gave it.
	 * @return the name, without the prefix if the reader is a family's
	 */
	public String getStream() {
		return this.stream;
	}

}
