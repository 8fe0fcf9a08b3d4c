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

package io.durablenotify.method;

import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

import org.springframework.aop.framework.AopInfrastructureBean;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.beans.factory.config.DestructionAwareBeanPostProcessor;
import org.springframework.context.EmbeddedValueResolverAware;
import org.springframework.core.annotation.AnnotationConfigurationException;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.annotation.MergedAnnotations;
import org.springframework.core.annotation.MergedAnnotations.SearchStrategy;
import org.springframework.util.Assert;
import org.springframework.util.StringValueResolver;

/**
 * Subscribes the annotated methods of beans, and cancels their subscriptions when the
 * beans are destroyed. Not ordered, so that it comes after the post-processors that make
 * proxies.
 *
 * @param <A> the annotation's type
 */
public abstract class HandlerMethodProcessor<A extends Annotation>
		implements DestructionAwareBeanPostProcessor, EmbeddedValueResolverAware, AutoCloseable {

	private final Class<A> annotation;

	private final Set<Class<?>> withoutMethods = ConcurrentHashMap.newKeySet();

	private final Map<Key, List<Subscription>> subscriptions = new ConcurrentHashMap<>();

	private @Nullable StringValueResolver placeholders;

	/**
	 * Create a new instance.
	 * @param annotation the annotation's type
	 */
	protected HandlerMethodProcessor(Class<A> annotation) {
		this.annotation = annotation;
	}

	/**
	 * Find the annotated methods of a bean's class.
	 * @param type the class
	 * @param beanName the bean's name, for messages
	 * @return the methods with their annotations
	 */
	protected Map<Method, A> find(Class<?> type, String beanName) {
		Map<Method, A> methods = HandlerMethod.find(type, this.annotation);
		methods.keySet().forEach((method) -> requireSingle(method, beanName));
		return methods;
	}

	/**
	 * Of several annotations that have this one as their meta-annotation, only one has an
	 * effect.
	 */
	private void requireSingle(Method method, String beanName) {
		List<MergedAnnotation<A>> all = MergedAnnotations.from(method, SearchStrategy.TYPE_HIERARCHY)
			.stream(this.annotation)
			.toList();
		// Those of the first method: it overrides the others
		List<String> declared = all.stream()
			.filter((found) -> found.getAggregateIndex() == all.get(0).getAggregateIndex())
			.map((found) -> found.getRoot().getType())
			.distinct()
			.map((type) -> "@" + type.getSimpleName())
			.toList();
		usable(where(method, beanName), "Leave one of the annotations, and put each other one on a method of its own.",
				() -> {
					Assert.state(declared.size() == 1,
							() -> "Each of %s is or has that annotation, and only one of them has an effect"
								.formatted(String.join(", ", declared)));
					return declared;
				});
	}

	private static String where(Method method, String beanName) {
		return "method %s of bean '%s'".formatted(method.toGenericString(), beanName);
	}

	/**
	 * Subscribe a method.
	 * @param bean the bean, or its proxy
	 * @param method the method of the bean's class
	 * @param annotation the method's annotation
	 * @param where the method and the bean, for messages
	 * @param subscriptions takes each subscription as soon as it is there
	 */
	protected abstract void subscribe(Object bean, Method method, A annotation, String where,
			Consumer<Subscription> subscriptions);

	@Override
	public void setEmbeddedValueResolver(StringValueResolver resolver) {
		this.placeholders = resolver;
	}

	/**
	 * Create the exception for a method that cannot be used.
	 * @param message the message
	 * @param action how to correct the method
	 * @param cause the cause
	 * @return the exception
	 */
	protected abstract HandlerMethodException unusable(String message, String action, RuntimeException cause);

	/**
	 * Do a step of using a method that may find that it cannot be used. A step within it
	 * may have an action of its own.
	 * @param <T> the result's type
	 * @param where the method and the bean, for the message
	 * @param action how to correct the method
	 * @param step the step
	 * @return the result
	 */
	protected final <T extends @Nullable Object> T usable(String where, String action, Supplier<T> step) {
		try {
			return step.get();
		}
		catch (HandlerMethodException ex) {
			throw ex;
		}
		catch (IllegalStateException | IllegalArgumentException | AnnotationConfigurationException ex) {
			throw unusable(
					"@%s %s cannot be used: %s".formatted(this.annotation.getSimpleName(), where, ex.getMessage()),
					action, ex);
		}
	}

	/**
	 * Resolve the placeholders of an annotation's attribute.
	 * @param what what the attribute is, for the message
	 * @param text the text
	 * @return the text with values of properties
	 * @throws IllegalStateException if there is a placeholder without a value
	 */
	protected final String resolve(String what, String text) {
		String resolved = (this.placeholders != null) ? this.placeholders.resolveStringValue(text) : text;
		// A context without a configurer leaves those that it does not know
		if (resolved == null || resolved.contains("${")) {
			throw new IllegalStateException("%s '%s' has a placeholder that cannot be resolved".formatted(what, text));
		}
		return resolved;
	}

	@Override
	public final Object postProcessAfterInitialization(Object bean, String beanName) {
		// Scoped proxies are such, and their targets are subscribed
		if (bean instanceof AopInfrastructureBean) {
			return bean;
		}
		Class<?> type = AopProxyUtils.ultimateTargetClass(bean);
		if (this.withoutMethods.contains(type)) {
			return bean;
		}
		Map<Method, A> methods = find(type, beanName);
		if (methods.isEmpty()) {
			this.withoutMethods.add(type);
		}
		else {
			subscribe(bean, beanName, methods);
		}
		return bean;
	}

	private void subscribe(Object bean, String beanName, Map<Method, A> methods) {
		List<Subscription> subscriptions = new ArrayList<>();
		try {
			methods.forEach((method, annotation) -> subscribe(bean, method, annotation, where(method, beanName),
					(subscription) -> {
						// A mock returns none
						if (subscription != null) {
							subscriptions.add(subscription);
						}
					}));
		}
		catch (Throwable ex) {
			subscriptions.forEach(Subscription::cancel);
			throw ex;
		}
		// One object may be several beans
		this.subscriptions.merge(new Key(target(bean)), subscriptions,
				(first, others) -> Stream.concat(first.stream(), others.stream()).toList());
	}

	@Override
	public final boolean requiresDestruction(Object bean) {
		return this.subscriptions.containsKey(new Key(bean));
	}

	@Override
	public final void postProcessBeforeDestruction(Object bean, String beanName) {
		List<Subscription> ended = this.subscriptions.remove(new Key(bean));
		if (ended != null) {
			ended.forEach(Subscription::cancel);
		}
	}

	/**
	 * Cancel what is left: the container does not destroy prototypes.
	 */
	@Override
	public final void close() {
		this.subscriptions.values().forEach((ended) -> ended.forEach(Subscription::cancel));
		this.subscriptions.clear();
	}

	/**
	 * A bean is destroyed without its proxy.
	 */
	private static Object target(Object bean) {
		Object target = AopProxyUtils.getSingletonTarget(bean);
		return (target != null) ? target(target) : bean;
	}

	/**
	 * A bean by its identity.
	 *
	 * @param bean the bean
	 */
	private record Key(Object bean) {

		@Override
		public boolean equals(Object other) {
			return other instanceof Key key && key.bean == this.bean;
		}

		@Override
		public int hashCode() {
			return System.identityHashCode(this.bean);
		}

	}

}
