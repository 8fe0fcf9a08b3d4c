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

import tools.jackson.databind.json.JsonMapper;

/**
 * A codec for values as JSON, with Jackson 3. It throws what the mapper throws, and an
 * {@link IllegalArgumentException} where it decodes {@code null}.
 * <p>
 * It is no factory method of {@link StreamCodec}, since Spring looks at all methods of a
 * bean's interfaces: each codec would need Jackson then.
 *
 * @param <T> the type of the values
 * @param mapper the mapper
 * @param type the type of the values
 */
public record JsonStreamCodec<T>(JsonMapper mapper, Class<T> type) implements StreamCodec<T> {

	@Override
	public byte[] encode(T value) {
		return this.mapper.writerFor(this.type).writeValueAsBytes(value);
	}

	@Override
	public T decode(byte[] data) {
		T value = this.mapper.readValue(data, this.type);
		if (value == null) {
			throw new IllegalArgumentException("JSON null is no value");
		}
		return value;
	}

}
