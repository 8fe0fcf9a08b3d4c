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
 * Reports a chunk that the codec cannot decode. Has no cause, since a decoder's message
 * may show the payload; the stack trace is the decoder's.
 */
public final class StreamDecodeException extends StreamException {

	private final long index;

	StreamDecodeException(String stream, long index, Throwable failure) {
		super(stream, "Chunk %d of stream '%s' cannot be decoded (%s)".formatted(index, stream,
				failure.getClass().getName()));
		this.index = index;
		setStackTrace(failure.getStackTrace());
	}

	/**
	 * Return the chunk's index.
	 * @return the index
	 */
	public long getIndex() {
		return this.index;
	}

}
