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
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.core.task.VirtualThreadTaskExecutor;

import static io.durablenotify.testsupport.Eventually.failure;
import static io.durablenotify.testsupport.Eventually.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamCursor}. The poll is off, so that each wake-up has to do its
 * work.
 */
class StreamCursorTests {

	private static final int BUFFER_SIZE = 16;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.streams.buffer-size=" + BUFFER_SIZE })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@AfterEach
	void cancelReaders() {
		readers().forEach(Subscription::cancel);
		assertThat(readers()).isEmpty();
	}

	@Test
	void aLoopTakesHistoryAndLiveChunksUntilTheStreamIsCompleted() {
		append("loop", 50);
		List<Long> indexes = Collections.synchronizedList(new ArrayList<>());
		CompletableFuture<Void> loop = Background.run(() -> {
			try (StreamCursor cursor = reader.cursor("loop", StreamPosition.start())) {
				for (Chunk chunk : cursor) {
					indexes.add(chunk.index());
				}
				assertThat(cursor.isEnded()).isTrue();
			}
		});
		for (int i = 50; i < 100; i++) {
			int taken = i;
			Eventually.await(() -> indexes.size() == taken, indexes::toString);
			append("loop", 1);
		}
		writer.complete("loop");
		get(loop);
		assertThat(indexes).containsExactlyElementsOf(LongStream.range(0, 100).boxed().toList());
		assertThat(readers()).isEmpty();
	}

	@Test
	void aCursorOfAnUnknownStreamWaitsForIt() {
		try (StreamCursor cursor = reader.cursor("unknown", StreamPosition.start())) {
			CompletableFuture<Chunk> first = waiting(() -> cursor.iterator().next());
			writer.append("unknown", "a");
			assertThat(get(first).text()).isEqualTo("a");
		}
	}

	@Test
	void chunksAreTakenOnTheCallersThreadAlsoWhenNoneIsLeftForHandlers() {
		try (Instance narrow = Instance.start(database, "durable-notify.delivery.max-threads=1",
				"durable-notify.poll.interval=0")) {
			writer.append("narrow-blocked", "a");
			writer.append("narrow", "a");
			CountDownLatch blocked = new CountDownLatch(1);
			BlockingHandler handler = new BlockingHandler(blocked::countDown);
			narrow.reader().subscribe("narrow-blocked", StreamPosition.start(), handler);
			Eventually.await(() -> blocked.getCount() == 0, handler::toString);
			try (StreamCursor cursor = narrow.reader().cursor("narrow", StreamPosition.start())) {
				assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
			}
			handler.release();
		}
	}

	@Test
	void theEndIsFixedWhenTheCursorIsOpened() {
		append("fixed", 3);
		try (StreamCursor end = reader.cursor("fixed", StreamPosition.end());
				StreamCursor last = reader.cursor("fixed", StreamPosition.last(1))) {
			append("fixed", 1);
			writer.complete("fixed");
			assertThat(end).extracting(Chunk::index).containsExactly(3L);
			assertThat(last).extracting(Chunk::index).containsExactly(2L, 3L);
		}
	}

	@Test
	void allIteratorsAdvanceTheCursorAndLookingTakesNothing() {
		append("iterators", 4);
		writer.complete("iterators");
		try (StreamCursor cursor = reader.cursor("iterators", StreamPosition.start())) {
			Iterator<Chunk> first = cursor.iterator();
			assertThat(first.hasNext()).isTrue();
			assertThat(first.hasNext()).isTrue();
			assertThat(first.next().index()).isZero();
			assertThat(cursor.iterator().next().index()).isOne();
			assertThat(first.hasNext()).isTrue();
			assertThat(cursor.poll(Duration.ZERO)).extracting(Chunk::index).isEqualTo(2L);
			assertThat(first.next().index()).isEqualTo(3);
			assertThat(first.hasNext()).isFalse();
			assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(first::next);
		}
	}

