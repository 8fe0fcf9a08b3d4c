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

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

import io.durablenotify.actuate.DurableNotifyMeters.Kind;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Sizes;
import io.durablenotify.measure.Tally;
import io.durablenotify.measure.Timing;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.noop.NoopMeter;

import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * Registers meters. Their last arguments are the values of their tags. What a meter is a
 * number of must be kept by another object: a registry keeps no component alive.
 */
final class MeterRegistrar {

	private final MeterRegistry registry;

	/**
	 * What the registry has had before.
	 */
	private final Set<Meter.Id> others;

	private final Set<Meter.Id> added = ConcurrentHashMap.newKeySet();

	/**
	 * Create a new instance.
	 * @param registry where meters are registered
	 */
	MeterRegistrar(MeterRegistry registry) {
		this.registry = registry;
		this.others = registry.getMeters().stream().map(Meter::getId).collect(Collectors.toSet());
	}

	void counter(DurableNotifyMeters meter, Tally tally, String... values) {
		counter(meter, tally, Tally::sum, values);
	}

	<T> void counter(DurableNotifyMeters meter, T owner, ToDoubleFunction<T> count, String... values) {
		require(meter, Kind.COUNTER);
		added(FunctionCounter.builder(meter.meterName(), owner, count)
			.description(meter.description())
			.baseUnit(meter.unit())
			.tags(meter.tags(values))
			.register(this.registry));
	}

	/**
	 * Register a counter for each outcome, which is its last tag.
	 */
	<K extends Enum<K>> void counters(DurableNotifyMeters meter, Outcomes<K, Tally> tallies, String... values) {
		tallies.forEach((outcome, tally) -> counter(meter, tally, with(values, outcome)));
	}

	<T> void gauge(DurableNotifyMeters meter, T owner, ToDoubleFunction<T> value, String... values) {
		require(meter, Kind.GAUGE);
		added(Gauge.builder(meter.meterName(), owner, value)
			.description(meter.description())
			.baseUnit(meter.unit())
			.tags(meter.tags(values))
			.register(this.registry));
	}

	/**
	 * Register a gauge of a duration.
	 * @param seconds returns it in seconds
	 */
	<T> void timeGauge(DurableNotifyMeters meter, T owner, ToDoubleFunction<T> seconds, String... values) {
		require(meter, Kind.TIME_GAUGE);
		added(TimeGauge.builder(meter.meterName(), owner, TimeUnit.SECONDS, seconds)
			.description(meter.description())
			.tags(meter.tags(values))
			.register(this.registry));
	}

	void timer(DurableNotifyMeters meter, Timing timing, String... values) {
		require(meter, Kind.TIMER);
		Timer timer = added(Timer.builder(meter.meterName())
			.description(meter.description())
			.tags(meter.tags(values))
			.register(this.registry));
		if (!(timer instanceof NoopMeter)) {
			timing.recordBy((nanos) -> timer.record(nanos, TimeUnit.NANOSECONDS));
		}
	}

	/**
	 * Register a timer for each outcome, which is its last tag.
	 */
	<K extends Enum<K>> void timers(DurableNotifyMeters meter, Outcomes<K, Timing> timings, String... values) {
		timings.forEach((outcome, timing) -> timer(meter, timing, with(values, outcome)));
	}

	void summary(DurableNotifyMeters meter, Sizes sizes, String... values) {
		require(meter, Kind.SUMMARY);
		DistributionSummary summary = added(DistributionSummary.builder(meter.meterName())
			.description(meter.description())
			.baseUnit(meter.unit())
			.tags(meter.tags(values))
			.register(this.registry));
		if (!(summary instanceof NoopMeter)) {
			sizes.recordBy(summary::record);
		}
	}

	/**
	 * Remove the meters, but for those that the registry has had before.
	 */
	void removeAll() {
		this.added.forEach(this.registry::remove);
	}

	private <M extends Meter> M added(M meter) {
		if (!this.others.contains(meter.getId())) {
			this.added.add(meter.getId());
		}
		return meter;
	}

	private static void require(DurableNotifyMeters meter, Kind kind) {
		Assert.state(meter.kind() == kind, () -> meter.meterName() + " is a " + meter.kind().text());
	}

	private static String[] with(String[] values, Enum<?> outcome) {
		return StringUtils.addStringToArray(values, MeterTag.value(outcome));
	}

}
