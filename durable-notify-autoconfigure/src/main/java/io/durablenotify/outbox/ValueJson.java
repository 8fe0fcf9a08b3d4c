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

import io.durablenotify.work.PayloadJson;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;

/**
 * Writes data as JSON by the application's mapper, which it need not have.
 */
final class ValueJson implements EventData.JsonWriter {

	private final EventData.@Nullable JsonWriter mapper;

	ValueJson(EventData.@Nullable JsonWriter mapper) {
		this.mapper = mapper;
	}

	static ValueJson of(BeanFactory beanFactory) {
		PayloadJson json = PayloadJson.of(beanFactory);
		return new ValueJson((json != null) ? json::encode : null);
	}

	@Override
	public byte[] write(Object value) {
		String type = value.getClass().getName();
		if (this.mapper == null) {
			throw new IllegalArgumentException(
					"Data of type %s cannot be written: %s".formatted(type, PayloadJson.NO_MAPPER));
		}
		try {
			return this.mapper.write(value);
		}
		catch (RuntimeException ex) {
			throw new IllegalArgumentException("Data of type %s cannot be written as JSON".formatted(type), ex);
		}
	}

}
