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

package io.durablenotify.testsupport;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.Subscription;
import io.durablenotify.wakeup.Poll;

/**
 * A poll that never calls, and shows what is registered.
 *
 * @param registrations the registrations
 */
public record RecordingPoll(Set<Subscription> registrations) implements Poll {

	public RecordingPoll() {
		this(ConcurrentHashMap.newKeySet());
	}

	@Override
	public Subscription register(Runnable check) {
		Subscription registration = new Subscription() {

			@Override
			public void cancel() {
				RecordingPoll.this.registrations.remove(this);
			}

			@Override
			public boolean isActive() {
				return RecordingPoll.this.registrations.contains(this);
			}

		};
		this.registrations.add(registration);
		return registration;
	}

	@Override
	public Duration intervalInForce() {
		return Duration.ZERO;
	}

}