	@ParameterizedTest
	@ValueSource(longs = { -1, 0, 1, 20_000_000 })
	void aPollWaitsNoLongerThanItsTimeout(long nanos) {
		writer.append("timeout", "a");
		try (StreamCursor cursor = reader.cursor("timeout", StreamPosition.end())) {
			long start = System.nanoTime();
			assertThat(cursor.poll(Duration.ofNanos(nanos))).isNull();
			assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(nanos)
				.isLessThan(Eventually.TIMEOUT.toNanos());
			assertThat(cursor.isEnded()).isFalse();
		}
	}

	@Test
	void aPollMayHaveTheLongestTimeout() {
		try (StreamCursor cursor = reader.cursor("longest", StreamPosition.start())) {
			CompletableFuture<Chunk> polled = waiting(() -> cursor.poll(Duration.ofSeconds(Long.MAX_VALUE)));
			writer.append("longest", "a");
			assertThat(get(polled)).isNotNull();
		}
	}

	@Test
	void pollingUntilTheEndTakesAllThereIs() {
		append("polled", 40);
		writer.complete("polled");
		List<Chunk> chunks = new ArrayList<>();
		try (StreamCursor cursor = reader.cursor("polled", StreamPosition.start())) {
			while (!cursor.isEnded()) {
				Chunk chunk = cursor.poll(Eventually.TIMEOUT);
				if (chunk != null) {
					chunks.add(chunk);
				}
			}
			assertThat(cursor.poll(Duration.ofDays(1))).isNull();
		}
		assertThat(chunks).hasSize(40);
	}

	@Test
	void aWaitIsOverWhenTheStreamIsCompleted() {
		try (StreamCursor cursor = reader.cursor("completed", StreamPosition.start())) {
			CompletableFuture<Boolean> hasNext = waiting(() -> cursor.iterator().hasNext());
			writer.complete("completed");
			assertThat(get(hasNext)).isFalse();
			assertThat(cursor.isEnded()).isTrue();
		}
	}

	@Test
	void aFailedStreamThrowsAfterItsLastChunkAndGoesOnThrowing() {
		append("failed", 2);
		writer.fail("failed", "broken");
		try (StreamCursor cursor = reader.cursor("failed", StreamPosition.start())) {
			List<Chunk> taken = new ArrayList<>();
			assertThatExceptionOfType(StreamFailedException.class).isThrownBy(() -> cursor.forEach(taken::add))
				.withMessage("Stream 'failed' failed: broken")
				.satisfies((failure) -> assertThat(failure.getStackTrace())
					.as("the caller's stack, not the fetching thread's")
					.anyMatch((frame) -> frame.getClassName().equals(getClass().getName())));
			assertThat(taken).hasSize(2);
			assertThat(cursor.isEnded()).isFalse();
			assertThatExceptionOfType(StreamFailedException.class).isThrownBy(() -> cursor.poll(Duration.ZERO));
			assertThatExceptionOfType(StreamFailedException.class).isThrownBy(() -> cursor.iterator().hasNext());
			assertThatExceptionOfType(StreamFailedException.class).isThrownBy(() -> cursor.iterator().next());
			assertThat(readers()).isEmpty();
		}
	}

	@Test
	void aWaitFailsWhenTheStreamIsDeleted() {
		append("deleted", 1);
		try (StreamCursor cursor = reader.cursor("deleted", StreamPosition.after(0))) {
			CompletableFuture<Boolean> hasNext = waiting(() -> cursor.iterator().hasNext());
			database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = 'deleted'");
			ObservedReaders.of(instance).onResync();
			assertThat(failure(hasNext)).isInstanceOf(StreamDeletedException.class);
		}
	}

