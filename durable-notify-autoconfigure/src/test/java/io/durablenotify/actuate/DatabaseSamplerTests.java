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

import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.actuate.DatabaseSample.Table;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkBacklog;
import io.durablenotify.work.WorkMeasures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DatabaseSampler} where the database does not answer.
 */
class DatabaseSamplerTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	private static DatabaseSampler sampler(WorkBacklog work) {
		return new DatabaseSampler(instance.bean(ApplicationDatabase.class), instance.bean(Schema.class).name(), work,
				instance.bean(WorkMeasures.class), instance.bean(ServerWatch.class));
	}

	@Test
	void whatTheServerHasGivenUpIsUnknownAndTheRestIsNot() {
		try (DatabaseSampler sampler = sampler((connection) -> {
			try (Statement statement = connection.createStatement()) {
				statement.execute("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)");
			}
			return List.of();
		})) {
			Eventually.await(() -> sampler.last().notificationQueue() >= 0, () -> sampler.last().toString());
			assertThat(sampler.last().queue("other").due()).isNaN();
			assertThat(sampler.last().probed("outbox/orders")).isNaN();
			assertThat(sampler.last().table("streams").bytes()).isPositive();
		}
	}

	@Test
	void anOldAnswerIsNone() {
		AtomicBoolean failing = new AtomicBoolean();
		try (DatabaseSampler sampler = sampler((connection) -> {
			if (failing.get()) {
				throw new SQLException("On purpose", "08006");
			}
			return List.of();
		})) {
			awaitAnswer(sampler);
			failing.set(true);
			long old = System.nanoTime() - Duration.ofMinutes(3).toNanos();
			ReflectionTestUtils.setField(sampler, "sampledAt", old);
			assertThat(sampler.last()).isSameAs(DatabaseSample.NONE);
			assertThat(sampler.age()).isGreaterThan(179);
			failing.set(false);
			awaitAnswer(sampler);
		}
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void theAgeGrowsFromTheFirstReadingWhileThereWasNoAnswer(CapturedOutput output) {
		try (DatabaseSampler sampler = sampler((connection) -> {
			throw new SQLException("On purpose", "08006");
		})) {
			assertThat(sampler.age()).isNaN();
			assertThat(sampler.last()).isSameAs(DatabaseSample.NONE);
			double age = sampler.age();
			assertThat(age).isPositive();
			sampler.last();
			assertThat(sampler.age()).isGreaterThan(age);
			Eventually.await(() -> output.getOut().contains("Failed to ask the database for what meters show"),
					output::toString);
		}
	}

	@Test
	void deadRowsAreThoseThatTheServerEstimates() {
		for (int i = 0; i < 10; i++) {
			instance.writer().append("dead-" + i, "a");
			instance.writer().delete("dead-" + i);
		}
		Eventually.await(() -> {
			try (DatabaseSampler sampler = sampler((connection) -> List.of())) {
				awaitAnswer(sampler);
				double dead = sampler.last().table("streams").dead();
				return dead > 0 && dead < 8_000 && sampler.last().table("streams").bytes() > 8_000;
			}
		}, () -> database.jdbc().queryForList("SELECT relname, n_dead_tup FROM pg_stat_user_tables"));
	}

	@Test
	void isAskedOnceInAnIntervalHoweverOftenMetersAreRead() throws InterruptedException {
		AtomicInteger asked = new AtomicInteger();
		Thread reading = Thread.currentThread();
		CountDownLatch second = new CountDownLatch(1);
		CountDownLatch going = new CountDownLatch(1);
		try (DatabaseSampler sampler = sampler((connection) -> {
			assertThat(Thread.currentThread()).isNotSameAs(reading);
			if (asked.incrementAndGet() == 2) {
				second.countDown();
				awaitQuietly(going);
			}
			return List.of();
		})) {
			awaitAnswer(sampler);
			ReflectionTestUtils.setField(sampler, "sampledAt", System.nanoTime() - Duration.ofSeconds(16).toNanos());
			sampler.last();
			second.await();
			for (int i = 0; i < 1_000; i++) {
				sampler.last();
			}
			going.countDown();
			Eventually.await(() -> sampler.age() < 16, () -> String.valueOf(sampler.age()));
			for (int i = 0; i < 1_000; i++) {
				sampler.last();
			}
			assertThat(loop(sampler).finish(Eventually.TIMEOUT)).isTrue();
			assertThat(asked).hasValue(2);
		}
	}

	private static void awaitQuietly(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Test
	void tablesAreAskedForEveryFiveMinutes() {
		try (DatabaseSampler sampler = sampler((connection) -> List.of())) {
			awaitAnswer(sampler);
			Map<String, Table> tables = sampler.last().tables();
			assertThat(tablesAfter(sampler, Duration.ofSeconds(290))).isSameAs(tables);
			assertThat(tablesAfter(sampler, Duration.ofSeconds(301))).isNotSameAs(tables).containsKey("streams");
		}
	}

	/**
	 * Return the tables of the next sample.
	 * @param age how long ago they were asked for
	 */
	private static Map<String, Table> tablesAfter(DatabaseSampler sampler, Duration age) {
		DatabaseSample before = sampler.last();
		ReflectionTestUtils.setField(sampler, "tablesAt", System.nanoTime() - age.toNanos());
		sampler.refresh();
		Eventually.await(() -> sampler.last() != before, () -> String.valueOf(sampler.age()));
		return sampler.last().tables();
	}

	@Test
	void asksForTenMinutesAfterTheLastReading() {
		try (DatabaseSampler sampler = sampler((connection) -> List.of())) {
			awaitAnswer(sampler);
			assertThat(nextAfterReading(sampler, Duration.ofSeconds(590)))
				.isEqualTo(Next.after(Duration.ofSeconds(15)));
			assertThat(nextAfterReading(sampler, Duration.ofSeconds(601))).isEqualTo(Next.IDLE);
		}
	}

	/**
	 * Return what comes after a sample.
	 * @param age how long ago meters were read
	 */
	private static Next nextAfterReading(DatabaseSampler sampler, Duration age) {
		ReflectionTestUtils.setField(sampler, "readAt", System.nanoTime() - age.toNanos());
		return ReflectionTestUtils.<Next>invokeMethod(sampler, "sample");
	}

	@Test
	void asksNothingBetweenStopAndStart() {
		AtomicInteger asked = new AtomicInteger();
		WorkBacklog work = (connection) -> {
			asked.incrementAndGet();
			return List.of();
		};
		try (DatabaseSampler sampler = sampler(work)) {
			sampler.stop();
			sampler.start();
			awaitAnswer(sampler);
		}
		asked.set(0);
		try (DatabaseSampler sampler = sampler(work)) {
			sampler.stop();
			sampler.last();
			assertThat(loop(sampler).finish(Eventually.TIMEOUT)).isTrue();
			assertThat(asked).hasValue(0);
		}
	}

	@Test
	void stopsWithTheApplicationContext() {
		try (Instance stopping = Instance.start(database, (application) -> application.sources(WithMetrics.class))) {
			DatabaseSampler sampler = stopping.bean(DatabaseSampler.class);
			stopping.context().stop();
			assertThat(sampler.isRunning()).isFalse();
			stopping.context().start();
			assertThat(sampler.isRunning()).isTrue();
		}
	}

	private static BackgroundLoop loop(DatabaseSampler sampler) {
		return (BackgroundLoop) ReflectionTestUtils.getField(sampler, "loop");
	}

	private static void awaitAnswer(DatabaseSampler sampler) {
		Eventually.await(() -> sampler.last().queue("other").due() == 0, () -> sampler.last().toString());
	}

}
