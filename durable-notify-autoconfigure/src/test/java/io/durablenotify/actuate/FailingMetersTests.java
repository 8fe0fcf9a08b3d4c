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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.cumulative.CumulativeDistributionSummary;
import io.micrometer.core.instrument.cumulative.CumulativeTimer;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.core.instrument.distribution.pause.PauseDetector;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that nothing fails with the meters of the application.
 */
class FailingMetersTests {

	@Fixture
	private static TestDatabase database;

	@Test
	void nothingFailsWithItsMeters() throws Exception {
		try (Instance instance = Instance.start(database,
				(application) -> application.sources(WithMetrics.class, Failing.class))) {
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("stream", StreamPosition.start(), handler);
			List<CompletableFuture<Long>> appends = List.of(
					Background.supply(() -> instance.writer().append("stream", "a")),
					Background.supply(() -> instance.writer().append("stream", "b")));
			for (CompletableFuture<Long> append : appends) {
				assertThat(append.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isBetween(0L, 1L);
			}
			instance.writer().complete("stream");
			handler.awaitComplete().assertGapFree(0, 2);
			CountDownLatch changes = new CountDownLatch(2);
			instance.bean(ChangeNotifier.class).subscribe("topic", (change) -> changes.countDown());
			instance.bean(ChangeNotifier.class).publish("topic", "a");
			instance.bean(ChangeNotifier.class).publish("topic", "b");
			Eventually.await(() -> changes.getCount() == 0, changes::toString);
		}
	}

	/**
	 * Its timers and summaries throw an exception whenever something is recorded.
	 */
	@Configuration(proxyBeanMethods = false)
	static class Failing {

		@Bean
		MeterRegistry failingRegistry() {
			return new SimpleMeterRegistry(SimpleConfig.DEFAULT, Clock.SYSTEM) {

				@Override
				protected Timer newTimer(Meter.Id id, DistributionStatisticConfig config, PauseDetector pauses) {
					return new CumulativeTimer(id, this.clock, config, pauses, getBaseTimeUnit(), false) {

						@Override
						protected void recordNonNegative(long amount, TimeUnit unit) {
							throw new IllegalStateException("The timer fails");
						}

					};
				}

				@Override
				protected DistributionSummary newDistributionSummary(Meter.Id id, DistributionStatisticConfig config,
						double scale) {
					return new CumulativeDistributionSummary(id, this.clock, config, scale, false) {

						@Override
						protected void recordNonNegative(double amount) {
							throw new IllegalStateException("The summary fails");
						}

					};
				}

			};
		}

	}

}
