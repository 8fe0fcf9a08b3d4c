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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;

import io.durablenotify.stream.append.AppendMeasures.Mode;
import io.durablenotify.stream.append.AppendPipeline;
import io.durablenotify.stream.append.AppendWrite;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for appends to streams that another transaction has locked, and beside them.
 */
class LockedStreamTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.streams.append-timeout=500ms")
	private static Instance instance;

	/**
	 * Gives up much later.
	 */
	@Fixture(properties = "durable-notify.streams.append-timeout=30s")
	private static Instance patient;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@AfterAll
	static void noDeadlockWasDetected() {
		instance.close();
		patient.close();
		// A backend may keep what it has counted until it ends
		Eventually.await(() -> database.jdbc()
			.queryForObject("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
					+ "AND backend_type = 'client backend' AND pid <> pg_backend_pid()", Integer.class) == 0,
				() -> database.jdbc().queryForList("SELECT * FROM pg_stat_activity"));
		assertThat(database.jdbc()
			.queryForObject("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", Long.class))
			.isZero();
	}

	@Test
	void othersKeepTheirPaceWhileATransactionHoldsAStream() throws Exception {
		writer.append("held", "a");
		AtomicInteger appended = new AtomicInteger();
		CountDownLatch over = new CountDownLatch(1);
		List<CompletableFuture<Void>> others = IntStream.range(0, 4).mapToObj((i) -> Background.run(() -> {
			while (over.getCount() > 0) {
				patient.writer().append("free/" + i, "a");
				appended.incrementAndGet();
			}
		})).toList();
		// The rates of one run, in turns, on a machine that is busy with other things too
		double free = 0;
		double beside = 0;
		List<CompletableFuture<Long>> waiting = new ArrayList<>();
		for (int round = 0; round < 3; round++) {
			free += rate(appended);
			Holder holder = Holder.of("held", "b");
			waiting.add(patient.writer().appendAsync("held", "c"));
			beside += rate(appended);
			assertThat(waiting.get(round)).isNotDone();
			holder.letGo();
			Eventually.get(waiting.get(round));
		}
		over.countDown();
		CompletableFuture.allOf(others.toArray(CompletableFuture[]::new)).get(30, TimeUnit.SECONDS);
		// If each batch waited for the lock, it would be a hundredth
		assertThat(beside).isGreaterThan(free / 5);
	}

	/**
	 * In appends per second, over a tenth of the time that a lock may take.
	 */
	private static double rate(AtomicInteger appended) {
		int before = appended.get();
		long start = System.nanoTime();
		long end = start + Duration.ofMillis(600).toNanos();
		Eventually.await(() -> System.nanoTime() > end, appended::toString);
		return (appended.get() - before) * 1e9 / (System.nanoTime() - start);
	}

	@Test
	void itsCallersGiveUpInTime() throws Exception {
		Holder holder = Holder.of("given-up", "a");
		long start = System.nanoTime();
		List<CompletableFuture<Long>> waiting = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			waiting.add(writer.appendAsync("given-up", "b"));
		}
		List<CompletableFuture<Long>> callers = IntStream.range(0, 4)
			.mapToObj((i) -> Background.supply(() -> writer.append("given-up", "c")))
			.toList();
		for (CompletableFuture<Long> append : waiting) {
			assertThat(Eventually.failure(append)).isInstanceOf(StreamLockedException.class)
				.hasMessageContaining("Stream 'given-up' was locked by another transaction for more than 500 ms")
				.hasMessageContaining("nothing was stored");
		}
		for (CompletableFuture<Long> append : callers) {
			assertThat(Eventually.failure(append)).isInstanceOf(StreamLockedException.class);
		}
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(500),
				Duration.ofSeconds(10));
		holder.letGo();
		assertThat(writer.append("given-up", "d")).isOne();
	}

	@Test
	void callersThatWaitForRoomGiveUpInTimeToo() throws Exception {
		try (Instance small = Instance.start(database, "durable-notify.streams.append-timeout=2s",
				"durable-notify.streams.max-chunk-size=1MB", "durable-notify.streams.append-buffer=1MB")) {
			byte[] quarter = new byte[256 * 1024 - 200];
			Holder holder = Holder.of("full", "a");
			long start = System.nanoTime();
			List<CompletableFuture<Long>> callers = IntStream.range(0, 24)
				.mapToObj((i) -> Background.supply(() -> small.writer().append("full", quarter)))
				.toList();
			for (CompletableFuture<Long> append : callers) {
				assertThat(Eventually.failure(append)).isInstanceOf(StreamLockedException.class)
					.hasMessageContaining("for more than 2000 ms");
			}
			// A quarter of them after the other, it would be twelve seconds
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofSeconds(2),
					Duration.ofSeconds(9));
			holder.letGo();
			assertThat(small.writer().append("full", quarter)).isOne();
		}
	}

	@Test
	void whatWaitsKeepsItsOrderWhenTheStreamIsReleasedInTime() throws Exception {
		patient.writer().append("released", "0");
		Holder holder = Holder.of("released", "1");
		List<CompletableFuture<Long>> waiting = new ArrayList<>();
		for (int i = 2; i < 200; i++) {
			waiting.add(patient.writer().appendAsync("released", String.valueOf(i)));
		}
		awaitContended("released");
		CompletableFuture<Void> end = Background.run(() -> patient.writer().complete("released"));
		assertThat(waiting).noneMatch(CompletableFuture::isDone);
		assertThat(end).isNotDone();
		holder.letGo();
		Eventually.get(end);
		assertThat(waiting.stream().map(Eventually::get))
			.containsExactlyElementsOf(IntStream.range(2, 200).mapToObj(Long::valueOf).toList());
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("released", StreamPosition.start(), handler);
		handler.awaitComplete().assertGapFree(0, 200);
		assertThat(handler.texts())
			.containsExactlyElementsOf(IntStream.range(0, 200).mapToObj(String::valueOf).toList());
	}

	@Test
	void whatHasWaitedIsWrittenAsOutsideATransaction() {
		patient.writer().append("measured", "a");
		Holder holder = Holder.of("measured", "b");
		CompletableFuture<Long> waiting = patient.writer().appendAsync("measured", "c");
		awaitContended("measured");
		List<Mode> modes = new CopyOnWriteArrayList<>();
		for (Mode mode : Mode.values()) {
			patient.bean(AppendWrite.class).measures().statements().of(mode).recordBy((nanos) -> modes.add(mode));
		}
		holder.letGo();
		assertThat(Eventually.get(waiting)).isEqualTo(2);
		assertThat(modes).containsExactly(Mode.ALONE);
	}

	@Test
	void aTransactionIsNeverADeadlocksVictimForABatch() throws Exception {
		List<String> streams = List.of("crossed/a", "crossed/b", "crossed/c");
		streams.forEach((stream) -> patient.writer().append(stream, ""));
		CountDownLatch over = new CountDownLatch(1);
		CompletableFuture<Integer> transactions = Background.supply(() -> {
			int count = 0;
			for (; count < 40; count++) {
				int first = count;
				instance.transaction().executeWithoutResult((status) -> {
					// In every order
					for (int i = 0; i < 3; i++) {
						instance.jdbc()
							.queryForList("SELECT 1 FROM durable_notify.streams WHERE name = ? FOR NO KEY UPDATE",
									streams.get((first + ((first % 2 == 0) ? i : 3 - i)) % 3));
					}
				});
			}
			over.countDown();
			return count;
		});
		List<CompletableFuture<Long>> last = new ArrayList<>();
		while (over.getCount() > 0 && !transactions.isDone()) {
			last = streams.stream().map((stream) -> patient.writer().appendAsync(stream, "a")).toList();
			last.forEach(Eventually::get);
		}
		assertThat(Eventually.get(transactions)).isEqualTo(40);
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.PROPAGATION_REQUIRES_NEW, TransactionDefinition.PROPAGATION_NOT_SUPPORTED })
	void anAppendOutsideItsOuterTransactionEndsByTimeout(int propagation) {
		String stream = "outer/" + propagation;
		TransactionTemplate apart = instance.transaction();
		apart.setPropagationBehavior(propagation);
		for (boolean exists : new boolean[] { false, true }) {
			instance.transaction().executeWithoutResult((outer) -> {
				writer.append(stream, "a");
				apart.executeWithoutResult((inner) -> assertThatExceptionOfType(StreamLockedException.class)
					.isThrownBy(() -> writer.append(stream, "b")));
				assertThat(writer.append(stream, "c")).isEqualTo((exists) ? 3 : 1);
			});
		}
		assertThat(reader.info(stream).orElseThrow().nextIndex()).isEqualTo(4);
	}

	@Test
	void anAppendOnAnotherThreadThatATransactionWaitsForEndsByTimeout() {
		for (Function<String, Object> append : List.<Function<String, Object>>of(
				(stream) -> Background.supply(() -> writer.append(stream, "b")).join(),
				(stream) -> Background.supply(() -> writer.appendAsync(stream, "b")).join().join())) {
			instance.transaction().executeWithoutResult((outer) -> {
				writer.append("waited-for", "a");
				assertThatExceptionOfType(java.util.concurrent.CompletionException.class)
					.isThrownBy(() -> append.apply("waited-for"))
					.withCauseInstanceOf(StreamLockedException.class);
			});
		}
		assertThat(reader.info("waited-for").orElseThrow().nextIndex()).isEqualTo(2);
	}

	@Test
	void aForeignCreateThatCommitsIsWaitedForAndHoldsUpNoOther() throws Exception {
		createdElsewhere("created", true);
	}

	@Test
	void aForeignCreateThatRollsBackIsWaitedForAndHoldsUpNoOther() throws Exception {
		createdElsewhere("not-created", false);
	}

	private static void createdElsewhere(String stream, boolean commit) throws Exception {
		Holder holder = Holder.create(stream, commit);
		List<CompletableFuture<Long>> waiting = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			waiting.add(patient.writer().appendAsync(stream, "a"));
		}
		waiting.add(Background.supply(() -> patient.writer().append(stream, "a")));
		awaitContended(stream);
		for (int i = 0; i < 50; i++) {
			assertThat(patient.writer().append("beside/" + stream, "a")).isEqualTo(i);
			patient.writer().append("beside/" + stream + "/" + i, "a");
		}
		assertThat(waiting).noneMatch(CompletableFuture::isDone);
		holder.letGo();
		waiting.forEach(Eventually::get);
		assertThat(reader.info(stream).orElseThrow().nextIndex()).isEqualTo(11);
		assertThat(waiting.subList(0, 10).stream().map(Eventually::get)).isSorted();
	}

	@Test
	void twoInstancesShareStreamsWithoutAnError() throws Exception {
		try (Instance other = Instance.start(database)) {
			List<StreamWriter> writers = List.of(patient.writer(), other.writer());
			List<Callable<Integer>> tasks = new ArrayList<>();
			for (int thread = 0; thread < 8; thread++) {
				StreamWriter own = writers.get(thread % 2);
				int caller = thread;
				tasks.add(() -> {
					List<CompletableFuture<Long>> appends = new ArrayList<>();
					for (int i = 0; i < 300; i++) {
						String stream = "two/" + (i + caller) % 5;
						if (i % 10 == 0) {
							own.append(stream, caller + ":" + i);
						}
						else {
							appends.add(own.appendAsync(stream, caller + ":" + i));
						}
					}
					appends.forEach(Eventually::get);
					return appends.size();
				});
			}
			StreamWriterTests.runAll(tasks);
		}
		List<String> texts = new ArrayList<>();
		for (int stream = 0; stream < 5; stream++) {
			writer.complete("two/" + stream);
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("two/" + stream, StreamPosition.start(), handler);
			handler.awaitComplete().assertGapFree(0, 8 * 300 / 5);
			texts.addAll(handler.texts());
			for (int caller = 0; caller < 8; caller++) {
				String prefix = caller + ":";
				assertThat(handler.texts()
					.stream()
					.filter((text) -> text.startsWith(prefix))
					.map((text) -> Integer.valueOf(text.substring(prefix.length())))).isSorted();
			}
		}
		assertThat(texts).hasSize(8 * 300).doesNotHaveDuplicates();
	}

	private static void awaitContended(String stream) {
		AppendPipeline pipeline = patient.bean(AppendPipeline.class);
		Eventually.await(() -> pipeline.toString().contains("muted [" + stream + "]"), pipeline::toString);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void whereTheDriverGivesUpSoonerTheWaitIsShorterAndTheConnectionStays(CapturedOutput output) {
		try (Instance hasty = Instance.start(database,
				"spring.datasource.hikari.data-source-properties.socketTimeout=1",
				"spring.datasource.hikari.maximum-pool-size=1")) {
			assertThat(output).contains(
					"durable-notify.streams.append-timeout=10000ms does not fit the driver's socketTimeout of 1000 ms: "
							+ "a lock is waited for 750 ms at most.");
			writer.append("hasty", "a");
			String backend = hasty.jdbc().queryForObject("SELECT pg_backend_pid()", String.class);
			Holder holder = Holder.of("hasty", "b");
			assertThatExceptionOfType(StreamLockedException.class).isThrownBy(() -> hasty.writer().complete("hasty"));
			assertThat(hasty.jdbc().queryForObject("SELECT pg_backend_pid()", String.class)).isEqualTo(backend);
			holder.letGo();
			hasty.writer().complete("hasty");
		}
	}

	/**
	 * Another transaction that holds a stream.
	 */
	private record Holder(CountDownLatch release, CompletableFuture<Void> transaction) {

		static Holder of(String stream, String text) {
			return hold(() -> writer.append(stream, text), true);
		}

		static Holder create(String stream, boolean commit) {
			return hold(() -> instance.jdbc().update("INSERT INTO durable_notify.streams (name) VALUES (?)", stream),
					commit);
		}

		private static Holder hold(Runnable task, boolean commit) {
			CountDownLatch held = new CountDownLatch(1);
			CountDownLatch release = new CountDownLatch(1);
			CompletableFuture<Void> transaction = Background
				.run(() -> instance.transaction().executeWithoutResult((status) -> {
					task.run();
					held.countDown();
					Eventually.await(release);
					if (!commit) {
						status.setRollbackOnly();
					}
				}));
			Eventually.await(held);
			return new Holder(release, transaction);
		}

		void letGo() {
			this.release.countDown();
			Eventually.get(this.transaction);
		}

	}

}
