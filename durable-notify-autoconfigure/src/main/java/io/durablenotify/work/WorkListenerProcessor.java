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
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.method.HandlerMethodException;
import io.durablenotify.method.HandlerMethodProcessor;
import io.durablenotify.work.WorkListenerSpec.Backoff;

import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.beans.factory.ObjectProvider;

/**
 * Registers the {@link WorkListener} methods of beans.
 */
final class WorkListenerProcessor extends HandlerMethodProcessor<WorkListener> {

	private static final String METHOD_ACTION = "Declare it like 'void on(Payload payload, WorkItem item, "
			+ "@WorkHeader(\"name\") String header)' or, with batch = true, 'void on(List<Payload> payloads, "
			+ "List<WorkItem> items)', neither private nor static, and in an interface of the bean if its proxy has only "
			+ "interfaces; or remove @WorkListener.";

	private static final String ALIAS_ACTION = "Name the queues by 'value' or by 'queue' of @WorkListener, not by both.";

	private static final String QUEUE_ACTION = "Give @WorkListener one queue or more of 1 to 255 characters, without "
			+ "white space, or a cron expression.";

	private static final String PLACEHOLDER_ACTION = "Set the property that the placeholder names, or give it a "
			+ "default: '${app.queue:mail}'.";

	private static final String ATTRIBUTE_ACTION = "Correct the attribute of @WorkListener that the description names, or "
			+ "the property that its placeholder names.";

	private static final String REGISTRATION_ACTION = "Change what @WorkListener asks for as the description says.";

	/**
	 * Used only once there is a method, like those that follow. They create the
	 * DataSource, which must not happen while other post-processors are created.
	 */
	private final ObjectProvider<WorkListeners> listeners;

	private final ObjectProvider<WorkPayloads> payloads;

	private final ObjectProvider<Recurrences> recurrences;

	private final ObjectProvider<WorkProperties> properties;

	WorkListenerProcessor(ObjectProvider<WorkListeners> listeners, ObjectProvider<WorkPayloads> payloads,
			ObjectProvider<Recurrences> recurrences, ObjectProvider<WorkProperties> properties) {
		super(WorkListener.class);
		this.listeners = listeners;
		this.payloads = payloads;
		this.recurrences = recurrences;
		this.properties = properties;
	}

	@Override
	protected HandlerMethodException unusable(String message, String action, RuntimeException cause) {
		return new WorkListenerException(message, action, cause);
	}

	@Override
	protected Map<Method, WorkListener> find(Class<?> type, String beanName) {
		return usable("of bean '%s'".formatted(beanName), ALIAS_ACTION, () -> super.find(type, beanName));
	}

	@Override
	protected void subscribe(Object bean, Method method, WorkListener annotation, String where,
			Consumer<Subscription> subscriptions) {
		WorkListenerAttributes attributes = new WorkListenerAttributes(annotation,
				AopProxyUtils.ultimateTargetClass(bean), method,
				(what, text) -> usable(where, PLACEHOLDER_ACTION, () -> resolve(what, text)));
		if (usable(where, ATTRIBUTE_ACTION, attributes::isDisabled)) {
			return;
		}
		CronSchedule schedule = usable(where, ATTRIBUTE_ACTION, attributes::schedule);
		List<String> queues = usable(where, QUEUE_ACTION, attributes::queues);
		WorkListenerSpec spec = usable(where, ATTRIBUTE_ACTION, () -> attributes.spec(queues, this::backoff));
		WorkListeners listeners = this.listeners.getObject();
		WorkPayloads payloads = this.payloads.getObject();
		if (annotation.batch()) {
			WorkBatchHandler handler = usable(where, METHOD_ACTION, () -> new WorkBatchMethod(bean, method, payloads));
			subscriptions.accept(usable(where, REGISTRATION_ACTION, () -> listeners.registerBatch(spec, handler)));
			return;
		}
		WorkListenerMethod handler = usable(where, METHOD_ACTION, () -> new WorkListenerMethod(bean, method, payloads));
		if (schedule == null) {
			subscriptions.accept(usable(where, REGISTRATION_ACTION, () -> listeners.register(spec, handler)));
			return;
		}
		usable(where, METHOD_ACTION, handler::requireNoPayload);
		Recurrence recurrence = new Recurrence(spec.queues().get(0), attributes.id(), schedule);
		WorkHandler recurring = new RecurringHandler(recurrence, handler, System::nanoTime);
		subscriptions.accept(usable(where, REGISTRATION_ACTION, () -> listeners.register(spec, recurring)));
		subscriptions.accept(this.recurrences.getObject().add(recurrence));
	}

	private Backoff backoff(String queue) {
		return this.properties.getObject().listenerBackoff(queue);
	}

}
