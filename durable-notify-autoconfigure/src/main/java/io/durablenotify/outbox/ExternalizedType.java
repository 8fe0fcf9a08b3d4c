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

import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.expression.EvaluationException;
import org.springframework.expression.Expression;
import org.springframework.expression.ParseException;
import org.springframework.expression.spel.standard.SpelExpressionParser;
import org.springframework.expression.spel.support.SimpleEvaluationContext;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * How events of a class are externalized.
 *
 * @param type the class
 * @param annotation what the class says
 * @param subject the expression, or {@code null}
 * @param orderingKey the expression, or {@code null}
 */
record ExternalizedType(Class<?> type, Externalized annotation, @Nullable Expression subject,
		@Nullable Expression orderingKey) {

	/**
	 * Create from the annotation.
	 * @throws IllegalStateException if an expression cannot be parsed
	 */
	static ExternalizedType of(Class<?> type) {
		Externalized annotation = AnnotatedElementUtils.findMergedAnnotation(type, Externalized.class);
		Assert.state(annotation != null, () -> type.getName() + " is not @Externalized");
		return new ExternalizedType(type, annotation, parse(type, "subject", annotation.subject()),
				parse(type, "orderingKey", annotation.orderingKey()));
	}

	private static @Nullable Expression parse(Class<?> type, String attribute, String expression) {
		try {
			return (StringUtils.hasText(expression)) ? new SpelExpressionParser().parseExpression(expression) : null;
		}
		catch (ParseException ex) {
			throw failed(type, attribute, expression, ex);
		}
	}

	private static IllegalStateException failed(Class<?> type, String attribute, String expression, Exception failure) {
		return new IllegalStateException(
				"The %s of @Externalized on %s cannot be evaluated: '%s'. Write an expression on the event, such as id()"
					.formatted(attribute, type.getName(), expression),
				failure);
	}

	/**
	 * Return what to publish for an event.
	 * @throws IllegalStateException if an expression cannot be evaluated
	 */
	OutboxEvent event(Object payload) {
		String name = this.annotation.type();
		OutboxEvent event = OutboxEvent.of((StringUtils.hasText(name)) ? name : this.type.getName(), payload)
			.dataContentType("application/json");
		if (StringUtils.hasText(this.annotation.sender())) {
			event = event.sender(this.annotation.sender());
		}
		String subject = value(this.subject, "subject", payload);
		if (subject != null) {
			event = event.subject(subject);
		}
		String orderingKey = value(this.orderingKey, "orderingKey", payload);
		return (orderingKey != null) ? event.orderingKey(orderingKey) : event;
	}

	private @Nullable String value(@Nullable Expression expression, String attribute, Object payload) {
		if (expression == null) {
			return null;
		}
		try {
			Object value = expression
				.getValue(SimpleEvaluationContext.forReadOnlyDataBinding().withInstanceMethods().build(), payload);
			return (value != null) ? value.toString() : null;
		}
		catch (EvaluationException ex) {
			throw failed(this.type, attribute, expression.getExpressionString(), ex);
		}
	}

}
