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

import java.util.concurrent.TimeUnit;
import java.util.function.DoublePredicate;

import io.durablenotify.autoconfigure.DurableNotifyMetricsAutoConfiguration;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.search.RequiredSearch;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.MetricsAutoConfiguration;
import org.springframework.boot.micrometer.metrics.autoconfigure.export.simple.SimpleMetricsExportAutoConfiguration;
import org.springframework.context.annotation.Configuration;

/**
 * Gives an instance a registry of meters.
 */
@Configuration(proxyBeanMethods = false)
@ImportAutoConfiguration({ MetricsAutoConfiguration.class, CompositeMeterRegistryAutoConfiguration.class,
		SimpleMetricsExportAutoConfiguration.class, DurableNotifyMetricsAutoConfiguration.class })
class WithMetrics {

	/**
	 * Return a counter's count, or a gauge's value, in seconds where it is a duration.
	 * @param tags keys and values
	 */
	static double value(Instance instance, DurableNotifyMeters meter, String... tags) {
		RequiredSearch search = search(instance, meter, tags);
		return switch (meter.kind()) {
			case COUNTER -> search.functionCounters().stream().mapToDouble(FunctionCounter::count).sum();
			case GAUGE, TIME_GAUGE -> search.gauges().stream().mapToDouble(Gauge::value).sum();
			case TIMER -> search.timers().stream().mapToLong(Timer::count).sum();
			case SUMMARY -> search.summaries().stream().mapToLong((summary) -> summary.count()).sum();
		};
	}

	/**
	 * Wait until a value fulfils a condition.
	 */
	static void await(Instance instance, DurableNotifyMeters meter, DoublePredicate condition, String... tags) {
		Eventually.await(() -> condition.test(value(instance, meter, tags)), () -> describe(instance, meter));
	}

	/**
	 * Describe all values of a meter.
	 */
	static String describe(Instance instance, DurableNotifyMeters meter) {
		StringBuilder description = new StringBuilder();
		for (Meter found : instance.bean(MeterRegistry.class).find(meter.meterName()).meters()) {
			description.append(found.getId().getTags()).append(found.measure()).append('\n');
		}
		return description.toString();
	}

	/**
	 * Return the greatest duration of a timer, in milliseconds.
	 */
	static double maxMillis(Instance instance, DurableNotifyMeters meter, String... tags) {
		return search(instance, meter, tags).timers()
			.stream()
			.mapToDouble((timer) -> timer.max(TimeUnit.MILLISECONDS))
			.max()
			.orElse(0);
	}

	private static RequiredSearch search(Instance instance, DurableNotifyMeters meter, String... tags) {
		return instance.bean(MeterRegistry.class).get(meter.meterName()).tags(tags);
	}

}
