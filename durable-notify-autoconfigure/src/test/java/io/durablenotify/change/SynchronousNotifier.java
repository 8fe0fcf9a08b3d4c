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

import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

/**
 * A user's own notifier, which calls handlers on the publisher's thread.
 */
final class SynchronousNotifier implements ChangeNotifier {

	private final List<Registration> registrations = new CopyOnWriteArrayList<>();

	@Override
	public void publish(String topic, String key, @Nullable String originator) {
		publish(topic, key, true);
	}

	void publish(String topic, String key, boolean local) {
		for (Registration registration : this.registrations) {
			if (registration.topic().equals(topic)) {
				try {
					registration.handler().onChange(new Change(topic, key, null, local, 1, Instant.EPOCH));
				}
				catch (Exception ex) {
					throw new IllegalStateException(ex);
				}
			}
		}
	}

	void deliverGap(String topic) {
		this.registrations.stream()
			.filter((registration) -> registration.topic().equals(topic))
			.forEach((registration) -> registration.handler().onGap(new ChangeGap(topic, ChangeGap.Reason.EXPIRED)));
	}

	@Override
	public Subscription subscribe(String topic, ChangeHandler handler) {
		Registration registration = new Registration(topic, handler, this.registrations);
		this.registrations.add(registration);
		return registration;
	}

	List<String> topics() {
		return this.registrations.stream().map(Registration::topic).toList();
	}

	private record Registration(String topic, ChangeHandler handler,
			List<Registration> registrations) implements Subscription {

		@Override
		public void cancel() {
			this.registrations.removeIf((other) -> other == this);
		}

		@Override
		public boolean isActive() {
			return this.registrations.stream().anyMatch((other) -> other == this);
		}

	}

}
