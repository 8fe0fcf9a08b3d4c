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

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import io.durablenotify.instance.Instances;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionDefinition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests that a stream ends, also if the process that writes it is killed or suspended.
 */
class StreamLeaseTests {

	private static final String STOPPED = "abandoned: the application stopped";

	private static final String LAPSED = "abandoned: the lease of the writer's instance ran out";

	private static final Duration LEASE = Duration.ofSeconds(2);

	private static final String SHORT_LEASE = "durable-notify.streams.lease=2s";

	/**
	 * Shutdown does not wait for a task that does not end.
	 */
	private static final String IMPATIENT = "--spring.lifecycle.timeout-per-shutdown-phase=200ms";

	private static final String IMPATIENT_POOL = "spring.datasource.hikari.connection-timeout=1000";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = SHORT_LEASE)
	private static Instance instance;

	@Fixture
	private static StreamReader reader;

	@ParameterizedTest
	@ValueSource(strings = { IMPATIENT,
			IMPATIENT + " --spring.task.execution.shutdown.await-termination=true"
					+ " --spring.task.execution.shutdown.await-termination-period=500ms",
			"--test.executor=plainExecutor" })
	void anApplicationThatIsTerminatedFailsWhatItIsWriting(String properties) {
		terminate("terminated/" + properties.hashCode(), properties.split(" "));
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "Virtual threads need Java 21")
	void anApplicationThatIsTerminatedFailsWhatItsVirtualThreadsAreWriting() {
		// A virtual thread does not keep the JVM alive
		terminate("terminated/virtual", "--spring.threads.virtual.enabled=true", "--spring.main.keep-alive=true");
	}

	@Test
	void whatIsWrittenWhileAnExecutorAwaitsItsTasksIsStored() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("awaited", StreamPosition.start(), handler);
		try (WriterProcess writer = WriterProcess.start(database, "awaited", IMPATIENT,
				"--spring.task.execution.shutdown.await-termination=true",
				"--spring.task.execution.shutdown.await-termination-period=30s", "--test.words=100", "--test.pause=20",
				"--test.complete=true")) {
			writer.awaitLine("writing");
			writer.terminate();
			handler.awaitComplete().assertGapFree(0, 100);
			writer.awaitExit();
			assertThat(writer.toString()).doesNotContain("when it stopped have failed");
		}
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aStreamWithTwoAppendersIsNamedOnce(CapturedOutput output) {
		List<StreamAppender> appenders = new ArrayList<>();
		try (Instance stopping = Instance.start(database)) {
			for (int i = 0; i < 2; i++) {
				StreamAppender appender = stopping.writer().appender("twice");
				appender.append("a");
				appenders.add(appender);
			}
		}
		assertThat(output).contains("when it stopped have failed: 1 (twice)");
		// Not before: the stream of an appender that is dropped fails by itself
		Reference.reachabilityFence(appenders);
	}

	private static void terminate(String stream, String... properties) {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		String[] arguments = new String[properties.length + 1];
		arguments[0] = stream;
		System.arraycopy(properties, 0, arguments, 1, properties.length);
		try (WriterProcess writer = WriterProcess.start(database, arguments)) {
			writer.awaitLine("writing");
			writer.terminate();
			assertThat(handler.awaitError()).isInstanceOf(StreamFailedException.class).hasMessageContaining(STOPPED);
			writer
				.awaitLine("Streams that the application was writing when it stopped have failed: 1 (" + stream + ")");
			writer.awaitExit();
			assertThat(writer.toString()).doesNotContain("TaskRejectedException");
		}
		// What was acknowledged was stored, and nothing after the end
		handler.assertGapFree(0, (int) reader.info(stream).orElseThrow().nextIndex());
		assertThat(instances()).isOne();
	}

	private static int instances() {
		return database.jdbc().queryForObject("SELECT count(*) FROM durable_notify.instances", Integer.class);
	}

	@Test
	void anotherInstanceFailsWhatAKilledOneWasWritingWithinASecondAfterItsLease() {
		Eventually.assertTakesLess(LEASE.plusSeconds(1), () -> kill("killed/" + System.nanoTime()));
		Eventually.await(() -> instances() == 1, () -> instances());
	}

	/**
	 * Return how long it takes until the stream of a killed writer has failed.
	 */
	private static Duration kill(String stream) {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		try (WriterProcess writer = WriterProcess.start(database, stream, "--" + SHORT_LEASE)) {
			writer.awaitLine("writing");
			handler.awaitChunks(1);
			writer.kill();
			long killed = System.nanoTime();
			assertThat(handler.awaitError()).isInstanceOf(StreamFailedException.class).hasMessageContaining(LAPSED);
			return Duration.ofNanos(System.nanoTime() - killed);
		}
	}

	@Test
	void aWriterThatThinksForLongerThanItsLeaseIsNotTakenForDead() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("thinking", StreamPosition.start(), handler);
		try (WriterProcess writer = WriterProcess.start(database, "thinking", "--durable-notify.streams.lease=1s",
				"--test.words=2", "--test.pause=3000")) {
			handler.awaitChunks(2);
			assertThat(handler.ends()).isZero();
		}
		handler.awaitError();
	}

	@Test
	void aWriterThatWasStoppedForLongerThanItsLeaseLearnsThatItsStreamHasEnded() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("stopped", StreamPosition.start(), handler);
		try (WriterProcess writer = WriterProcess.start(database, "stopped", "--" + SHORT_LEASE)) {
			writer.awaitLine("writing");
			writer.stop();
			assertThat(handler.awaitError()).hasMessageContaining(LAPSED);
			writer.resume();
			assertThat(writer.awaitLine("writer: ")).contains("StreamEndedException").contains(LAPSED);
			writer.awaitLine("ended without the appender");
		}
		handler.assertGapFree(0, (int) reader.info("stopped").orElseThrow().nextIndex());
	}

	@Test
	void noInstanceFailsWhatOthersAreWritingUntilADatabaseThatWasAwayHasBeenBackForALease(@TempDir Path directory) {
		try (OwnServer server = OwnServer.start(directory);
				TcpProxy proxy = TcpProxy.to(server.database());
				Instance first = Instance.start(new TestDatabase(proxy.url()), SHORT_LEASE);
				Instance second = Instance.start(server.database(), SHORT_LEASE);
				WriterProcess killed = WriterProcess.start(server.database(), "of-killed", "--" + SHORT_LEASE)) {
			killed.awaitLine("writing");
			StreamAppender alive = first.writer().appender("of-alive");
			alive.append("before");
			killed.kill();
			server.shutDown();
			proxy.reject();
			// Longer than the lease
			awaitLease(second, "not renewed in time");
			awaitLease(first, "not renewed in time");
			server.restart();
			awaitLease(second, "held");
			// The first comes back later, when its lease has run out long ago
			proxy.pass();
			awaitLease(first, "held");
			assertThat(alive.append("after")).isOne();
			RecordingHandler handler = new RecordingHandler();
			second.reader().subscribe("of-killed", StreamPosition.start(), handler);
			assertThat(handler.awaitError()).hasMessageContaining(LAPSED);
			alive.complete();
			assertThat(second.reader().info("of-alive").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
		}
	}

	private static void awaitLease(Instance instance, String state) {
		Object instances = instance.context().getBean("durableNotifyInstances");
		Eventually.await(() -> instances.toString().contains(state), instances::toString);
	}

	@Test
	void aStreamThatAnotherTransactionHoldsDelaysTheEndOfNoOther() {
		Instance stopping = Instance.start(database, "durable-notify.streams.append-timeout=30s");
		stopping.writer().appender("stop/free").append("a");
		StreamAppender held = stopping.writer().appender("stop/held");
		CountDownLatch locked = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			instance.writer().append("stop/held", "a");
			locked.countDown();
			Eventually.await(release);
		}));
		Eventually.await(locked);
		CompletableFuture<Void> append = Background.run(() -> held.append("b"));
		AppendPipeline pipeline = stopping.bean(AppendPipeline.class);
		Eventually.await(() -> pipeline.isAppending("stop/held"), append::toString);
		CompletableFuture<Void> stop = Background.run(stopping::close);
		Eventually.await(() -> reader.info("stop/free").orElseThrow().state() == StreamState.FAILED,
				() -> reader.info("stop/free"));
		assertThat(append).isNotDone();
		release.countDown();
		CompletableFuture.allOf(holder, append, stop).join();
		StreamInfo info = reader.info("stop/held").orElseThrow();
		assertThat(info.state()).isEqualTo(StreamState.FAILED);
		assertThat(info.nextIndex()).as("what was being appended is stored").isEqualTo(2);
	}

	@Test
	void anAppenderWithoutALeaseOutlivesItsInstance() {
		try (Instance other = Instance.start(database, SHORT_LEASE)) {
			other.writer().appender("leased");
			other.writer().appender("unleased", AppenderOptions.noLease());
			assertThat(writers("leased")).isNotNull();
			assertThat(writers("unleased")).isNull();
		}
		// Ended as the others when the application stops
		assertThat(reader.info("unleased").orElseThrow().failureReason()).isEqualTo(STOPPED);
	}

	@Test
	void anAppenderCanBeOpenedOnASnapshotFromBeforeARenewal() {
		try (Instance frequent = Instance.start(database, "durable-notify.streams.lease=3s")) {
			// The snapshot must be from after its beginning
			awaitLease(frequent, "held");
			String lease = "SELECT lease_until::text FROM durable_notify.instances WHERE instance_id = "
					+ frequent.bean(Instances.class).leases().get(0).instanceId();
			frequent.transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ).executeWithoutResult((status) -> {
				Object before = frequent.jdbc().queryForObject(lease, String.class);
				Eventually.await(() -> !before.equals(database.jdbc().queryForObject(lease, String.class)),
						() -> before);
				frequent.writer().appender("old-snapshot").append("a");
			});
			assertThat(writers("old-snapshot")).isNotNull();
		}
	}

	/**
	 * As when its host was suspended, or the time is set.
	 */
	@Test
	void aStepOfTheDatabasesClockIsNoLapse() {
		TestDatabase own = PostgresServer.shared().createDatabase();
		Instance.start(own).close();
		setClock(own, 0);
		own.jdbc()
			.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = shim, pg_catalog, public', "
					+ "current_database()); END $$");
		try (Instance writing = Instance.start(own, SHORT_LEASE); Instance other = Instance.start(own, SHORT_LEASE)) {
			StreamAppender appender = writing.writer().appender("stepped");
			other.writer().appender("other").complete();
			for (int hours = 1; hours <= 6; hours++) {
				setClock(own, hours);
				String renewed = "SELECT count(*) = 2 FROM durable_notify.instances WHERE lease_until > pg_catalog.now() + %d * interval '59 minutes'"
					.formatted(hours);
				Eventually.await(() -> Boolean.TRUE.equals(own.jdbc().queryForObject(renewed, Boolean.class)),
						() -> own.jdbc().queryForList("SELECT * FROM durable_notify.instances"));
				appender.append("still writing");
			}
			appender.complete();
		}
	}

	private static void setClock(TestDatabase database, int hours) {
		database.jdbc().execute("""
				CREATE SCHEMA IF NOT EXISTS shim;
				CREATE OR REPLACE FUNCTION shim.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
				$$ SELECT pg_catalog.clock_timestamp() + interval '%d hours' $$
				""".formatted(hours));
	}

	@Test
	void anAppenderCanBeOpenedRightAfterAllTablesWereEmptied() {
		TestDatabase own = PostgresServer.shared().createDatabase();
		try (Instance only = Instance.start(own)) {
			only.writer().appender("before").append("a");
			own.truncate("durable_notify.instances, durable_notify.streams, durable_notify.stream_chunks");
			StreamAppender appender = only.writer().appender("after");
			assertThat(appender.append("a")).isZero();
			assertThat(own.jdbc()
				.queryForObject("SELECT count(*) FROM durable_notify.streams JOIN durable_notify.instances "
						+ "ON instance_id = writer_id WHERE streams.name = 'after'", Integer.class))
				.isOne();
			appender.complete();
		}
	}

	private static Long writers(String stream) {
		return database.jdbc()
			.queryForObject("SELECT writer_id FROM durable_notify.streams WHERE name = ?", Long.class, stream);
	}

	@Test
	void aStreamWhoseAppenderCouldNotBeClosedFailsWhenTheDatabaseIsBack(@TempDir Path directory) {
		try (OwnServer server = OwnServer.start(directory);
				Instance only = Instance.start(server.database(), "spring.datasource.hikari.connection-timeout=300",
						"durable-notify.listener.connect-timeout=1s")) {
			StreamAppender appender = only.writer().appender("unclosed");
			appender.append("a");
			server.shutDown();
			try {
				appender.close();
			}
			catch (RuntimeException ex) {
				assertThat(ex).isInstanceOf(DataAccessException.class);
			}
			server.restart();
			RecordingHandler handler = new RecordingHandler();
			only.reader().subscribe("unclosed", StreamPosition.start(), handler);
			assertThat(handler.awaitError()).hasMessageContaining(OpenAppender.CLOSED);
		}
	}

	@Test
	void aStreamWhoseAppenderWasDroppedFails() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("dropped", StreamPosition.start(), handler);
		drop();
		Eventually.await(() -> {
			System.gc();
			return handler.error() != null;
		}, handler::toString);
		assertThat(handler.error()).hasMessageContaining(OpenAppenders.DROPPED);
	}

	private static void drop() {
		instance.writer().appender("dropped").append("a");
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void anAppenderThatIsDroppedAfterItsEndIsNotMissed(CapturedOutput output) {
		// In this order they are cleaned: each is dropped when the one before is known
		dropAfterEnd();
		AtomicBoolean cleaned = new AtomicBoolean();
		Cleaner.create().register(new Object(), () -> cleaned.set(true));
		Eventually.await(() -> {
			System.gc();
			return cleaned.get();
		}, cleaned::toString);
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("dropped-later", StreamPosition.start(), handler);
		dropLater();
		Eventually.await(() -> {
			System.gc();
			return handler.error() != null;
		}, handler::toString);
		assertThat(output).contains("An appender of stream 'dropped-later' was dropped")
			.doesNotContain("An appender of stream 'ended' was dropped");
	}

	private static void dropAfterEnd() {
		StreamAppender appender = instance.writer().appender("ended");
		appender.append("a");
		appender.complete();
	}

	/**
	 * One is completed; the stream of the other fails, since its handle is dropped too.
	 */
	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aCallbackThatKeepsTheHandleIsDroppedWithIt(boolean complete) {
		String stream = "kept-" + complete;
		WeakReference<Object> model = write(stream, complete);
		Eventually.await(() -> {
			System.gc();
			return model.refersTo(null);
		}, model::toString);
		Eventually.await(() -> reader.info(stream)
			.orElseThrow()
			.state() == ((complete) ? StreamState.COMPLETED : StreamState.FAILED), () -> reader.info(stream));
	}

	/**
	 * A method of its own: a variable would keep the model.
	 */
	private static WeakReference<Object> write(String stream, boolean complete) {
		StreamAppender appender = instance.writer().appender(stream);
		List<Object> model = new ArrayList<>(List.of(appender));
		appender.onEnded(model::clear);
		appender.append("a");
		if (complete) {
			appender.complete();
			appender.close();
		}
		return new WeakReference<>(model);
	}

	private static void dropLater() {
		instance.writer().appender("dropped-later").append("a");
	}

	@Test
	void aStreamThatWasEndedInATransactionThatRolledBackFails() {
		StreamAppender appender = instance.writer().appender("rolled-back");
		instance.transaction().executeWithoutResult((status) -> {
			try (appender) {
				appender.append("a");
				appender.complete();
			}
			status.setRollbackOnly();
		});
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("rolled-back", StreamPosition.start(), handler);
		assertThat(handler.awaitError()).hasMessageContaining(OpenAppender.ROLLED_BACK);
	}

	@Test
	void aStreamWhoseEndWasRolledBackToASavepointFails() {
		StreamAppender appender = instance.writer().appender("savepoint");
		instance.transaction().executeWithoutResult((status) -> {
			Object savepoint = status.createSavepoint();
			appender.append("a");
			appender.complete();
			appender.close();
			status.rollbackToSavepoint(savepoint);
		});
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("savepoint", StreamPosition.start(), handler);
		assertThat(handler.awaitError()).hasMessageContaining(OpenAppender.ROLLED_BACK);
	}

	@Test
	void anEndIsNotUndoneByTheRollbackToALaterSavepoint() {
		StreamAppender appender = instance.writer().appender("nested");
		AtomicInteger calls = new AtomicInteger();
		appender.onEnded(calls::incrementAndGet);
		instance.transaction().executeWithoutResult((status) -> {
			appender.append("a");
			appender.complete();
			status.rollbackToSavepoint(status.createSavepoint());
		});
		// The end of a later one is noticed
		AtomicInteger others = new AtomicInteger();
		try (StreamAppender other = instance.writer().appender("nested/other")) {
			other.onEnded(others::incrementAndGet);
			instance.writer().cancel("nested/other", "stop");
			Eventually.await(() -> others.get() == 1, others::get);
		}
		assertThat(calls).hasValue(0);
		assertThatIllegalStateException().isThrownBy(() -> appender.append("late")).withMessageContaining("was ended");
	}

	@Test
	void anAppenderGoesOnAfterItsEndWasRolledBack() {
		StreamAppender appender = instance.writer().appender("again");
		instance.transaction().executeWithoutResult((status) -> {
			appender.append("a");
			appender.complete();
			status.setRollbackOnly();
		});
		instance.transaction().executeWithoutResult((status) -> {
			appender.append("a");
			appender.complete();
		});
		appender.close();
		assertThat(reader.info("again").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
	}

	@Test
	void anAppenderThatIsOpenedInATransactionIsLeasedWithTheCommit() {
		StreamAppender appender = instance.transaction().execute((status) -> {
			StreamAppender opened = instance.writer().appender("in-transaction");
			opened.append("a");
			return opened;
		});
		assertThat(writers("in-transaction")).isNotNull();
		appender.append("b");
		appender.complete();
		assertThat(reader.info("in-transaction").orElseThrow().nextIndex()).isEqualTo(2);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void theWriterLearnsThatTheStreamHasEndedElsewhere(boolean delete) {
		String stream = "elsewhere-" + delete;
		try (Instance other = Instance.start(database)) {
			StreamAppender appender = instance.writer().appender(stream);
			AtomicInteger calls = new AtomicInteger();
			appender.onEnded(calls::incrementAndGet);
			appender.append("a");
			if (delete) {
				other.writer().delete(stream);
			}
			else {
				other.writer().fail(stream, "stop");
			}
			Eventually.await(() -> calls.get() == 1, calls::get);
			assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> appender.append("b"))
				.withMessageContaining((delete) ? "was deleted while it was being written" : "failed at");
			appender.close();
			assertThat(reader.info(stream).isPresent()).isEqualTo(!delete);
			appender.onEnded(calls::incrementAndGet);
			Eventually.await(() -> calls.get() == 2, calls::get);
		}
	}

	@Test
	void manyStreamsFailAtOnce() {
		List<String> names = IntStream.range(0, 1200).mapToObj((i) -> "many/" + i).toList();
		try (Instance other = Instance.start(database)) {
			names.forEach((name) -> other.writer().appender(name));
		}
		assertThat(reader.list(StreamQuery.all().prefix("many/").limit(1000))).hasSize(1000)
			.allMatch((info) -> STOPPED.equals(info.failureReason()));
	}

}
