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

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.channel.DurableChannels;
import io.durablenotify.instance.Instances;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeups;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that a registry which outlives an application context has no meters of it, and
 * does not keep it.
 */
class ClosedContextMetersTests {

	@Fixture
	private static TestDatabase database;

	private final MeterRegistry registry = new SimpleMeterRegistry();

	private static Instance start() {
		Instance instance = Instance.start(database, (application) -> application.sources(WithMetrics.class));
		instance.awaitStatus(Status.LISTENING);
		return instance;
	}

	private static DurableNotifyMetrics binder(Instance instance) {
		return (DurableNotifyMetrics) instance.context().getBean("durableNotifyMetrics", MeterBinder.class);
	}

	private double listening() {
		return this.registry.get(DurableNotifyMeters.LISTENER_STATUS.meterName())
			.tags("status", "listening")
			.gauge()
			.value();
	}

	@Test
	void aContextThatComesAfterAnotherHasItsOwnMeters() {
		try (Instance before = start()) {
			binder(before).bindTo(this.registry);
			before.writer().append("before", "a");
		}
		assertThat(this.registry.getMeters()).isEmpty();
		try (Instance after = start()) {
			binder(after).bindTo(this.registry);
			after.writer().append("after", "a");
			assertThat(listening()).isEqualTo(1);
			assertThat(this.registry.get(DurableNotifyMeters.APPEND.meterName())
				.tags("topic", "streams", "outcome", "stored")
				.timer()
				.count()).isEqualTo(1);
		}
	}

	@Test
	void aContextThatEndsRemovesNoMetersOfAnother() {
		try (Instance instance = start()) {
			binder(instance).bindTo(this.registry);
			int meters = this.registry.getMeters().size();
			try (Instance other = start()) {
				binder(other).bindTo(this.registry);
			}
			assertThat(this.registry.getMeters()).hasSize(meters);
			assertThat(listening()).isEqualTo(1);
		}
	}

	@Test
	void aRegistryKeepsNothingOfAContextThatHasEnded() {
		awaitCollected(bindAndClose());
		assertThat(this.registry.getMeters()).isNotEmpty();
	}

	/**
	 * A method of its own: a variable would keep the context.
	 */
	private List<WeakReference<Object>> bindAndClose() {
		List<WeakReference<Object>> beans = new ArrayList<>();
		try (Instance instance = start()) {
			// Another binder, whose meters remain
			new DurableNotifyMetrics(binder(instance)::sources).bindTo(this.registry);
			for (Class<?> type : List.of(NotificationListener.class, Wakeups.class, StreamReader.class,
					DatabaseSampler.class, DurableChannels.class, Instances.class)) {
				beans.add(new WeakReference<>(instance.bean(type)));
			}
		}
		return beans;
	}

	private static void awaitCollected(List<WeakReference<Object>> beans) {
		Eventually.await(() -> {
			System.gc();
			return beans.stream().allMatch((bean) -> bean.refersTo(null));
		}, () -> beans.stream().map(WeakReference::get).toList());
	}

}
