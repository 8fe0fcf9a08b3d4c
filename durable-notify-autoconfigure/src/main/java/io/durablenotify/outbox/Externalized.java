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

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.core.annotation.AliasFor;

/**
 * Publishes application events of a class to the {@link Outbox}, with the transaction in
 * which {@link org.springframework.context.ApplicationEventPublisher#publishEvent(Object)
 * publishEvent} is called. Without a transaction that call fails. The event is the data,
 * as JSON.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
public @interface Externalized {

	/**
	 * Alias for {@link #sender}.
	 * @return the sender's name
	 */
	@AliasFor("sender")
	String value() default "";

	/**
	 * The sender. By default the application's only one.
	 * @return the sender's name
	 */
	@AliasFor("value")
	String sender() default "";

	/**
	 * The type of the event. By default the name of the class.
	 * @return the type
	 */
	String type() default "";

	/**
	 * The subject, as an expression of the Spring Expression Language that is evaluated
	 * on the event, such as {@code orderId()}. By default there is none.
	 * @return the expression
	 */
	String subject() default "";

	/**
	 * The ordering key, as an expression like that of {@link #subject}. By default there
	 * is none, and if the expression has the value {@code null} neither.
	 * @return the expression
	 */
	String orderingKey() default "";

}
