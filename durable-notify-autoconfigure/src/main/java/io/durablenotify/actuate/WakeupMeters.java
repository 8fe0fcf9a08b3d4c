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

import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.WakeupMeasures;
import io.durablenotify.wakeup.Wakeups;

/**
 * The meters of wake-ups and the poll.
 *
 * @param wakeups the wake-ups
 * @param measures what they count and time
 * @param poll the poll
 */
record WakeupMeters(Wakeups wakeups, WakeupMeasures measures, Poll poll) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.timers(DurableNotifyMeters.WAKEUPS_NOTIFY, this.measures.notifications());
		registrar.summary(DurableNotifyMeters.WAKEUPS_BATCH, this.measures.batch());
		registrar.timeGauge(DurableNotifyMeters.WAKEUPS_PAUSE, this.wakeups,
				(wakeups) -> MeterSource.seconds(wakeups.state().pause()));
		this.measures.received().forEach((topic, received) -> {
			registrar.counter(DurableNotifyMeters.WAKEUPS_RECEIVED, received.local(), topic, "local");
			registrar.counter(DurableNotifyMeters.WAKEUPS_RECEIVED, received.remote(), topic, "remote");
		});
		registrar.counters(DurableNotifyMeters.WAKEUPS_RESYNCS, this.measures.resyncs());
		registrar.gauge(DurableNotifyMeters.INSTANCES, this.wakeups, (wakeups) -> wakeups.state().others().size());
		registrar.timeGauge(DurableNotifyMeters.POLL_INTERVAL, this.poll,
				(poll) -> MeterSource.seconds(poll.intervalInForce()));
	}

}
