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

package io.durablenotify.work;

import java.lang.reflect.Type;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.util.ClassUtils;

/**
 * Payloads that are JSON, by the application's mapper, which it need not have.
 */
public final class PayloadJson {

	/**
	 * Why a value cannot be written or read where there is no mapper.
	 */
	public static final String NO_MAPPER = "values are JSON, and there is no single bean of type "
			+ "tools.jackson.databind.json.JsonMapper. Add spring-boot-starter-jackson, define one or make one @Primary, "
			+ "or use String or byte[]";

	private static final boolean PRESENT = ClassUtils.isPresent("tools.jackson.databind.json.JsonMapper",
			PayloadJson.class.getClassLoader());

	private final JsonMapper mapper;

	/**
	 * Create a new instance.
	 * @param mapper the application's mapper
	 */
	public PayloadJson(JsonMapper mapper) {
		this.mapper = mapper;
	}

	/**
	 * Create from the application's mapper.
	 * @param beanFactory the application's beans
	 * @return {@code null} if it has none, or several of which none is primary
	 */
	public static @Nullable PayloadJson of(BeanFactory beanFactory) {
		return (PRESENT) ? Mapper.find(beanFactory) : null;
	}

	/**
	 * Write a value.
	 * @param value the value
	 * @return the value as JSON
	 */
	public byte[] encode(Object value) {
		return this.mapper.writeValueAsBytes(value);
	}

	/**
	 * Read a value.
	 * @param json the value as JSON
	 * @param type its type
	 * @return the value, {@code null} for JSON's null
	 */
	public @Nullable Object decode(byte[] json, Type type) {
		return this.mapper.readValue(json, this.mapper.constructType(type));
	}

	/**
	 * Return why a value could not be read, without a part of it.
	 * @param failure what {@link #decode} has thrown
	 * @return the reason
	 */
	public static String reason(RuntimeException failure) {
		String reason = failure.getClass().getSimpleName();
		TokenStreamLocation location = (failure instanceof JacksonException jackson) ? jackson.getLocation() : null;
		return (location != null)
				? "%s at line %d, column %d".formatted(reason, location.getLineNr(), location.getColumnNr()) : reason;
	}

	/**
	 * Only touched where Jackson is there.
	 */
	private static final class Mapper {

		private Mapper() {
		}

		private static @Nullable PayloadJson find(BeanFactory beanFactory) {
			JsonMapper mapper = beanFactory.getBeanProvider(JsonMapper.class).getIfUnique();
			return (mapper != null) ? new PayloadJson(mapper) : null;
		}

	}

}
