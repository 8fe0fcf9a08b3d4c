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

import io.durablenotify.instance.LeaseMeasures;

/**
 * The meters of leases.
 *
 * @param measures what is counted of them
 */
record LeaseMeters(LeaseMeasures measures) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.counters(DurableNotifyMeters.LEASES_RENEWALS, this.measures.renewals());
		registrar.timeGauge(DurableNotifyMeters.LEASES_RENEWAL_AGE, this.measures,
				(measures) -> MeterSource.seconds(measures.sinceRenewal()));
		registrar.counter(DurableNotifyMeters.LEASES_LOST, this.measures.lost());
		this.measures.takenOver()
			.forEach((topic, count) -> registrar.counter(DurableNotifyMeters.LEASES_TAKEN_OVER, count, topic));
	}

}
