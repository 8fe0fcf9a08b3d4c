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
package io.durablenotify.outbox;

import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.util.ClassUtils;

/**
 * Writes data as JSON by the application's mapper, which it need not have.
 */
final class ValueJson implements EventData.JsonWriter {

	private static final boolean PRESENT = ClassUtils.isPresent("tools.jackson.databind.json.JsonMapper",
			ValueJson.class.getClassLoader());

	private final EventData.@Nullable JsonWriter mapper;

	ValueJson(EventData.@Nullable JsonWriter mapper) {
		this.mapper = mapper;
	}

	static ValueJson of(BeanFactory beanFactory) {
		return new ValueJson((PRESENT) ? Mapper.of(beanFactory) : null);
	}

	@Override
	public byte[] write(Object value) {
		String type = value.getClass().getName();
		if (this.mapper == null) {
			throw new IllegalArgumentException(("Data of type %s cannot be written: values are JSON, and there is no "
					+ "single bean of type tools.jackson.databind.json.JsonMapper. Define one, or use String or byte[]")
				.formatted(type));
		}
		try {
			return this.mapper.write(value);
		}
		catch (RuntimeException ex) {
			throw new IllegalArgumentException("Data of type %s cannot be written as JSON".formatted(type), ex);
		}
	}

	/**
	 * Touches Jackson's mapper.
	 */
	private static final class Mapper {

		private Mapper() {
		}

		private static EventData.@Nullable JsonWriter of(BeanFactory beanFactory) {
			JsonMapper mapper = beanFactory.getBeanProvider(JsonMapper.class).getIfUnique();
			return (mapper != null) ? mapper::writeValueAsBytes : null;
		}

	}

}
