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
 * The name and keys of {@code durablenotify.stream.write}, an appender from its opening
 * to the end of its stream. A bean of this type replaces the default, which is what the
 * methods here return.
 */
public interface StreamWriteObservationConvention extends ObservationConvention<StreamWriteContext> {

	@Override
	default boolean supportsContext(Observation.Context context) {
		return context instanceof StreamWriteContext;
	}

	@Override
	default String getName() {
		return "durablenotify.stream.write";
	}

	@Override
	default String getContextualName(StreamWriteContext context) {
		return "stream write";
	}

	@Override
	default KeyValues getLowCardinalityKeyValues(StreamWriteContext context) {
		return KeyValues.of(Key.FAMILY.of(context.getFamily()), Key.OUTCOME.of(context.getOutcome()));
	}

	@Override
	default KeyValues getHighCardinalityKeyValues(StreamWriteContext context) {
		return Key.present(Key.STREAM.ifPresent(context.getStream()), Key.CHUNKS.ifPresent(context.getChunks()));
	}

}
