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

package io.durablenotify.change;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

import org.springframework.aop.framework.AopInfrastructureBean;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.DestructionAwareBeanPostProcessor;
import org.springframework.context.EmbeddedValueResolverAware;
import org.springframework.core.annotation.AnnotationConfigurationException;
import org.springframework.util.StringValueResolver;

/**
 * Subscribes the {@link ChangeListener} methods of beans. Not ordered, so that it comes
 * behind those that make proxies.
 */
final class ChangeListenerProcessor
		implements DestructionAwareBeanPostProcessor, EmbeddedValueResolverAware, AutoCloseable {

	private static final String METHOD_ACTION = "Declare it like 'void on(Change change)' or 'void on(ChangeGap gap)', "
			+ "neither private nor static, and in an interface of the bean if its proxy has only interfaces; or remove "
			+ "@ChangeListener.";

	private static final String TOPIC_ACTION = "Give @ChangeListener one topic or more of 1 to 255 characters, without "
			+ "white space. Set the property that a placeholder names, or give it a default: '${app.topic:profiles}'.";

	/**
	 * Not asked for before there is a method: it would create the DataSource, for which
	 * it is too early while other post-processors are created.
	 */
	private final ObjectProvider<ChangeNotifier> notifier;

	private final Set<Class<?>> withoutMethods = ConcurrentHashMap.newKeySet();

	private final Map<Key, List<Subscription>> subscriptions = new ConcurrentHashMap<>();

	private @Nullable StringValueResolver placeholders;

	ChangeListenerProcessor(ObjectProvider<ChangeNotifier> notifier) {
		this.notifier = notifier;
	}

	@Override
	public void setEmbeddedValueResolver(StringValueResolver resolver) {
		this.placeholders = resolver;
	}

	@Override
	public Object postProcessAfterInitialization(Object bean, String beanName) {
		// Scoped proxies are such, and hear by their targets
		if (bean instanceof AopInfrastructureBean) {
			return bean;
		}
		Class<?> type = AopProxyUtils.ultimateTargetClass(bean);
		if (this.withoutMethods.contains(type)) {
			return bean;
		}
		Map<Method, ChangeListener> methods = usable("of bean '%s'".formatted(beanName), TOPIC_ACTION,
				() -> ChangeListenerMethod.find(type));
		if (methods.isEmpty()) {
			this.withoutMethods.add(type);
		}
		else {
			subscribe(bean, beanName, methods);
		}
		return bean;
	}

	private void subscribe(Object bean, String beanName, Map<Method, ChangeListener> methods) {
		List<Subscription> subscriptions = new ArrayList<>();
		try {
			methods.forEach((method, annotation) -> {
				String where = "method %s of bean '%s'".formatted(method.toGenericString(), beanName);
				ChangeHandler handler = usable(where, METHOD_ACTION,
						() -> new ChangeListenerMethod(bean, method, annotation.ignoreOwn()));
				for (String topic : usable(where, TOPIC_ACTION, () -> topics(annotation))) {
					subscriptions.add(this.notifier.getObject().subscribe(topic, handler));
				}
			});
		}
		catch (Throwable ex) {
			subscriptions.forEach(Subscription::cancel);
			throw ex;
		}
		this.subscriptions.put(new Key(target(bean)), subscriptions);
	}

	private static <T> T usable(String where, String action, Supplier<T> supplier) {
		try {
			return supplier.get();
		}
		catch (IllegalStateException | IllegalArgumentException | AnnotationConfigurationException ex) {
			throw new ChangeListenerException("@ChangeListener %s cannot be used: %s".formatted(where, ex.getMessage()),
					action, ex);
		}
	}

	private Set<String> topics(ChangeListener annotation) {
		if (annotation.topics().length == 0) {
			throw new IllegalStateException("It names no topic");
		}
		Set<String> topics = new LinkedHashSet<>();
		for (String topic : annotation.topics()) {
			topics.add(resolve(topic));
		}
		topics.forEach(ChangeRules::requireTopic);
		return topics;
	}

	private String resolve(String topic) {
		String resolved = (this.placeholders != null) ? this.placeholders.resolveStringValue(topic) : topic;
		// Without a configurer of its own, a context leaves those that it does not know
		if (resolved == null || resolved.contains("${")) {
			throw new IllegalStateException("Topic '%s' has a placeholder that cannot be resolved".formatted(topic));
		}
		return resolved;
	}

	@Override
	public boolean requiresDestruction(Object bean) {
		return this.subscriptions.containsKey(new Key(bean));
	}

	@Override
	public void postProcessBeforeDestruction(Object bean, String beanName) {
		List<Subscription> ended = this.subscriptions.remove(new Key(bean));
		if (ended != null) {
			ended.forEach(Subscription::cancel);
		}
	}

	/**
	 * Cancel what is left: nobody tells of the end of a prototype.
	 */
	@Override
	public void close() {
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
