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

package io.durablenotify.testsupport;

import java.lang.reflect.Field;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.ModifierSupport;

import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

/**
 * Sets the fields with {@link Fixture}.
 */
final class FixtureExtension implements BeforeAllCallback, BeforeEachCallback {

	/**
	 * As for lifecycle methods, to which the default of {@code junit-platform.properties}
	 * applies.
	 */
	private static final Duration TIMEOUT = Duration.ofMinutes(2);

	@Override
	public void beforeAll(ExtensionContext context) {
		setFields(context, null, ModifierSupport::isStatic);
	}

	@Override
	public void beforeEach(ExtensionContext context) {
		setFields(context, context.getRequiredTestInstance(), ModifierSupport::isNotStatic);
	}

	private static void setFields(ExtensionContext context, @Nullable Object test, Predicate<Field> scope) {
		Store store = context.getStore(Namespace.create(FixtureExtension.class));
		List<Field> fields = AnnotationSupport.findAnnotatedFields(context.getRequiredTestClass(), Fixture.class,
				scope);
		for (Field field : fields) {
			if (field.getType() == TestDatabase.class) {
				set(field, test, database(store));
			}
			else if (field.getType() == Instance.class) {
				set(field, test, start(store, field));
			}
		}
		for (Field field : fields) {
			if (field.getType() != TestDatabase.class && field.getType() != Instance.class) {
				set(field, test, instanceOfBeans(context, store).bean(field.getType()));
			}
		}
	}

	private static TestDatabase database(Store store) {
		return store.computeIfAbsent(TestDatabase.class, (key) -> PostgresServer.shared().createDatabase(),
				TestDatabase.class);
	}

	private static Instance start(Store store, Field field) {
		Fixture fixture = field.getAnnotation(Fixture.class);
		TestDatabase database = database(store);
		Instance instance = assertTimeoutPreemptively(TIMEOUT, () -> Instance.start(database,
				(application) -> application.sources(fixture.sources()), fixture.properties()));
		store.put(field.getName(), new Started(instance));
		return instance;
	}

	private static Instance instanceOfBeans(ExtensionContext context, Store store) {
		List<Field> instances = AnnotationSupport.findAnnotatedFields(context.getRequiredTestClass(), Fixture.class,
				(field) -> field.getType() == Instance.class);
		String name = (instances.size() == 1) ? instances.get(0).getName() : "instance";
		Started started = store.get(name, Started.class);
		Assert.state(started != null, () -> "There is no instance '%s' that could have the bean".formatted(name));
		return started.instance();
	}

	private static void set(Field field, @Nullable Object test, Object value) {
		ReflectionUtils.makeAccessible(field);
		ReflectionUtils.setField(field, test, value);
	}

	/**
	 * An instance that JUnit closes with the store.
	 */
	private record Started(Instance instance) implements AutoCloseable {

		@Override
		public void close() {
			assertTimeoutPreemptively(TIMEOUT, this.instance::close);
		}

	}

}
