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

import java.util.List;

import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeMeasures;
import io.durablenotify.change.ChangeSubscriptionState;

/**
 * The meters of the delivery of changes.
 *
 * @param delivery the delivery
 */
record ChangeMeters(ChangeDelivery delivery) implements MeterSource {

	/**
	 * Without OVERFLOW: on PostgreSQL a slow handler delays the reading, and nothing is
	 * missed.
	 */
	static final List<ChangeGap.Reason> REASONS = List.of(ChangeGap.Reason.EXPIRED, ChangeGap.Reason.FAILOVER,
			ChangeGap.Reason.OTHER_CLUSTER);

	private static final String TOPIC = "changes";

	@Override
	public void register(MeterRegistrar registrar) {
		ChangeMeasures measures = this.delivery.measures();
		ReaderMeters.register(registrar, TOPIC, measures.fetch(), measures.poll());
		ReaderMeters.register(registrar, TOPIC, MeterTag.NONE, measures.handlers());
		registrar.timeGauge(DurableNotifyMeters.HANDLER_RUNNING, this.delivery,
				(delivery) -> MeterSource
					.longest(delivery.subscriptions().stream().map(ChangeSubscriptionState::running)),
				TOPIC, MeterTag.NONE);
		registrar.gauge(DurableNotifyMeters.CHANGES_SUBSCRIPTIONS, this.delivery,
				(delivery) -> delivery.state().subscriptions());
		registrar.gauge(DurableNotifyMeters.CHANGES_BEHIND, this.delivery, (delivery) -> delivery.state().behind());
		registrar.timeGauge(DurableNotifyMeters.CHANGES_POSITION_AGE, this.delivery,
				(delivery) -> MeterSource.seconds(delivery.state().positionAge()));
		for (ChangeGap.Reason reason : REASONS) {
			registrar.counter(DurableNotifyMeters.CHANGES_GAPS, measures.gaps().of(reason), MeterTag.value(reason));
		}
	}

}
