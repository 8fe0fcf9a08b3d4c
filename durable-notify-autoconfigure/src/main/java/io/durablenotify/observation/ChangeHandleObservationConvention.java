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
 * The name and keys of {@code durablenotify.change.handle}, a call of a change handler. A
 * bean of this type replaces the default, which is what the methods here return.
 */
public interface ChangeHandleObservationConvention extends ObservationConvention<ChangeHandleContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof ChangeHandleContext;
	}

	@Override
	default String getName() {
		return "durablenotify.change.handle";
	}

	@Override
	default String getContextualName(ChangeHandleContext context) {
		return topic(context) + " change";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(ChangeHandleContext context) {
		return KeyValues.of(Key.TOPIC.of(topic(context)));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(ChangeHandleContext context) {
		return KeyValues.of(Key.CHANGE_KEY.of(context.getKey()));
	}

	private static String topic(ChangeHandleContext context) {
		return (context.isDeclared()) ? context.getTopic() : "dynamic";
	}

}
