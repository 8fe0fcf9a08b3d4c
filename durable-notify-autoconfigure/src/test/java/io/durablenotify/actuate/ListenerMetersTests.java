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

import java.time.Clock;
import java.time.Instant;

import io.durablenotify.listener.ListenerMeasures;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.SchemaName;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ListenerMeters}.
 */
class ListenerMetersTests {

	@ParameterizedTest
	@EnumSource
	void eachProbeIsCountedByItsOutcome(ProbeOutcome outcome) {
		ListenerMeasures measures = new ListenerMeasures(new SchemaName("durable_notify"));
		SimpleMeterRegistry registry = new SimpleMeterRegistry();
		new ListenerMeters(mock(), measures, Clock.systemUTC()).register(new MeterRegistrar(registry));
		measures.probes().of(outcome).increment();
		assertThat(registry.get(DurableNotifyMeters.LISTENER_PROBES.meterName()).functionCounters())
			.hasSize(ProbeOutcome.values().length)
			.filteredOn((counter) -> counter.count() == 1)
			.extracting((FunctionCounter counter) -> counter.getId().getTag("outcome"))
			.containsExactly(MeterTag.value(outcome));
	}

	@ParameterizedTest
	@EnumSource
	void thePresentStatusIsTheOnlyOne(Status status) {
		NotificationListener listener = mock();
		given(listener.state()).willReturn(new ListenerState(status, Instant.EPOCH, false, 0, null, null, null, null));
		SimpleMeterRegistry registry = new SimpleMeterRegistry();
		new ListenerMeters(listener, new ListenerMeasures(new SchemaName("durable_notify")), Clock.systemUTC())
			.register(new MeterRegistrar(registry));
		assertThat(registry.get(DurableNotifyMeters.LISTENER_STATUS.meterName()).gauges())
			.hasSize(Status.values().length)
			.filteredOn((gauge) -> gauge.value() == 1)
			.extracting((Gauge gauge) -> gauge.getId().getTag("status"))
			.containsExactly(MeterTag.value(status));
	}

}
