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

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Text in UTF-8, to the letter: new encoders and decoders report what does not map.
 */
enum TextCodec implements StreamCodec<String> {

	INSTANCE;

	@Override
	public byte[] encode(String value) {
		try {
			ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(value));
			byte[] data = new byte[encoded.remaining()];
			encoded.get(data);
			return data;
		}
		catch (CharacterCodingException ex) {
			throw new IllegalArgumentException("The text is cut in the middle of a surrogate pair", ex);
		}
	}

	@Override
	public String decode(byte[] data) {
		try {
			return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
		}
		catch (CharacterCodingException ex) {
			throw new IllegalArgumentException("The bytes are no UTF-8", ex);
		}
	}

}
