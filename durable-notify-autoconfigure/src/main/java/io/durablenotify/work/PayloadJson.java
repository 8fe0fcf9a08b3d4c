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
import java.util.function.Supplier;

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

	private static final String NO_MAPPER = "values are JSON, and there is no single bean of type "
			+ "tools.jackson.databind.json.JsonMapper. Add spring-boot-starter-jackson, define one or make one @Primary, "
			+ "or use String or byte[]";

	private static final boolean PRESENT = ClassUtils.isPresent("tools.jackson.databind.json.JsonMapper",
			PayloadJson.class.getClassLoader());

	private final @Nullable JsonMapper mapper;

	/**
	 * Create a new instance.
	 * @param mapper the application's mapper, or {@code null} if it has none
	 */
	public PayloadJson(@Nullable JsonMapper mapper) {
		this.mapper = mapper;
	}

	/**
	 * Create from the application's mapper, if it has one, or one of several is primary.
	 * @param beanFactory the application's beans
	 * @return a new instance
	 */
	public static PayloadJson of(BeanFactory beanFactory) {
		return new PayloadJson((PRESENT) ? Mapper.find(beanFactory) : null);
	}

	/**
	 * Write a value.
	 * @param value the value
	 * @param subject what the value is, for an exception
	 * @return the value as JSON
	 * @throws IllegalArgumentException if it cannot be written, or there is no mapper
	 */
	public byte[] encode(Object value, Supplier<String> subject) {
		if (this.mapper == null) {
			throw new IllegalArgumentException(subject.get() + " cannot be written: " + NO_MAPPER);
		}
		try {
			return this.mapper.writeValueAsBytes(value);
		}
		catch (RuntimeException ex) {
			throw new IllegalArgumentException(subject.get() + " cannot be written as JSON", ex);
		}
	}

	/**
	 * Read a value.
	 * @param json the value as JSON
	 * @param type its type
	 * @return the value, {@code null} for JSON's null
	 * @throws RuntimeException if it cannot be read, or there is no mapper
	 * @see #reason
	 */
	public @Nullable Object decode(byte[] json, Type type) {
		if (this.mapper == null) {
			throw new NoMapperException();
		}
		return this.mapper.readValue(json, this.mapper.constructType(type));
	}

	/**
	 * Return why a value could not be read, without a part of it.
	 * @param failure what {@link #decode} has thrown
	 * @return the reason
	 */
	public static String reason(RuntimeException failure) {
		if (failure instanceof NoMapperException) {
			return NO_MAPPER;
		}
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

		private static @Nullable JsonMapper find(BeanFactory beanFactory) {
			return beanFactory.getBeanProvider(JsonMapper.class).getIfUnique();
		}

	}

	/**
	 * Thrown where a value would be read.
	 */
	@SuppressWarnings("serial")
	private static final class NoMapperException extends RuntimeException {

	}

}
