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

package io.durablenotify.channel;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.BeanFactory;

/**
 * Values as JSON. Touches Jackson's mapper, which an application need not have.
 *
 * @param mapper the application's mapper
 */
record ChannelMapper(JsonMapper mapper) {

	/**
	 * Create from the application's mapper.
	 * @return {@code null} if it has none, or several of which none is primary
	 */
	static @Nullable ChannelMapper of(BeanFactory beanFactory) {
		JsonMapper mapper = beanFactory.getBeanProvider(JsonMapper.class).getIfUnique();
		return (mapper != null) ? new ChannelMapper(mapper) : null;
	}

	String write(Object value) {
		return this.mapper.writeValueAsString(value);
	}

	<T> @Nullable T read(String json, Class<T> type) {
		return this.mapper.readValue(json, type);
	}

	/**
	 * Return why a value could not be read, without a part of it.
	 */
	static String reason(RuntimeException failure) {
		String reason = failure.getClass().getSimpleName();
		TokenStreamLocation location = (failure instanceof JacksonException jackson) ? jackson.getLocation() : null;
		return (location != null)
				? "%s at line %d, column %d".formatted(reason, location.getLineNr(), location.getColumnNr()) : reason;
	}

}
