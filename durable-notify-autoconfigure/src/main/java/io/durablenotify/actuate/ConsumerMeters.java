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

import io.durablenotify.stream.ConsumerDelivery;

/**
 * The meters of named consumers of streams.
 *
 * @param delivery the delivery to them
 */
record ConsumerMeters(ConsumerDelivery delivery) implements MeterSource {

	@Override
	public void register(MeterRegistrar registrar) {
		registrar.gauge(DurableNotifyMeters.CONSUMERS, this.delivery, (delivery) -> delivery.state().owned(), "owned");
		registrar.gauge(DurableNotifyMeters.CONSUMERS, this.delivery, (delivery) -> delivery.state().waiting(),
				"waiting");
		registrar.gauge(DurableNotifyMeters.CONSUMERS_LAG, this.delivery, (delivery) -> delivery.state().lag());
		registrar.timeGauge(DurableNotifyMeters.CONSUMERS_LAG_AGE, this.delivery,
				(delivery) -> MeterSource.seconds(delivery.state().lagAge()));
	}

}
