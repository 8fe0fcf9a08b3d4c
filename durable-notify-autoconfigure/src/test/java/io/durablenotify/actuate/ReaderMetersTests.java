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

import java.lang.ref.Reference;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.testsupport.Eventually;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;

import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ReaderMeters}.
 */
class ReaderMetersTests {

	@Test
	void gaugesLookForReadersOnceASecond() {
		AtomicInteger asked = new AtomicInteger();
		LogSubscriptions<?> subscriptions = mock();
		given(subscriptions.topic()).willReturn("streams");
		given(subscriptions.measures()).willReturn(new LogMeasures(List.of("a", "b", "c")));
		given(subscriptions.states()).willAnswer((call) -> {
			asked.incrementAndGet();
			return List.of();
		});
		SimpleMeterRegistry registry = new SimpleMeterRegistry();
		ReaderMeters meters = new ReaderMeters(subscriptions);
		long start = System.nanoTime();
		meters.register(new MeterRegistrar(registry));
		List<Gauge> gauges = registry.getMeters()
			.stream()
			.filter(Gauge.class::isInstance)
			.map(Gauge.class::cast)
			.toList();
		assertThat(gauges).hasSizeGreaterThan(20).allMatch((gauge) -> gauge.value() == 0);
		long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
		assertThat(asked).hasPositiveValue().hasValueLessThanOrEqualTo((int) seconds + 1);
		Eventually.await(() -> gauges.get(0).value() == 0 && asked.get() > seconds + 1, asked::toString);
		Reference.reachabilityFence(meters);
	}

}
