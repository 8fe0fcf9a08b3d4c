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
 * The name and keys of {@code durablenotify.work.enqueue}, a call that enqueues work. A
 * bean of this type replaces the default, which is what the methods here return.
 */
public interface WorkEnqueueObservationConvention extends ObservationConvention<WorkEnqueueContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof WorkEnqueueContext;
	}

	@Override
	default String getName() {
		return "durablenotify.work.enqueue";
	}

	@Override
	default String getContextualName(WorkEnqueueContext context) {
		return QueueTag.of(context.getQueue()) + " publish";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(WorkEnqueueContext context) {
		return KeyValues.of(Key.SYSTEM.of("durablenotify"), Key.OPERATION.of("publish"),
				Key.QUEUE.of(QueueTag.of(context.getQueue())), Key.OUTCOME.of(context.getOutcome()));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(WorkEnqueueContext context) {
		return Key.present(Key.QUEUE_NAME.ifPresent(context.getQueue()), Key.ITEM_ID.ifPresent(context.getItemId()),
				Key.ITEM_KEY.ifPresent(context.getKey()), Key.ITEMS.ifSeveral(context.getItems()));
	}

}