	@Test
	void aWaitFailsWhenTheStreamHasLostChunks() {
		append("truncated", 5);
		try (StreamCursor cursor = reader.cursor("truncated", StreamPosition.start())) {
			for (int i = 0; i < 5; i++) {
				assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
			}
			CompletableFuture<Boolean> hasNext = waiting(() -> cursor.iterator().hasNext());
			database.jdbc()
				.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index >= 2 AND stream_id = "
						+ "(SELECT stream_id FROM durable_notify.streams WHERE name = 'truncated')");
			ObservedReaders.of(instance).onResync();
			assertThat(failure(hasNext)).isInstanceOf(StreamTruncatedException.class);
		}
	}

	@Test
	void closingTheContextEndsCursorsAtOnceWithOrWithoutAWaitingThread() {
		append("closing", 5);
		StreamReader closed;
		try (Instance closing = Instance.start(database)) {
			closed = closing.reader();
			// It would wait for a second
			Eventually.assertTakesLess(Duration.ofMillis(900), () -> stopReaders(closing));
		}
		assertThatExceptionOfType(ReaderStoppedException.class)
			.isThrownBy(() -> closed.cursor("closing", StreamPosition.start()));
	}

	private static Duration stopReaders(Instance closing) {
		LogSubscriptions<Chunk> readers = ObservedReaders.of(closing);
		readers.start();
		try (StreamCursor waited = closing.reader().cursor("closing", StreamPosition.end());
				StreamCursor left = closing.reader().cursor("closing", StreamPosition.start())) {
			CompletableFuture<Boolean> hasNext = waiting(() -> waited.iterator().hasNext());
			assertThat(left.poll(Eventually.TIMEOUT)).isNotNull();
			long start = System.nanoTime();
			readers.stop();
			Duration took = Duration.ofNanos(System.nanoTime() - start);
			assertThat(failure(hasNext)).isInstanceOf(ReaderStoppedException.class);
			assertThatExceptionOfType(ReaderStoppedException.class).isThrownBy(() -> left.poll(Duration.ZERO));
			assertThat(left.isEnded()).isFalse();
			return took;
		}
	}

	@Test
	void closingFromAnotherThreadEndsAWait() {
		StreamCursor cursor = reader.cursor("closed", StreamPosition.start());
		CompletableFuture<Boolean> hasNext = waiting(() -> cursor.iterator().hasNext());
		CompletableFuture<Chunk> polled = waiting(() -> cursor.poll(Duration.ofDays(1)));
		cursor.close();
		assertThat(failure(hasNext)).isInstanceOf(CancellationException.class).hasMessageContaining("'closed'");
		assertThat(failure(polled)).isInstanceOf(CancellationException.class);
	}

	@Test
	void aClosedCursorIsNoCompletedOneAndLeavesNothingBehind() {
		append("closed-early", 5);
		writer.complete("closed-early");
		StreamCursor cursor = reader.cursor("closed-early", StreamPosition.start());
		assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
		cursor.close();
		cursor.close();
		assertThat(cursor.isEnded()).isFalse();
		assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> cursor.poll(Duration.ZERO))
			.withMessageContaining("closed");
		assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> cursor.iterator().hasNext());
		assertThat(readers()).isEmpty();
	}

	@Test
	void aCompletedCursorStaysCompletedWhenItIsClosed() {
		writer.complete("completed-closed");
		StreamCursor cursor = reader.cursor("completed-closed", StreamPosition.start());
		assertThat(cursor).isEmpty();
		cursor.close();
		assertThat(cursor.isEnded()).isTrue();
		assertThat(cursor.poll(Duration.ZERO)).isNull();
	}

	@Test
	void anInterruptEndsAWaitAndLosesNothing() {
		try (StreamCursor cursor = reader.cursor("interrupted", StreamPosition.start())) {
			AtomicReference<Thread> thread = new AtomicReference<>();
			CompletableFuture<Boolean> interrupted = waiting(() -> {
				thread.set(Thread.currentThread());
				assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> cursor.iterator().hasNext())
					.withCauseInstanceOf(InterruptedException.class);
				return Thread.currentThread().isInterrupted();
			});
			thread.get().interrupt();
			assertThat(get(interrupted)).isTrue();
			writer.append("interrupted", "a");
			assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
		}
	}

	@Test
	void anInterruptedThreadStillTakesWhatIsThere() {
		append("interrupted-before", 1);
		writer.complete("interrupted-before");
		try (StreamCursor cursor = reader.cursor("interrupted-before", StreamPosition.start())) {
			Eventually.await(() -> readers().stream().anyMatch((reader) -> ReaderStates.buffered(reader) == 1),
					StreamCursorTests::readers);
			Thread.currentThread().interrupt();
			try {
				assertThat(cursor.poll(Duration.ofDays(1))).isNotNull();
				assertThat(cursor.poll(Duration.ofDays(1))).isNull();
				assertThat(Thread.currentThread().isInterrupted()).isTrue();
			}
			finally {
				Thread.interrupted();
			}
		}
	}

	@Test
	void aCursorThatIsNotPolledHoldsItsBufferAndNoOtherReaderWaits() {
		try (StreamCursor cursor = reader.cursor("bounded", StreamPosition.start())) {
			RecordingHandler other = new RecordingHandler();
			reader.subscribe("bounded", StreamPosition.start(), other);
			append("bounded", 100);
			writer.complete("bounded");
			other.awaitComplete().assertGapFree(0, 100);
			Eventually.await(
					() -> readers().stream().anyMatch((reader) -> ReaderStates.buffered(reader) == BUFFER_SIZE),
					StreamCursorTests::readers);
			assertThat(readers()).hasSize(1).allMatch((reader) -> ReaderStates.next(reader) == BUFFER_SIZE);
			assertThat(cursor).extracting(Chunk::index)
				.containsExactlyElementsOf(LongStream.range(0, 100).boxed().toList());
		}
	}

	@Test
	void ofSeveralThreadsThatPollEachChunkGoesToOne() {
		List<Long> indexes = Collections.synchronizedList(new ArrayList<>());
		try (StreamCursor cursor = reader.cursor("shared", StreamPosition.start())) {
			List<CompletableFuture<Void>> threads = IntStream.range(0, 4).mapToObj((i) -> Background.run(() -> {
				while (!cursor.isEnded()) {
					Chunk chunk = cursor.poll(Eventually.TIMEOUT);
					if (chunk != null) {
						indexes.add(chunk.index());
					}
				}
			})).toList();
			for (int i = 0; i < 10; i++) {
				append("shared", 50);
			}
			writer.complete("shared");
			threads.forEach(Eventually::get);
		}
		assertThat(indexes).containsExactlyInAnyOrderElementsOf(LongStream.range(0, 500).boxed().toList());
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "This JDK has no virtual threads")
	void virtualThreadsThatWaitHoldNoThread() {
		VirtualThreadTaskExecutor executor = new VirtualThreadTaskExecutor("cursor-");
		CountDownLatch opened = new CountDownLatch(500);
		List<CompletableFuture<List<String>>> read = IntStream.range(0, 500)
			.mapToObj((i) -> CompletableFuture.supplyAsync(() -> {
				try (StreamCursor cursor = reader.cursor("virtual/" + i % 50, StreamPosition.start())) {
					opened.countDown();
					List<String> texts = new ArrayList<>();
					cursor.forEach((chunk) -> texts.add(chunk.text()));
					return texts;
				}
			}, executor))
			.toList();
		Eventually.await(() -> opened.getCount() == 0, opened::toString);
		for (int i = 0; i < 50; i++) {
			writer.append("virtual/" + i, "a");
			writer.complete("virtual/" + i);
		}
		assertThat(read).allSatisfy((texts) -> assertThat(get(texts)).containsExactly("a"));
	}

	@Test
	void badArgumentsAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> reader.cursor("white space", StreamPosition.start()));
		assertThatIllegalArgumentException().isThrownBy(() -> reader.cursor("name", null));
	}

	/**
	 * Run what waits, and return when it does.
	 */
	private static <T> CompletableFuture<T> waiting(Supplier<T> supplier) {
		AtomicReference<Thread> thread = new AtomicReference<>();
		CompletableFuture<T> result = Background.supply(() -> {
			thread.set(Thread.currentThread());
			return supplier.get();
		});
		Eventually.await(() -> thread.get() != null && (thread.get().getState() == Thread.State.WAITING
				|| thread.get().getState() == Thread.State.TIMED_WAITING), result::toString);
		return result;
	}

	private static Set<LogSubscription<Chunk>> readers() {
		return ReaderStates.all(ObservedReaders.of(instance));
	}

	private static void append(String stream, int count) {
		instance.transaction().executeWithoutResult((status) -> {
			for (int i = 0; i < count; i++) {
				writer.append(stream, "chunk " + i);
			}
		});
	}

}
