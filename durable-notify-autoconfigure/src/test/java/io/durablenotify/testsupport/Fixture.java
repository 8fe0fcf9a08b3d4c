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

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A field that is set before tests run: a static one before all tests of the class, any
 * other before each.
 * <p>
 * A {@link TestDatabase} is an empty database on the server that all tests share. An
 * {@link Instance} is started on that database, and closed after the tests. Another type
 * is a bean of the class's instance; where it has several, of the one in the field
 * {@code instance}.
 */
@Target(ElementType.FIELD)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(FixtureExtension.class)
public @interface Fixture {

	/**
	 * The properties of an {@link Instance}, as {@code name=value}.
	 */
	String[] properties() default {};

	/**
	 * Further configuration of an {@link Instance}.
	 */
	Class<?>[] sources() default {};

}
