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

import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.core.GenericTypeResolver;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.Assert;

/**
 * What a parameter of a {@link WorkListener} method takes of an item.
 */
sealed interface WorkArgument {

	/**
	 * Return the argument.
	 * @throws PermanentFailureException if the item has none
	 */
	@Nullable Object of(WorkItem item);

	/**
	 * Return what the parameters of a method take.
	 * @param method the method
	 * @param type the bean's class, which may say what the variables of types are
	 * @param payloads decodes payloads
	 * @throws IllegalStateException if a parameter takes nothing of an item
	 */
	static List<WorkArgument> ofItem(Method method, Class<?> type, WorkPayloads payloads) {
		List<WorkArgument> arguments = new ArrayList<>();
		for (int i = 0; i < method.getParameterCount(); i++) {
			Parameter parameter = method.getParameters()[i];
			WorkHeader header = AnnotatedElementUtils.findMergedAnnotation(parameter, WorkHeader.class);
			arguments.add((header != null) ? Header.of(header, parameter)
					: of(GenericTypeResolver.resolveType(method.getGenericParameterTypes()[i], type), payloads));
		}
		return requireOnePayload(arguments);
	}

	/**
	 * Return what the lists have that a method of batches takes.
	 */
	static List<WorkArgument> ofBatch(Method method, Class<?> type, WorkPayloads payloads) {
		List<WorkArgument> arguments = new ArrayList<>();
		for (Type parameter : method.getGenericParameterTypes()) {
			arguments.add(of(element(GenericTypeResolver.resolveType(parameter, type)), payloads));
		}
		return requireOnePayload(arguments);
	}

	private static Type element(Type parameter) {
		if (!(parameter instanceof ParameterizedType list) || list.getRawType() != List.class) {
			throw new IllegalStateException(
					"A batch is a List of payloads or a List<WorkItem>, but a parameter is " + parameter.getTypeName());
		}
		Type element = list.getActualTypeArguments()[0];
		return (element instanceof WildcardType wildcard) ? wildcard.getUpperBounds()[0] : element;
	}

	private static WorkArgument of(Type type, WorkPayloads payloads) {
		return (type == WorkItem.class) ? new Item() : new Payload(type, payloads);
	}

	private static List<WorkArgument> requireOnePayload(List<WorkArgument> arguments) {
		long payloads = arguments.stream().filter(Payload.class::isInstance).count();
		Assert.state(payloads <= 1, () -> "It takes %d payloads, but an item has one".formatted(payloads));
		return arguments;
	}

	/**
	 * The item.
	 */
	record Item() implements WorkArgument {

		@Override
		public Object of(WorkItem item) {
			return item;
		}

	}

	/**
	 * The item's payload.
	 */
	record Payload(Type type, WorkPayloads payloads) implements WorkArgument {

		@Override
		public @Nullable Object of(WorkItem item) {
			return this.payloads.decode(item, this.type);
		}

	}

	/**
	 * A header of the item.
	 */
	record Header(String name, boolean required) implements WorkArgument {

		private static Header of(WorkHeader annotation, Parameter parameter) {
			Assert.state(!annotation.name().isEmpty(), "@WorkHeader must name a header");
			Assert.state(parameter.getType() == String.class, () -> "The header '%s' is a String, not %s"
				.formatted(annotation.name(), parameter.getType().getName()));
			return new Header(annotation.name(), annotation.required());
		}

		@Override
		public @Nullable Object of(WorkItem item) {
			String value = item.headers().get(this.name);
			if (value == null && this.required) {
				throw new PermanentFailureException(
						"Item %d of queue '%s' has no header '%s'".formatted(item.id(), item.queue(), this.name));
			}
			return value;
		}

	}

}
