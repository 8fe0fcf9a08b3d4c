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

package io.durablenotify.actuate;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

import io.durablenotify.listener.ListenerMeasures;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;

/**
 * The meters of the listener.
 *
 * @param listener the listener
 * @param measures what it counts and times
 * @param clock the clock of its states
 */
record ListenerMeters(NotificationListener listener, ListenerMeasures measures, Clock clock) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		// Only this, and not the meters' listener
		Clock clock = this.clock;
		for (Status status : Status.values()) {
			registrar.gauge(DurableNotifyMeters.LISTENER_STATUS, this.listener,
					(listener) -> (listener.state().status() == status) ? 1 : 0, MeterTag.value(status));
		}
		registrar.gauge(DurableNotifyMeters.LISTENER_PROVEN, this.listener,
				(listener) -> (listener.state().proven()) ? 1 : 0);
		registrar.timeGauge(DurableNotifyMeters.LISTENER_STATUS_AGE, this.listener,
				(listener) -> secondsSince(listener.state().since(), clock));
		registrar.counter(DurableNotifyMeters.LISTENER_RECONNECTS, this.listener,
				(listener) -> listener.state().reconnects());
		registrar.counters(DurableNotifyMeters.LISTENER_ATTEMPTS, this.measures.attempts());
		registrar.counters(DurableNotifyMeters.LISTENER_PROBES, this.measures.probes());
		registrar.timer(DurableNotifyMeters.LISTENER_PROBE, this.measures.probe());
		registrar.counters(DurableNotifyMeters.LISTENER_NOTIFICATIONS, this.measures.notifications());
	}

	private static double secondsSince(Instant instant, Clock clock) {
		return Math.max(0, MeterSource.seconds(Duration.between(instant, clock.instant())));
	}

}
