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
 * The name and keys of {@code durablenotify.event.append}, a call that appends events to
 * a run. A bean of this type replaces the default, which is what the methods here return.
 */
public interface EventAppendObservationConvention extends ObservationConvention<EventAppendContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof EventAppendContext;
	}

	@Override
	default String getName() {
		return "durablenotify.event.append";
	}

	@Override
	default String getContextualName(EventAppendContext context) {
		return "event append";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(EventAppendContext context) {
		return KeyValues.of(Key.OUTCOME.of(context.getOutcome()));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(EventAppendContext context) {
		return Key.present(Key.RUN.ifPresent(context.getRunId()), Key.EVENT_TYPE.ifPresent(context.getEventType()),
				Key.SEQUENCE.ifPresent(context.getSequence()), Key.EVENTS.ifSeveral(context.getEvents()));
	}

}
