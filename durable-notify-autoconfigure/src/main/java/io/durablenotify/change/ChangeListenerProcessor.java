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
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.method.HandlerMethodException;
import io.durablenotify.method.HandlerMethodProcessor;

import org.springframework.beans.factory.ObjectProvider;

/**
 * Subscribes the {@link ChangeListener} methods of beans.
 */
final class ChangeListenerProcessor extends HandlerMethodProcessor<ChangeListener> {

	private static final String METHOD_ACTION = "Declare it like 'void on(Change change)' or 'void on(ChangeGap gap)', "
			+ "neither private nor static, and in an interface of the bean if its proxy has only interfaces; or remove "
			+ "@ChangeListener.";

	private static final String TOPIC_ACTION = "Give @ChangeListener one topic or more of 1 to 255 characters, without "
			+ "white space and control characters.";

	private static final String ALIAS_ACTION = "Name the topics by 'value' or by 'topics' of @ChangeListener, not by "
			+ "both.";

	private static final String PLACEHOLDER_ACTION = "Set the property that the placeholder names, or give it a "
			+ "default: '${app.topic:profiles}'.";

	/**
	 * Used only once there is a method: it creates the DataSource, which must not happen
	 * while other post-processors are created.
	 */
	private final ObjectProvider<ChangeNotifier> notifier;

	ChangeListenerProcessor(ObjectProvider<ChangeNotifier> notifier) {
		super(ChangeListener.class);
		this.notifier = notifier;
	}

	@Override
	protected Map<Method, ChangeListener> find(Class<?> type, String beanName) {
		return usable("of bean '%s'".formatted(beanName), ALIAS_ACTION, () -> super.find(type, beanName));
	}

	@Override
	protected void subscribe(Object bean, Method method, ChangeListener annotation, String where,
			Consumer<Subscription> subscriptions) {
		ChangeHandler handler = usable(where, METHOD_ACTION,
				() -> new ChangeListenerMethod(bean, method, annotation.ignoreOwn()));
		for (String topic : usable(where, TOPIC_ACTION, () -> topics(annotation, where))) {
			subscriptions.accept(this.notifier.getObject().subscribe(topic, handler));
		}
	}

	@Override
	protected HandlerMethodException unusable(String message, String action, RuntimeException cause) {
		return new ChangeListenerException(message, action, cause);
	}

	private Set<String> topics(ChangeListener annotation, String where) {
		if (annotation.topics().length == 0) {
			throw new IllegalStateException("It must name a topic");
		}
		Set<String> topics = new LinkedHashSet<>();
		for (String topic : annotation.topics()) {
			topics.add(usable(where, PLACEHOLDER_ACTION, () -> resolve("Topic", topic)));
		}
		topics.forEach(ChangeRules::requireTopic);
		return topics;
	}

}
