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

package io.durablenotify;

/**
 * Turns values into bytes and back. One type for all features that store payloads.
 * Thread-safe. For JSON there is {@link JsonStreamCodec}.
 *
 * @param <T> the type of the values
 */
public interface StreamCodec<T> {

	/**
	 * Encode a value.
	 * @param value the value
	 * @return the bytes, which the codec does not touch again
	 * @throws RuntimeException if the value cannot be encoded
	 */
	byte[] encode(T value);

	/**
	 * Decode what was encoded.
	 * @param data the bytes, not to be modified
	 * @return the value
	 * @throws RuntimeException if the bytes are none of a value
	 */
	T decode(byte[] data);

	/**
	 * Return a codec for text, in UTF-8. It refuses text that is cut in the middle of a
	 * surrogate pair, and bytes that are no UTF-8, with an
	 * {@link IllegalArgumentException}.
	 * @return the codec
	 */
	static StreamCodec<String> text() {
		return TextCodec.INSTANCE;
	}

}
