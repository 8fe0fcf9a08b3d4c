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

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;

import javax.sql.DataSource;

import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunLockedException;
import io.durablenotify.stream.StreamLockedException;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.datasource.DelegatingDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests that operations are recorded whichever way they go.
 */
class OperationMetersTests {

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	@BeforeAll
	static void start() {
		instance = Instance.start(database,
				(application) -> application.sources(WithMetrics.class, FailingConnections.class),
				"durable-notify.streams.append-timeout=100ms", "durable-notify.events.append-timeout=100ms");
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	private static double value(DurableNotifyMeters meter, String... tags) {
		return WithMetrics.value(instance, meter, tags);
	}

	@Test
	void anAppendThatEndsWithAnErrorHasFailed() {
		double streamsStored = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "stored");
		double streamsFailed = value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "failed");
		double eventsFailed = value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "failed");
		FailingConnections.thread = Thread.currentThread();
		try {
			assertThatExceptionOfType(StackOverflowError.class)
				.isThrownBy(() -> instance.writer().complete("error", "a"));
			assertThatExceptionOfType(StackOverflowError.class)
				.isThrownBy(() -> instance.events().append(NewEvent.of("error", "type")));
		}
		finally {
			FailingConnections.thread = null;
		}
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "stored")).isEqualTo(streamsStored);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "streams", "outcome", "failed"))
			.isEqualTo(streamsFailed + 1);
		assertThat(value(DurableNotifyMeters.APPEND, "topic", "events", "outcome", "failed"))
			.isEqualTo(eventsFailed + 1);
	}

	@Test
	void theFirstFetchOfAReaderHasATarget() {
		instance.writer().append("fetched", "a");
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe("fetched", StreamPosition.start(), handler);
		handler.awaitChunks(1);
		WithMetrics.await(instance, DurableNotifyMeters.FETCH_TARGETS,
				(targets) -> targets > 0 && targets == value(DurableNotifyMeters.FETCH, "topic", "streams"), "topic",
				"streams");
	}

	@Test
	void aStatementThatALockEndsIsTimed() {
		instance.writer().append("locked", "a");
		instance.events().append(NewEvent.of("locked", "type"));
		instance.transaction().executeWithoutResult((status) -> {
			instance.writer().append("locked", "a");
			instance.events().append(NewEvent.of("locked", "type"));
			double streams = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "transaction");
			double events = value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "transaction");
			CompletableFuture<Void> others = Background.run(() -> {
				assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> instance.transaction()
					.executeWithoutResult((other) -> instance.writer().append("locked", "b")));
				assertThatExceptionOfType(RunLockedException.class).isThrownBy(() -> instance.transaction()
					.executeWithoutResult((other) -> instance.events().append(NewEvent.of("locked", "type"))));
			});
			assertThat(others).succeedsWithin(Eventually.TIMEOUT);
			assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "streams", "mode", "transaction"))
				.isGreaterThan(streams);
			assertThat(value(DurableNotifyMeters.APPEND_STATEMENT, "topic", "events", "mode", "transaction"))
				.isGreaterThan(events);
		});
	}

	@Test
	void aClaimThatALockEndsIsTimed() throws SQLException {
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("locked"), (item) -> WorkOutcome.done());
		WorkQueue work = instance.bean(WorkQueue.class);
		work.enqueue(WorkRequest.of("locked", "a"));
		WithMetrics.await(instance, DurableNotifyMeters.WORK_FINISHED, (finished) -> finished == 1, "queue", "locked",
				"outcome", "done");
		try (Connection locking = DriverManager.getConnection(database.url())) {
			locking.setAutoCommit(false);
			locking.createStatement()
				.execute("UPDATE durable_notify.work_queues SET looked_at = looked_at WHERE name = 'locked'");
			double claims = value(DurableNotifyMeters.WORK_CLAIM, "queue", "locked");
			work.enqueue(WorkRequest.of("locked", "b"));
			// One that has come before the lock may be counted after it
			WithMetrics.await(instance, DurableNotifyMeters.WORK_CLAIM, (count) -> count >= claims + 2, "queue",
					"locked");
			locking.rollback();
		}
	}

	/**
	 * One thread gets no connections.
	 */
	@Configuration(proxyBeanMethods = false)
	static class FailingConnections {

		private static volatile @Nullable Thread thread;

		@Bean
		static BeanPostProcessor failingConnections() {
			return new BeanPostProcessor() {

				@Override
				public Object postProcessAfterInitialization(Object bean, String name) {
					return (bean instanceof DataSource dataSource) ? wrap(dataSource) : bean;
				}

			};
		}

		private static DataSource wrap(DataSource dataSource) {
			return new DelegatingDataSource(dataSource) {

				@Override
				public Connection getConnection() throws SQLException {
					if (Thread.currentThread() == thread) {
						throw new StackOverflowError("no connection");
					}
					return super.getConnection();
				}

			};
		}

	}

}
