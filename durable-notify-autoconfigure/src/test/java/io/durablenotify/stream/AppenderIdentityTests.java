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

package io.durablenotify.stream;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.instance.Instances;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DelegatingDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests that an appender writes and ends the stream that it was opened for, and no other
 * of its name, also before the wake-up for an end from elsewhere. One of the instances
 * sends none.
 */
class AppenderIdentityTests {

	private static final String APPEND_TIMEOUT = "durable-notify.streams.append-timeout=1s";

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture(properties = "durable-notify.wakeup.mode=none")
	private static Instance mute;

	@Test
	void nothingIsAppendedAfterADeleteWithoutANotification() {
		StreamAppender appender = instance.writer().appender("deleted");
		appender.append("first half");
		mute.writer().delete("deleted");
		assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> appender.append("second half"))
			.withMessage("Stream 'deleted' was deleted while it was being written; nothing was stored");
		appender.close();
		assertThat(instance.reader().info("deleted")).isEmpty();
	}

	@Test
	void aLastChunkIsNotAppendedAfterADeleteWithoutANotification() {
		StreamAppender appender = instance.writer().appender("last");
		appender.append("first half");
		mute.writer().delete("last");
		assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> appender.complete("second half"))
			.withMessageContaining("was deleted while it was being written");
		appender.close();
		assertThat(instance.reader().info("last")).isEmpty();
	}

	@Test
	void anotherStreamOfTheNameIsNeitherWrittenNorEnded() {
		StreamAppender old = instance.writer().appender("again");
		old.append("old");
		mute.writer().delete("again");
		StreamAppender fresh = mute.writer().appender("again");
		fresh.append("new 0");
		assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> old.append("old"));
		old.close();
		StreamAppender completed = instance.writer().appender("again/completed");
		mute.writer().delete("again/completed");
		mute.writer().append("again/completed", "new");
		assertThatExceptionOfType(IllegalStateException.class).isThrownBy(completed::complete);
		completed.fail("not the new one");
		completed.cancel("not the new one");
		assertThat(instance.reader().info("again/completed")).get()
			.extracting(StreamInfo::state)
			.isEqualTo(StreamState.OPEN);
		fresh.append("new 1");
		fresh.complete();
		assertThat(instance.reader().info("again")).get().extracting(StreamInfo::nextIndex).isEqualTo(2L);
	}

	@Test
	void appendsByNameAndByAnAppenderAreSeparateInOneBatch() {
		StreamAppender old = instance.writer().appender("batch");
		mute.writer().delete("batch");
		for (int i = 0; i < 100; i++) {
			instance.writer().appendAsync("batch", "by name");
			assertThat(catchThrowable(() -> old.append("by the appender"))).isInstanceOf(IllegalStateException.class);
		}
		instance.writer().complete("batch");
		assertThat(instance.reader().info("batch")).get().extracting(StreamInfo::nextIndex).isEqualTo(100L);
	}

	@Test
	void onEndedRunsIfTheAppendFindsTheEndFirst() {
		AtomicInteger calls = new AtomicInteger();
		try (StreamAppender appender = instance.writer().appender("cancelled")) {
			appender.onEnded(calls::incrementAndGet);
			appender.append("a");
			mute.writer().cancel("cancelled", "stop");
			assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> appender.append("b"));
		}
		Eventually.await(() -> calls.get() == 1, calls::get);
	}

	@Test
	void onEndedRunsAtOnceIfTheStreamHadEndedBefore() {
		instance.writer().cancel("early", "stop");
		AtomicInteger calls = new AtomicInteger();
		StreamAppender appender = instance.writer().appender("early");
		appender.onEnded(calls::incrementAndGet);
		Eventually.await(() -> calls.get() == 1, calls::get);
		appender.close();
	}

	@Test
	void aCreationThatIsRolledBackIsNoEnd() {
		AtomicInteger calls = new AtomicInteger();
		StreamAppender appender = instance.transaction().execute((status) -> {
			StreamAppender opened = instance.writer().appender("rolled-back");
			opened.onEnded(calls::incrementAndGet);
			opened.append("a");
			status.setRollbackOnly();
			return opened;
		});
		AtomicInteger others = new AtomicInteger();
		StreamAppender other = instance.writer().appender("other");
		other.onEnded(others::incrementAndGet);
		mute.writer().complete("other");
		// Found by the same check
		Eventually.await(() -> others.get() == 1, others::get);
		other.close();
		assertThat(calls).hasValue(0);
		assertThatNoException().isThrownBy(() -> appender.append("again"));
		mute.writer().complete("rolled-back");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> appender.append("b"));
		Eventually.await(() -> calls.get() == 1, calls::get);
		appender.close();
	}

	@Test
	void whatWasCompletedElsewhereCanBeCompleted() {
		AtomicInteger calls = new AtomicInteger();
		StreamAppender appender = instance.writer().appender("completed");
		appender.onEnded(calls::incrementAndGet);
		appender.append("a");
		mute.writer().complete("completed");
		Eventually.await(() -> calls.get() == 1, calls::get);
		assertThatNoException().isThrownBy(appender::complete);
	}

	@Test
	void aHandleIsMissedWhoseCompletionIsRolledBackAfterItWasDropped() {
		instance.transaction().executeWithoutResult((status) -> {
			appendAndComplete("dropped");
			status.setRollbackOnly();
		});
		Eventually.await(() -> {
			System.gc();
			return instance.reader().info("dropped").orElseThrow().state() == StreamState.FAILED;
		}, () -> instance.reader().info("dropped"));
	}

	private static void appendAndComplete(String stream) {
		// Committed separately, so that the stream stays
		StreamAppender appender = instance.newTransaction().execute((status) -> instance.writer().appender(stream));
		appender.append("a");
		appender.complete();
	}

	/**
	 * The caller that opened it has no appender to close.
	 */
	@Test
	void aStreamEndsWhoseOpeningIsStoredButNotConfirmed() {
		AtomicInteger lost = new AtomicInteger();
		try (Instance cut = Instance.start(database,
				(application) -> application.initializers((context) -> ((GenericApplicationContext) context)
					.registerBean("losing", BeanPostProcessor.class, () -> new LosingAnswers(lost, () -> {
					}))))) {
			lost.set(1);
			StreamAppender appender = cut.writer().appender("lost/once");
			appender.append("a");
			appender.complete();
			lost.set(2);
			assertThatExceptionOfType(AppendOutcomeUnknownException.class)
				.isThrownBy(() -> cut.writer().appender("lost/twice"));
			Eventually.await(() -> isFailed("lost/twice"), () -> instance.reader().info("lost/twice"));
			long writer = cut.bean(Instances.class).leases().get(0).instanceId();
			List<String> streams = List.of("lost/held", "lost/other", "lost/late");
			streams.forEach((stream) -> instance.writer().create(stream, StreamOptions.none()));
			setWriter(database.jdbc(), writer, "lost/held");
			setWriter(database.jdbc(), writer, "lost/other");
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("lost/held", "a");
				streams.forEach((stream) -> cut.bean(OpenAppenders.class).claimUnknown(stream, writer));
				Eventually.await(() -> isFailed("lost/other"), () -> instance.reader().info("lost/other"));
				setWriter(instance.jdbc(), writer, "lost/late");
			});
			streams.forEach((stream) -> Eventually.await(() -> isFailed(stream), () -> stream));
		}
	}

	@Test
	void aStreamThatIsOpenedAgainIsNotFailedForAnOpeningThatWasNotConfirmed() {
		AtomicInteger lost = new AtomicInteger();
		CompletableFuture<StreamAppender> opened = new CompletableFuture<>();
		AtomicReference<Runnable> openAgain = new AtomicReference<>(() -> {
		});
		try (Instance cut = Instance.start(database,
				(application) -> application
					.initializers((context) -> ((GenericApplicationContext) context).registerBean("losing",
							BeanPostProcessor.class, () -> new LosingAnswers(lost, () -> openAgain.get().run()))))) {
			// In the moment between the look at the open appenders and the statement
			openAgain.set(() -> {
				if (!opened.isDone()) {
					opened.complete(Background.supply(() -> cut.writer().appender("lost/again")).join());
				}
			});
			lost.set(2);
			assertThatExceptionOfType(AppendOutcomeUnknownException.class)
				.isThrownBy(() -> cut.writer().appender("lost/again"));
			StreamAppender appender = opened.orTimeout(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS).join();
			// Given up after that
			lost.set(2);
			assertThatExceptionOfType(AppendOutcomeUnknownException.class)
				.isThrownBy(() -> cut.writer().appender("lost/after"));
			Eventually.await(() -> isFailed("lost/after"), () -> instance.reader().info("lost/after"));
			appender.append("a");
			appender.complete();
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aStreamThatIsOpenedAgainIsNotFailedForACloseThatFailed(boolean elsewhere) {
		String stream = "reopened/" + elsewhere;
		String other = "closed/" + elsewhere;
		try (Instance closing = Instance.start(database, APPEND_TIMEOUT)) {
			Instance opening = (elsewhere) ? instance : closing;
			List<StreamAppender> appenders = openAppenders(closing, stream, other);
			StreamAppender appender = opening.transaction().execute((status) -> {
				StreamAppender opened = opening.writer().appender(stream);
				opening.writer().append(other, "locked");
				failToClose(appenders);
				return opened;
			});
			// By the same statement
			Eventually.await(() -> isFailed(other), () -> instance.reader().info(other));
			appender.append("a");
			appender.complete();
		}
	}

	@Test
	void aStreamThatIsOpenedAgainWhileItIsFailedForACloseThatFailedGoesOn() {
		AtomicReference<Instance> self = new AtomicReference<>();
		CountDownLatch committed = new CountDownLatch(1);
		CompletableFuture<StreamAppender> opened = new CompletableFuture<>();
		try (Instance cut = Instance.start(database,
				(application) -> application
					.initializers((context) -> ((GenericApplicationContext) context).registerBean("losing",
							BeanPostProcessor.class, () -> new LosingAnswers(new AtomicInteger(), () -> {
								if (!opened.isDone()) {
									Eventually.await(committed);
									opened
										.complete(Background.supply(() -> self.get().writer().appender("during/again"))
											.join());
								}
							}))),
				APPEND_TIMEOUT)) {
			self.set(cut);
			List<StreamAppender> appenders = openAppenders(cut, "during/again", "during/closed");
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("during/again", "locked");
				instance.writer().append("during/closed", "locked");
				failToClose(appenders);
			});
			committed.countDown();
			StreamAppender appender = opened.orTimeout(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS).join();
			Eventually.await(() -> isFailed("during/closed"), () -> instance.reader().info("during/closed"));
			appender.append("a");
			appender.complete();
		}
	}

	private static List<StreamAppender> openAppenders(Instance instance, String... streams) {
		return Stream.of(streams).map(instance.writer()::appender).toList();
	}

	/**
	 * Close appenders whose streams the caller's transaction has locked.
	 */
	private static void failToClose(List<StreamAppender> appenders) {
		Background.run(() -> appenders.forEach((appender) -> assertThat(catchThrowable(appender::close)).isNotNull()))
			.join();
	}

	private static void setWriter(JdbcTemplate jdbc, long instanceId, String stream) {
		jdbc.update("UPDATE durable_notify.streams SET writer_id = ? WHERE name = ?", instanceId, stream);
	}

	private static boolean isFailed(String stream) {
		return instance.reader().info(stream).orElseThrow().state() == StreamState.FAILED;
	}

	/**
	 * Loses the server's answers to some statements by which a stream is claimed.
	 *
	 * @param left how many
	 * @param beforeGiveUp called before streams are failed whose claims or ends may not
	 * be stored
	 */
	private record LosingAnswers(AtomicInteger left, Runnable beforeGiveUp) implements BeanPostProcessor {

		@Override
		public Object postProcessAfterInitialization(Object bean, String beanName) {
			return (bean instanceof DataSource dataSource) ? new DelegatingDataSource(dataSource) {

				@Override
				public Connection getConnection() throws SQLException {
					return losing(Connection.class, super.getConnection());
				}

			} : bean;
		}

		private <T> T losing(Class<T> type, T target) {
			return type.cast(Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] { type },
					(proxy, method, arguments) -> {
						try {
							if (method.getName().equals("prepareStatement")
									&& arguments[0].toString().contains("ended_at IS NULL ORDER BY stream_id")
									&& !arguments[0].toString().contains("WHERE writer_id")) {
								this.beforeGiveUp.run();
							}
							Object result = method.invoke(target, arguments);
							if (method.getName().equals("prepareStatement")
									&& arguments[0].toString().contains("writer_id = excluded.writer_id")) {
								return losing(PreparedStatement.class, (PreparedStatement) result);
							}
							if (method.getName().equals("execute") && target instanceof PreparedStatement
									&& this.left.getAndUpdate((count) -> Math.max(0, count - 1)) > 0) {
								throw new SQLException("The answer is lost", "08006");
							}
							return result;
						}
						catch (InvocationTargetException ex) {
							throw ex.getCause();
						}
					}));
		}

	}

}
