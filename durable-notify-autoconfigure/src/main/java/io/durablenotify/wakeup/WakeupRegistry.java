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

package io.durablenotify.wakeup;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.measure.Names;
import io.durablenotify.wakeup.WakeupMeasures.Received;
import io.durablenotify.Subscription;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * The handlers of this JVM by topic, which are called directly.
 */
final class WakeupRegistry {

	private static final Log logger = LogFactory.getLog(Wakeups.class);

	private final Names<Received> received;

	private final Map<String, Set<Registration>> registrations = new ConcurrentHashMap<>();

	WakeupRegistry(Names<Received> received) {
		this.received = received;
	}

	/**
	 * Send a wake-up of another instance to the handlers.
	 */
	void send(String topic, Wakeup wakeup) {
		if (this.registrations.containsKey(topic)) {
			this.received.of(topic).remote().increment();
		}
		deliver(topic, wakeup);
	}

	private void deliver(String topic, Wakeup wakeup) {
		forEach(topic, (handler) -> handler.onWakeup(wakeup));
	}

	/**
	 * Send a wake-up of this instance to its handlers.
	 * @return whether other instances are to be notified too
	 */
	boolean sendOwn(String topic, Wakeup wakeup) {
		this.received.of(topic).local().increment();
		deliver(topic, wakeup);
		AtomicBoolean handledAlone = new AtomicBoolean();
		forEach(topic, (handler) -> handledAlone.compareAndSet(false, handler.handlesAlone(wakeup)));
		return !handledAlone.get();
	}

	/**
	 * Send wake-ups of this instance to its handlers.
	 * @return the wake-ups that other instances are to be notified of
	 */
	WakeupBatch sendOwn(WakeupBatch batch) {
		WakeupBatch forOthers = new WakeupBatch();
		batch.forEach((topic, wakeups) -> wakeups.forEach((wakeup) -> {
			if (sendOwn(topic, wakeup)) {
				forOthers.add(topic, wakeup);
			}
		}));
		batch.resyncs().forEach((topic) -> {
			resync(topic);
			forOthers.addResync(topic);
		});
		return forOthers;
	}

	void resync(String topic) {
		forEach(topic, WakeupHandler::onResync);
	}

	void resyncAll() {
		this.registrations.keySet().forEach(this::resync);
	}

	private void forEach(String topic, Consumer<WakeupHandler> call) {
		for (Registration registration : this.registrations.getOrDefault(topic, Set.of())) {
			try {
				call.accept(registration.handler);
			}
			catch (Throwable ex) {
				// What the wake-up is about is committed, and must not count as failed
				FailureLog.log(logger::error, "Handler of topic '" + topic + "' failed", ex);
			}
		}
	}

	Subscription subscribe(String topic, WakeupHandler handler) {
		Set<Registration> registrations = this.registrations.computeIfAbsent(topic,
				(key) -> new CopyOnWriteArraySet<>());
		this.received.of(topic);
		Registration registration = new Registration(handler, registrations);
		registrations.add(registration);
		return registration;
	}

	private static final class Registration implements Subscription {

		private final WakeupHandler handler;

		private final Set<Registration> registrations;

		private Registration(WakeupHandler handler, Set<Registration> registrations) {
			this.handler = handler;
			this.registrations = registrations;
		}

		@Override
		public void cancel() {
			this.registrations.remove(this);
		}

		@Override
		public boolean isActive() {
			return this.registrations.contains(this);
		}

	}

}
