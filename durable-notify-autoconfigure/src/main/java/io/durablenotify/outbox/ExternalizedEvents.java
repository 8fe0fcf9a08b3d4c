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

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.context.ApplicationEvent;
import org.springframework.context.PayloadApplicationEvent;
import org.springframework.context.event.GenericApplicationListener;
import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.AnnotatedElementUtils;

/**
 * Publishes application events that are {@link Externalized} to the outbox, in the
 * publisher's transaction.
 */
final class ExternalizedEvents implements GenericApplicationListener {

	private final Supplier<@Nullable Outbox> outbox;

	private final Map<Class<?>, ExternalizedType> types = new ConcurrentHashMap<>();

	ExternalizedEvents(Supplier<@Nullable Outbox> outbox) {
		this.outbox = outbox;
	}

	@Override
	public boolean supportsEventType(ResolvableType eventType) {
		if (!PayloadApplicationEvent.class.isAssignableFrom(eventType.toClass())) {
			return isExternalized(eventType.toClass());
		}
		Class<?> payload = eventType.as(PayloadApplicationEvent.class).getGeneric().resolve();
		// What it is, is known from the event then
		return payload == null || payload == Object.class || isExternalized(payload);
	}

	private static boolean isExternalized(Class<?> type) {
		return AnnotatedElementUtils.hasAnnotation(type, Externalized.class);
	}

	@Override
	public void onApplicationEvent(ApplicationEvent event) {
		if (!(event instanceof PayloadApplicationEvent<?> published)) {
			throw new IllegalStateException(
					"%s is @Externalized, and is an ApplicationEvent, which has no JSON. Publish an object of another class"
						.formatted(event.getClass().getName()));
		}
		Object payload = published.getPayload();
		if (!isExternalized(payload.getClass())) {
			return;
		}
		Outbox outbox = this.outbox.get();
		if (outbox == null) {
			throw new IllegalStateException(
					"%s is @Externalized, and the outbox needs PostgreSQL".formatted(payload.getClass().getName()));
		}
		outbox.publish(this.types.computeIfAbsent(payload.getClass(), ExternalizedType::of).event(payload));
	}

	/**
	 * A thread of an executor would not be in the publisher's transaction.
	 */
	@Override
	public boolean supportsAsyncExecution() {
		return false;
	}

}
