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

package io.durablenotify.observation;

import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/**
 * The name and keys of {@code durablenotify.outbox.send}, an attempt to send an event of
 * the outbox. A bean of this type replaces the default, which is what the methods here
 * return.
 */
public interface OutboxSendObservationConvention extends ObservationConvention<OutboxSendContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof OutboxSendContext;
	}

	@Override
	default String getName() {
		return "durablenotify.outbox.send";
	}

	@Override
	default String getContextualName(OutboxSendContext context) {
		return context.getSender() + " process";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(OutboxSendContext context) {
		return KeyValues.of(Key.SYSTEM.of("durablenotify"), Key.OPERATION.of("process"),
				Key.SENDER.of(context.getSender()), Key.OUTCOME.of(context.getOutcome()));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(OutboxSendContext context) {
		return Key.of(context)
			.and(Key.present(Key.EVENT_ID.ifPresent(context.getEventId()),
					Key.EVENT_TYPE.ifPresent(context.getEventType())));
	}

}
