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

import io.durablenotify.outbox.OutboxMeasures;

/**
 * The meters of the outbox.
 *
 * @param measures what is timed
 * @param sampler the circuits, which the database knows
 */
record OutboxMeters(OutboxMeasures measures, DatabaseSampler sampler) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		this.measures.senders().forEach((sender, calls) -> {
			String queue = OutboxMeasures.queue(sender);
			registrar.timers(DurableNotifyMeters.OUTBOX_SENDER, calls, sender);
			registrar.gauge(DurableNotifyMeters.OUTBOX_CIRCUIT, this.sampler,
					(sampler) -> 1 - sampler.last().probed(queue), sender, "closed");
			registrar.gauge(DurableNotifyMeters.OUTBOX_CIRCUIT, this.sampler, (sampler) -> sampler.last().probed(queue),
					sender, "open");
		});
	}

}
