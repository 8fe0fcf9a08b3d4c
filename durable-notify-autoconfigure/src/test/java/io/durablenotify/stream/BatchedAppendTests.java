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

import java.sql.Connection;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.util.ReflectionUtils;

import static io.durablenotify.testsupport.Eventually.await;
import static io.durablenotify.testsupport.Eventually.failure;
import static io.durablenotify.testsupport.Eventually.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.BDDMockito.given;

/**
 * Tests for {@link AppendPipeline}: what many callers append outside transactions.
 */
class BatchedAppendTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@BeforeAll
	static void start() {
		AppendGate.install(database);
	}

	@AfterAll
	static void stop() {
		assertThat(instance.bean(AppendPipeline.class))
			.hasToString("streams 0, ready 0, muted [], bytes 0 (muted 0), writing false, closed false");
	}

	@Test
	void appendsThatWaitShareOneTransaction() throws Exception {
		List<CompletableFuture<Long>> appends = new ArrayList<>();
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			for (int i = 0; i < 100; i++) {
				appends.add(writer.appendAsync("together/" + i % 10, "a"));
			}
		}
		assertThat(appends.stream().map(Eventually::get))
			.containsExactlyElementsOf(IntStream.range(0, 100).mapToObj((i) -> (long) i / 10).toList());
		assertThat(database.jdbc()
			.queryForObject("SELECT count(DISTINCT c.xmin::text) FROM durable_notify.stream_chunks c JOIN "
					+ "durable_notify.streams USING (stream_id) WHERE name LIKE 'together/%'", Integer.class))
			.isOne();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 16 })
	void everyCallerGetsItsOwnIndexAndOrderIsKept(int streams) throws Exception {
		String prefix = "callers/" + streams + "/";
		List<Callable<List<Long>>> tasks = new ArrayList<>();
		for (int thread = 0; thread < 16; thread++) {
			String stream = prefix + thread % streams;
			int caller = thread;
			tasks.add(() -> IntStream.range(0, 50).mapToObj((i) -> writer.append(stream, caller + ":" + i)).toList());
		}
		List<List<Long>> results = StreamWriterTests.runAll(tasks);
		for (int thread = 0; thread < 16; thread++) {
			List<String> texts = texts(prefix + thread % streams);
			assertThat(texts).hasSize(50 * 16 / streams);
			for (int i = 0; i < 50; i++) {
				assertThat(texts.get(results.get(thread).get(i).intValue())).isEqualTo(thread + ":" + i);
			}
			assertThat(results.get(thread)).isSorted();
		}
	}

	@Test
	void oneThreadsAppendsAndItsEndKeepTheirOrder() {
		for (int round = 0; round < 30; round++) {
			String stream = "mixed/" + round;
			CompletableFuture<Long> first = writer.appendAsync(stream, "0");
			CompletableFuture<Long> second = writer.appendAsync(stream, "1");
			assertThat(writer.append(stream, "2")).isEqualTo(2);
			CompletableFuture<Long> fourth = writer.appendAsync(stream, "3");
			assertThat(writer.appendAll(stream, List.of(bytes("4"), bytes("5")))).isEqualTo(4);
			assertThat(writer.appendAt(stream, 6, bytes("6"))).isEqualTo(6);
			CompletableFuture<Long> last = writer.appendAsync(stream, "7");
			writer.complete(stream);
			assertThat(List.of(first, second, fourth, last)).extracting(Eventually::get)
				.containsExactly(0L, 1L, 3L, 7L);
			assertThat(texts(stream)).containsExactly("0", "1", "2", "3", "4", "5", "6", "7");
		}
	}

	@Test
	void chunksOfOneAppendAllAreAdjacent() throws Exception {
		List<Callable<Integer>> tasks = new ArrayList<>();
		for (int thread = 0; thread < 8; thread++) {
			String text = "by " + thread;
			tasks.add(() -> {
				for (int i = 0; i < 10; i++) {
					writer.appendAll("adjacent", Collections.nCopies(7, bytes(text)));
					writer.appendAsync("adjacent", "between");
				}
				return 0;
			});
		}
		StreamWriterTests.runAll(tasks);
		writer.complete("adjacent");
		List<String> texts = texts("adjacent");
		assertThat(texts).hasSize(8 * 10 * 8);
		for (int i = 0; i < texts.size(); i += (texts.get(i).equals("between")) ? 1 : 7) {
			if (!texts.get(i).equals("between")) {
				assertThat(texts.subList(i, i + 7)).containsOnly(texts.get(i));
			}
		}
	}

	@Test
	void anAppendAllMayBeLargerThanABatch() {
		assertThat(writer.appendAll("large", Collections.nCopies(2500, bytes("many")))).isZero();
		assertThat(writer.appendAll("large", Collections.nCopies(12, new byte[500_000]))).isEqualTo(2500);
		assertThat(reader.info("large").orElseThrow().nextIndex()).isEqualTo(2512);
	}

	@Test
	void anAppendAllIsStoredWholeOrNotAtAll() throws Exception {
		writer.append("whole", "a");
		List<byte[]> withABadOne = new ArrayList<>(Collections.nCopies(1500, bytes("b")));
		withABadOne.set(1400, bytes("bad"));
		CompletableFuture<Long> next;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			CompletableFuture<Long> refused = Background.supply(() -> writer.appendAll("whole", withABadOne));
			awaitWaiting("whole");
			next = writer.appendAsync("whole", "c");
			assertThat(refused).isNotDone();
		}
		assertThat(get(next)).isOne();
		assertThat(texts("whole")).containsExactly("a", "c");
	}

	@Test
	void anAppendAllWithoutChunksOrWithNullIsRefused() {
		assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> writer.appendAll("none", List.of()));
		assertThatExceptionOfType(IllegalArgumentException.class)
			.isThrownBy(() -> writer.appendAll("none", Collections.nCopies(2, null)));
		assertThat(reader.info("none")).isEmpty();
	}

	@Test
	void oneBadAppendInABatchFailsAlone() throws Exception {
		List<CompletableFuture<Long>> good = new ArrayList<>();
		List<CompletableFuture<Long>> refused = new ArrayList<>();
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			for (int i = 0; i < 5; i++) {
				good.add(writer.appendAsync("partly-bad", "good " + i));
				if (i % 2 == 1) {
					refused.add(writer.appendAsync("partly-bad", "bad"));
				}
				good.add(writer.appendAsync("neighbour", "good " + i));
			}
		}
		good.forEach(Eventually::get);
		for (CompletableFuture<Long> append : refused) {
			assertThat(failure(append)).isInstanceOf(DataAccessException.class)
				.hasMessageContaining("refused by a trigger");
		}
		assertThat(texts("partly-bad")).containsExactly("good 0", "good 1", "good 2", "good 3", "good 4");
		assertThat(texts("neighbour")).containsExactly("good 0", "good 1", "good 2", "good 3", "good 4");
	}

	@Test
	void whatARoundHasStoredIsNotStoredAgainWhenTheNextOneFails() throws Exception {
		writer.append("stored-once", "first");
		writer.append("recreated", "old");
		database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = 'recreated'");
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> creator = createInForeignTransaction("recreated", release);
		CompletableFuture<Long> good;
		CompletableFuture<Long> waiting;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			good = writer.appendAsync("stored-once", "second");
			waiting = writer.appendAsync("recreated", "new");
		}
		assertThat(get(good)).isOne();
		assertThat(waiting).isNotDone();
		release.countDown();
		creator.get(30, TimeUnit.SECONDS);
		assertThat(get(waiting)).isZero();
		assertThat(texts("stored-once")).containsExactly("first", "second");
	}

	@Test
	void aRawInsertThatIsNotCommittedHoldsUpItsOwnStreamAlone() throws Exception {
		writer.append("raw", "a");
		writer.append("not-raw", "a");
		// So that the next index is not known
		instance.transaction().executeWithoutResult((status) -> writer.append("raw", "b"));
		CountDownLatch inserted = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> raw = Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc()
				.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
						+ "SELECT stream_id, 2, 'raw' FROM durable_notify.streams WHERE name = 'raw'");
			inserted.countDown();
			await(release);
		}));
		await(inserted);
		CompletableFuture<Long> next;
		CompletableFuture<Long> other;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			next = writer.appendAsync("raw", "c");
			other = writer.appendAsync("not-raw", "b");
		}
		assertThat(get(other)).isOne();
		assertThat(next).isNotDone();
		release.countDown();
		raw.get(30, TimeUnit.SECONDS);
		assertThat(get(next)).isEqualTo(3);
	}

	@Test
	void aRawInsertAtTheIndexThatIsKnownToBeNextHoldsUpItsOwnStreamAlone() throws Exception {
		writer.append("known", "a");
		writer.append("known", "b");
		writer.append("not-known", "a");
		try (Connection raw = database.jdbc().getDataSource().getConnection()) {
			raw.setAutoCommit(false);
			raw.createStatement()
				.execute("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
						+ "SELECT stream_id, 2, 'raw' FROM durable_notify.streams WHERE name = 'known'");
			CompletableFuture<Long> next = writer.appendAsync("known", "c");
			// It waits for a few milliseconds at a time, which a look at the server can
			// miss
			AppendPipeline pipeline = instance.bean(AppendPipeline.class);
			Eventually.await(() -> pipeline.toString().contains("muted [known]"), pipeline::toString);
			assertThat(get(writer.appendAsync("not-known", "b"))).isOne();
			assertThat(next).isNotDone();
			raw.commit();
			assertThat(get(next)).isEqualTo(3);
		}
	}

	@Test
	void aUniqueViolationThatIsNotOursFailsItsAppendAlone() throws Exception {
		CompletableFuture<Long> good;
		CompletableFuture<Long> clash;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			clash = writer.appendAsync("clashing", "clash");
			good = writer.appendAsync("not-clashing", "good");
		}
		assertThat(get(good)).isZero();
		assertThat(failure(clash)).isInstanceOf(DataIntegrityViolationException.class)
			.hasMessageContaining("unique_words");
		instance.transaction().executeWithoutResult((status) -> {
			assertThatExceptionOfType(DataIntegrityViolationException.class)
				.isThrownBy(() -> writer.append("clashing", "clash"));
			status.setRollbackOnly();
		});
	}

	@Test
	void aConnectionCutInMidStatementIsUnknownToThoseOfItsBatchAndNothingIsRepeated() throws Exception {
		writer.append("cut", "a");
		List<CompletableFuture<Long>> cut = new ArrayList<>();
		CompletableFuture<Long> next;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			cut.add(writer.appendAsync("cut", "b"));
			cut.add(writer.appendAsync("cut", "hang"));
			cut.add(writer.appendAsync("cut-too", "c"));
		}
		awaitAndTerminate("PgSleep");
		next = writer.appendAsync("cut", "d");
		for (CompletableFuture<Long> append : cut) {
			assertThat(failure(append)).isInstanceOf(AppendOutcomeUnknownException.class)
				.hasMessageContaining("may or may not have been stored")
				.hasMessageContaining("appendAt");
		}
		assertThat(get(next)).isOne();
		assertThat(texts("cut")).containsExactly("a", "d");
	}

	@Test
	void appendAtMakesTheRetryOfAnUnknownOutcomeSafe() throws Exception {
		writer.append("retried", "a");
		// The commit waits, after the answer to the statement
		database.jdbc().execute("""
				CREATE FUNCTION public.hang_commit() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
				CREATE CONSTRAINT TRIGGER hang_commit AFTER INSERT ON durable_notify.stream_chunks
					DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.data = 'hang in the commit')
					EXECUTE FUNCTION public.hang_commit()
				""");
		CompletableFuture<Long> unknown = writer.appendAsync("retried", "hang in the commit");
		awaitAndTerminate("PgSleep");
		assertThat(failure(unknown)).isInstanceOf(AppendOutcomeUnknownException.class);
		assertThat(writer.appendAt("retried", 1, bytes("b"))).isOne();
		// As if that answer had been lost
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> writer.appendAt("retried", 1, bytes("b")))
			.satisfies((ex) -> assertThat(ex.getNextIndex()).isEqualTo(2));
		assertThat(texts("retried")).containsExactly("a", "b");
	}

	@Test
	void callbacksThatAppendDoNotWaitForThemselves() throws Exception {
		List<CompletableFuture<Long>> chains = new ArrayList<>();
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			for (int i = 0; i < 20; i++) {
				String stream = "chain/" + i % 4;
				chains.add(writer.appendAsync(stream, "a")
					.thenApply((index) -> writer.append(stream, "b"))
					.thenCompose((index) -> writer.appendAsync(stream, "c"))
					.thenApply((index) -> writer.appendAll(stream, List.of(bytes("d"), bytes("e")))));
			}
		}
		chains.forEach(Eventually::get);
		for (int i = 0; i < 4; i++) {
			assertThat(texts("chain/" + i)).hasSize(5 * 5);
		}
	}

	@Test
	void callbacksMayBlockForEverOrWaitForOthersOfTheirBatchOnTheExecutorsThreads() throws Exception {
		CountDownLatch never = new CountDownLatch(1);
		List<String> threads = Collections.synchronizedList(new ArrayList<>());
		CompletableFuture<Void> waitsForTheLast;
		CompletableFuture<Long> last;
		List<CompletableFuture<Void>> blocked = new ArrayList<>();
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			CompletableFuture<Long> next = new CompletableFuture<>();
			waitsForTheLast = writer.appendAsync("blocking", "a").thenAccept((index) -> next.join());
			for (int i = 0; i < 5; i++) {
				blocked.add(writer.appendAsync("blocking", "b").thenAccept((index) -> {
					threads.add(Thread.currentThread().getName());
					await(never);
				}));
			}
			last = writer.appendAsync("blocking", "c");
			last.thenAccept(next::complete);
		}
		try {
			assertThat(get(last)).isEqualTo(6);
			get(waitsForTheLast);
			Eventually.await(() -> threads.size() == 5, threads::toString);
			assertThat(threads).allMatch((name) -> name.matches("durable-notify-\\d+"));
			assertThat(writer.append("blocking", "d")).isEqualTo(7);
			assertThat(blocked).noneMatch(CompletableFuture::isDone);
		}
		finally {
			never.countDown();
		}
	}

	@Test
	void anInterruptOfAWaitingCallerLosesNothingAndStays() throws Exception {
		CompletableFuture<Long> appended = new CompletableFuture<>();
		CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			Thread caller = new Thread(() -> {
				appended.complete(writer.append("interrupted", "a"));
				interrupted.complete(Thread.currentThread().isInterrupted());
			});
			caller.start();
			awaitWaiting("interrupted");
			caller.interrupt();
			assertThat(appended).isNotDone();
		}
		assertThat(get(appended)).isZero();
		assertThat(get(interrupted)).isTrue();
		assertThat(texts("interrupted")).containsExactly("a");
	}

	@Test
	void interruptsOfCallersThatWriteThemselvesHarmNoOther() throws Exception {
		interruptWriters(BatchedAppendTests::start);
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "This JDK has no virtual threads")
	void interruptsOfVirtualThreadsThatWriteThemselvesHarmNoOther() throws Exception {
		interruptWriters(BatchedAppendTests::startVirtual);
	}

	private static void interruptWriters(Function<Runnable, Thread> starter) throws Exception {
		String stream = "interrupted/" + System.nanoTime();
		List<Thread> callers = new ArrayList<>();
		CountDownLatch over = new CountDownLatch(1);
		List<Long> indexes = Collections.synchronizedList(new ArrayList<>());
		for (int i = 0; i < 3; i++) {
			Runnable task = () -> {
				while (over.getCount() > 0) {
					try {
						indexes.add(writer.append(stream, "a"));
					}
					catch (DataAccessException ex) {
						// The interrupted one's own
					}
					Thread.interrupted();
				}
			};
			callers.add(starter.apply(task));
		}
		for (int i = 0; i < 200; i++) {
			callers.get(i % 3).interrupt();
			assertThat(writer.append("not-" + stream, "a")).isEqualTo(i);
		}
		over.countDown();
		for (Thread caller : callers) {
			caller.join(Eventually.TIMEOUT.toMillis());
			assertThat(caller.isAlive()).isFalse();
		}
		// An index is given once; what is stored beyond is of unknown outcome
		assertThat(indexes).doesNotHaveDuplicates();
		assertThat(writer.append(stream, "last"))
			.isGreaterThanOrEqualTo(indexes.stream().mapToLong(Long::longValue).max().orElse(-1));
		List<Long> stored = database.jdbc()
			.queryForList("SELECT chunk_index FROM durable_notify.stream_chunks JOIN durable_notify.streams "
					+ "USING (stream_id) WHERE name = ? ORDER BY chunk_index", Long.class, stream);
		assertThat(stored).containsExactlyElementsOf(LongStream.range(0, stored.size()).boxed().toList());
	}

	private static Thread start(Runnable task) {
		Thread thread = new Thread(task);
		thread.start();
		return thread;
	}

	private static Thread startVirtual(Runnable task) {
		Method start = ReflectionUtils.findMethod(Thread.class, "startVirtualThread", Runnable.class);
		return (Thread) ReflectionUtils.invokeMethod(start, null, task);
	}

	@Test
	void aFullBufferMakesAppendsWaitAndRefusesAsyncOnes() throws Exception {
		try (Instance small = Instance.start(database, "durable-notify.streams.append-buffer=1200000B",
				"durable-notify.streams.max-chunk-size=300000B")) {
			List<CompletableFuture<Long>> fitting = new ArrayList<>();
			CompletableFuture<Long> waiting;
			try (AppendGate gate = AppendGate.hold(database, small)) {
				for (int i = 0; i < 9; i++) {
					fitting.add(small.writer().appendAsync("full", new byte[110_000]));
				}
				assertThatExceptionOfType(TaskRejectedException.class)
					.isThrownBy(() -> small.writer().appendAsync("full", new byte[250_000]))
					.withMessageContaining("nothing was stored")
					.withMessageContaining("durable-notify.streams.append-buffer");
				waiting = Background.supply(() -> small.writer().append("full", new byte[240_000]));
				Eventually.await(
						() -> List.of(Thread.State.WAITING).containsAll(statesOf("background")) && !waiting.isDone(),
						() -> statesOf("background"));
			}
			fitting.forEach(Eventually::get);
			assertThat(get(waiting)).isEqualTo(9);
			assertThat(reader.page("full", StreamPosition.start(), 100).chunks())
				.extracting((chunk) -> chunk.data().length)
				.containsExactlyElementsOf(
						Stream.concat(Collections.nCopies(9, 110_000).stream(), Stream.of(240_000)).toList());
		}
	}

	private static List<Thread.State> statesOf(String name) {
		return Thread.getAllStackTraces()
			.entrySet()
			.stream()
			.filter((entry) -> entry.getKey().getName().equals(name) && List.of(entry.getValue())
				.stream()
				.anyMatch((frame) -> frame.getClassName().endsWith(".AppendQueue")))
			.map((entry) -> entry.getKey().getState())
			.toList();
	}

	@Test
	void closingStoresWhatIsQueuedAndRefusesWhatComesAfter() throws Exception {
		Instance closing = Instance.start(database);
		StreamWriter closingWriter = closing.writer();
		List<CompletableFuture<Long>> queued = new ArrayList<>();
		CompletableFuture<Void> closed;
		try (AppendGate gate = AppendGate.hold(database, closing)) {
			for (int i = 0; i < 100; i++) {
				queued.add(closingWriter.appendAsync("closing", "a"));
			}
			closed = Background.run(closing::close);
			AppendPipeline pipeline = closing.bean(AppendPipeline.class);
			Eventually.await(() -> pipeline.toString().contains("closed true"), pipeline::toString);
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> closingWriter.append("closing", "late"))
				.withMessageContaining("the application context has closed");
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> closingWriter.appendAsync("closing", "late"));
		}
		get(closed);
		assertThat(queued).allMatch(CompletableFuture::isDone);
		assertThat(reader.info("closing").orElseThrow().nextIndex()).isEqualTo(100);
	}

	@Test
	void closingFailsWhatIsLockedForTooLong() throws Exception {
		Instance closing = Instance.start(database, "durable-notify.streams.append-timeout=500ms");
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = createInForeignTransaction("never-created", release);
		List<CompletableFuture<Long>> queued = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			queued.add(closing.writer().appendAsync("never-created", "a"));
		}
		AppendPipeline pipeline = closing.bean(AppendPipeline.class);
		long bytes = pipeline.state().queuedBytes();
		CompletableFuture<Long> waiting = Background.supply(() -> closing.writer().append("never-created", "a"));
		Eventually.await(() -> pipeline.state().queuedBytes() > bytes, pipeline::toString);
		closing.close();
		for (CompletableFuture<Long> append : queued) {
			assertThat(failure(append)).isInstanceOf(StreamLockedException.class);
		}
		assertThat(failure(waiting)).isInstanceOf(StreamLockedException.class);
		release.countDown();
		get(holder);
	}

	static CompletableFuture<Void> createInForeignTransaction(String stream, CountDownLatch release) {
		CountDownLatch created = new CountDownLatch(1);
		CompletableFuture<Void> transaction = Background
			.run(() -> instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().update("INSERT INTO durable_notify.streams (name) VALUES (?)", stream);
				created.countDown();
				await(release);
			}));
		await(created);
		return transaction;
	}

	private static void awaitAndTerminate(String event) {
		Eventually.await(() -> !database.jdbc()
			.queryForList("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
					+ "WHERE wait_event = ? AND datname = current_database()", Boolean.class, event)
			.isEmpty(), () -> event);
	}

	private static void awaitWaiting(String stream) {
		AppendPipeline pipeline = instance.bean(AppendPipeline.class);
		Eventually.await(() -> !pipeline.toString().startsWith("streams 0"), pipeline::toString);
	}

	private static List<String> texts(String stream) {
		return database.jdbc()
			.queryForList(
					"SELECT convert_from(data, 'UTF8') FROM durable_notify.stream_chunks JOIN "
							+ "durable_notify.streams USING (stream_id) WHERE name = ? ORDER BY chunk_index",
					String.class, stream);
	}

	static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
