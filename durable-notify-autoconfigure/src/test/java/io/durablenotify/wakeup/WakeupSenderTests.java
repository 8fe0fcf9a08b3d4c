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

package io.durablenotify.wakeup;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.boot.convert.DurationStyle;

import org.springframework.jdbc.datasource.DriverManagerDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.mockito.BDDMockito.then;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.times;

/**
 * Tests for what {@link WakeupSender} sends, and when.
 */
class WakeupSenderTests {

	/**
	 * As many as make any pause the longest one.
	 */
	private static final int MANY = 1_000_000;

	@Fixture
	private static TestDatabase database;

	private final AtomicInteger instances = new AtomicInteger(1);

	private ChannelTap tap;

	@BeforeEach
	void openTap() {
		this.tap = ChannelTap.on(database, "paced");
	}

	@AfterEach
	void closeTap() {
		this.tap.close();
	}

	@ParameterizedTest
	@CsvSource({ "100us, 1, 1, 800us", "100us, 1, 2, 1600us", "100us, 3, 1, 2400us", "100us, 4, 1, 3ms",
			"100us, 1000, 1, 3ms", "100us, 1000, 20, 60ms", "100us, 1000, 100, 100ms", "10ms, 1, 2, 100ms" })
	void thePauseIsLongWhereThereIsMuchToGather(String cost, int writes, int instances, String expected) {
		assertThat(
				WakeupSender.gap(DurationStyle.SIMPLE.parse(cost).toNanos(), writes, instances, Duration.ofMillis(100)))
			.isEqualTo(DurationStyle.SIMPLE.parse(expected));
	}

	@Test
	void afterASendItGathersForAsLongAsTheGapAllows() {
		try (WakeupSender sender = sender(Duration.ofSeconds(1))) {
			this.instances.set(MANY);
			long start = System.nanoTime();
			sender.offer("topic", Wakeup.moved(1, 1));
			this.tap.await(1);
			for (int position = 2; position <= 100; position++) {
				sender.offer("topic", Wakeup.moved(1, position));
				sender.offer("topic", Wakeup.moved(2, position));
			}
			this.tap.await(2);
			assertThat(elapsedSince(start)).isGreaterThan(Duration.ofSeconds(1));
			assertThat(this.tap.payloads()).isEqualTo(List.of("1 me topic 1:1:-", "1 me topic 1:100:- 2:100:-"));
		}
	}

	@Test
	void withFewInstancesItGathersForAMomentOnly() {
		try (WakeupSender sender = sender(Duration.ofMinutes(10))) {
			for (int position = 1; position <= 20; position++) {
				sender.offer("topic", Wakeup.moved(1, position));
				this.tap.await(position);
			}
			assertThat(this.tap.payloads()).hasSize(20);
		}
	}

	@Test
	void closingSendsWhatIsLeftAndDoesNotWaitForTheGap() {
		this.instances.set(MANY);
		long start = System.nanoTime();
		try (WakeupSender sender = sender(Duration.ofMinutes(10))) {
			sender.offer("topic", Wakeup.moved(1, 1));
			this.tap.await(1);
			sender.offer("topic", Wakeup.ended(1));
		}
		this.tap.await(2);
		assertThat(this.tap.payloads()).containsExactly("1 me topic 1:1:-", "1 me topic 1:0:e");
		assertThat(elapsedSince(start)).isLessThan(Duration.ofSeconds(30));
	}

	@Test
	void whatGatheredForSeveralTopicsIsReceivedWhole() {
		this.instances.set(MANY);
		try (WakeupSender sender = sender(Duration.ofMinutes(10))) {
			sender.offer("topic", Wakeup.moved(1, 1));
			this.tap.await(1);
			sender.offer("topic", Wakeup.moved(1, 2));
			sender.offer("other", Wakeup.moved(2, 1));
		}
		this.tap.await(3);
		assertThat(this.tap.payloads()).containsExactly("1 me topic 1:1:-", "1 me topic 1:2:-", "1 me other 2:1:-");
	}

	/**
	 * A caller that was told of a failure would store once more what is committed.
	 */
	@Test
	void whatNoThreadCouldBeHadForIsNoFailureAndIsSentWithTheNextOne() throws Exception {
		AtomicReference<Step> step = new AtomicReference<>();
		BackgroundLoop loop = mock();
		willThrow(new OutOfMemoryError("unable to create native thread")).given(loop).signal();
		try (WakeupSender sender = new WakeupSender(database(), "paced", "me", Duration.ZERO, this.instances::get,
				() -> {
				}, new WakeupMeasures(), (send) -> {
					step.set(send);
					return loop;
				})) {
			WakeupBatch batch = new WakeupBatch();
			batch.add("topic", Wakeup.moved(2, 1));
			assertThatCode(() -> sender.offer("topic", Wakeup.moved(1, 1))).doesNotThrowAnyException();
			assertThatCode(() -> sender.offer(batch)).doesNotThrowAnyException();
			then(loop).should(times(2)).signal();
			step.get().run();
			this.tap.await(1);
			assertThat(this.tap.payloads()).containsExactly("1 me topic 1:1:- 2:1:-");
		}
	}

	private WakeupSender sender(Duration maxGap) {
		return new WakeupSender(database(), "paced", "me", maxGap, this.instances::get, () -> {
		}, new WakeupMeasures());
	}

	private static ApplicationDatabase database() {
		return new ApplicationDatabase(new DriverManagerDataSource(database.url()), () -> null);
	}

	private static Duration elapsedSince(long start) {
		return Duration.ofNanos(System.nanoTime() - start);
	}

}
