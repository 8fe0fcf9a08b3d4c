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
 * The name and keys of {@code durablenotify.outbox.publish}, an event that is published
 * to the outbox. A bean of this type replaces the default, which is what the methods here
 * return.
 */
public interface OutboxPublishObservationConvention extends ObservationConvention<OutboxPublishContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof OutboxPublishContext;
	}

	@Override
	default String getName() {
		return "durablenotify.outbox.publish";
	}

	@Override
	default String getContextualName(OutboxPublishContext context) {
		return context.getSenderTag() + " publish";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(OutboxPublishContext context) {
		return KeyValues.of(Key.SYSTEM.of("durablenotify"), Key.OPERATION.of("publish"),
				Key.SENDER.of(context.getSenderTag()), Key.OUTCOME.of(context.getOutcome()));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(OutboxPublishContext context) {
		return Key.present(Key.EVENT_ID.ifPresent(context.getEventId()),
				Key.EVENT_TYPE.ifPresent(context.getEventType()));
	}

}
