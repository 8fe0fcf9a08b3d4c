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
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamReader}. The poll is off, so that each wake-up has to do its
 * work.
 */
class StreamReaderTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.streams.buffer-size=16" })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@AfterEach
	void nothingIsLeftOfReadersThatEnded() {
		LogSubscriptions<Chunk> readers = ObservedReaders.of(instance);
		ReaderStates.all(readers).forEach(Subscription::cancel);
		assertThat(ReaderStates.all(readers)).isEmpty();
	}

	@Test
	void historyIsFollowedByLiveChunksWithoutGapOrRepeatWhileAWriterWrites() {
		AtomicBoolean done = new AtomicBoolean();
		CompletableFuture<Integer> writing = Background.supply(() -> {
			int count = 0;
			while (!done.get()) {
				writer.append("seam", "chunk " + count++);
			}
			writer.complete("seam");
			return count;
		});
		List<RecordingHandler> handlers = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			int enough = i * 20;
			Eventually.await(() -> reader.info("seam").map(StreamInfo::nextIndex).orElse(0L) >= enough, () -> enough);
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("seam", StreamPosition.start(), handler);
			handlers.add(handler);
		}
		done.set(true);
		int count = writing.join();
		handlers.forEach((handler) -> handler.awaitComplete().assertGapFree(0, count));
	}

	@ParameterizedTest
	@CsvSource({ "0, 0", "15, 15", "16, 16", "17, 17", "99, 99", "100, 100", "105, 105" })
	void readingBeginsAtAnIndex(long index, long first) {
		String stream = "at/" + index;
		appendMany(stream, 0, 100);
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.at(index), handler);
		appendMany(stream, 100, 10);
		writer.complete(stream);
		handler.awaitComplete().assertGapFree(first, (int) (110 - first));
	}

	@Test
	void readingBeginsAfterAnIndex() {
		appendMany("after", 0, 5);
		RecordingHandler handler = read("after", StreamPosition.after(2));
		writer.complete("after");
		handler.awaitComplete().assertGapFree(3, 2);
	}

	@Test
	void readingBeginsAtTheEnd() {
		appendMany("end", 0, 5);
		RecordingHandler handler = read("end", StreamPosition.end());
		appendMany("end", 5, 2);
		writer.complete("end");
		handler.awaitComplete().assertGapFree(5, 2);
	}

	@ParameterizedTest
	@CsvSource({ "0, 5", "2, 3", "5, 0", "100, 0" })
	void readingBeginsWithTheLastChunks(int count, long first) {
		String stream = "last/" + count;
		appendMany(stream, 0, 5);
		RecordingHandler handler = read(stream, StreamPosition.last(count));
		appendMany(stream, 5, 1);
		writer.complete(stream);
		handler.awaitComplete().assertGapFree(first, (int) (6 - first));
	}

	@Test
	void theEndIsFixedBeforeSubscribeReturnsAlsoForAStreamThatDoesNotExist() {
		RecordingHandler handler = read("end-unknown", StreamPosition.end());
		appendMany("end-unknown", 0, 3);
		handler.awaitChunks(3).assertGapFree(0, 3);
	}

	@Test
	void theStartIsAppliedOnceWithAnyWakeups() {
		appendMany("once", 0, 2);
		RecordingHandler handler = read("once", StreamPosition.at(2));
		LogSubscriptions<Chunk> readers = ObservedReaders.of(instance);
		for (int i = 0; i < 5; i++) {
			// Empty fetches, each over when another reader after it in the queue has read
			readers.onResync();
			read("once", StreamPosition.start()).awaitChunks(2);
		}
		assertThat(handler.chunks()).isEmpty();
		writer.append("once", "third");
		handler.awaitChunks(1).assertGapFree(2, 1);
	}

	@Test
	void aReaderOfAnUnknownStreamWaitsForIt() {
		RecordingHandler handler = read("unknown", StreamPosition.start());
		writer.append("unknown", "a");
		handler.awaitChunks(1);
	}

	@Test
	void anOnlyClosedStreamEndsAtOnce() {
		writer.complete("only-closed");
		read("only-closed", StreamPosition.start()).awaitComplete().assertGapFree(0, 0);
	}

	@Test
	void aWaitingReaderEndsWithAStreamThatIsOnlyClosed() {
		RecordingHandler handler = read("closed-later", StreamPosition.start());
		writer.complete("closed-later");
		handler.awaitComplete().assertGapFree(0, 0);
	}

	@Test
	void aClosedStreamEndsAfterItsLastChunk() {
		appendMany("closed", 0, 100);
		writer.complete("closed");
		read("closed", StreamPosition.start()).awaitComplete().assertGapFree(0, 100);
	}

	@Test
	void theEndIsReceivedThoughThePositionDoesNotMove() {
		appendMany("silent-end", 0, 3);
		RecordingHandler handler = read("silent-end", StreamPosition.start()).awaitChunks(3);
		writer.fail("silent-end", "broken");
		assertThat(handler.awaitError()).isInstanceOf(StreamFailedException.class)
			.hasMessage("Stream 'silent-end' failed: broken");
		assertThat(handler.ends()).isOne();
	}

	@Test
	void aDeletedStreamEndsItsReadersAndANewOneOfThatNameIsAnother() {
		appendMany("deleted", 0, 3);
		RecordingHandler old = read("deleted", StreamPosition.start()).awaitChunks(3);
		delete("deleted");
		assertThat(writer.append("deleted", "new")).isZero();
		RecordingHandler fresh = read("deleted", StreamPosition.start()).awaitChunks(1);
		ObservedReaders.of(instance).onResync();
		assertThat(old.awaitError()).isInstanceOf(StreamDeletedException.class);
		old.assertGapFree(0, 3);
		assertThat(fresh.texts()).containsExactly("new");
		assertThat(fresh.ends()).isZero();
	}

	@Test
	void aStreamThatLostChunksIsAnErrorNotASilentSkip() {
		appendMany("truncated", 0, 10);
		RecordingHandler handler = read("truncated", StreamPosition.start()).awaitChunks(10);
		database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index >= 5 AND stream_id = "
					+ "(SELECT stream_id FROM durable_notify.streams WHERE name = 'truncated')");
		ObservedReaders.of(instance).onResync();
		assertThat(handler.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("expected index 10, but the stream ends at 5");
		handler.assertGapFree(0, 10);
	}

	@Test
	void anIdThatWasGivenToAnotherStreamIsNeitherReadNorWrittenTo() {
		appendMany("old", 0, 2);
		RecordingHandler handler = read("old", StreamPosition.start()).awaitChunks(2);
		// As after a failover to a server that had not seen the stream yet
		database.jdbc().update("UPDATE durable_notify.streams SET name = 'new' WHERE name = 'old'");
		appendMany("new", 2, 1);
		assertThat(handler.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("another stream is in its place");
		handler.assertGapFree(0, 2);
		assertThat(writer.append("old", "first")).isZero();
		assertThat(reader.page("new", StreamPosition.start(), 10).chunks()).hasSize(3);
	}

	@Test
	void aReaderFindsAStreamWhoseRowWasThereBeforeItsFirstChunk() {
		RecordingHandler handler = read("head-first", StreamPosition.start());
		database.jdbc().update("INSERT INTO durable_notify.streams (name) VALUES ('head-first')");
		writer.append("head-first", "a");
		handler.awaitChunks(1);
	}

	@Test
	void aNameThatTheDatabaseCannotHoldKeepsNoOtherReaderWaiting() {
		TestDatabase latin = PostgresServer.shared()
			.createDatabase("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
		try (Instance western = Instance.start(latin, "durable-notify.poll.interval=0")) {
			RecordingHandler impossible = new RecordingHandler();
			western.reader().subscribe("日本", StreamPosition.start(), impossible);
			RecordingHandler handler = new RecordingHandler();
			western.reader().subscribe("possible", StreamPosition.start(), handler);
			western.writer().append("possible", "a");
			handler.awaitChunks(1);
			assertThat(impossible.awaitError()).isInstanceOf(DataAccessException.class);
		}
	}

	@Test
	void aHoleIsAnErrorNotASilentSkip() {
		appendMany("hole", 0, 10);
		database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index = 5 AND stream_id = "
					+ "(SELECT stream_id FROM durable_notify.streams WHERE name = 'hole')");
		RecordingHandler handler = read("hole", StreamPosition.start());
		assertThat(handler.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("expected index 5, but 6 was found");
		handler.assertGapFree(0, 5);
	}

	@Test
	void nothingIsCalledAfterACancelInTheCallback() {
		appendMany("cancelled-inside", 0, 100);
		AtomicReference<Subscription> subscription = new AtomicReference<>();
		CountDownLatch subscribed = new CountDownLatch(1);
		RecordingHandler handler = new RecordingHandler() {

			@Override
			public void onChunk(Chunk chunk) throws Exception {
				subscribed.await();
				super.onChunk(chunk);
				if (chunk.index() == 20) {
					subscription.get().cancel();
					subscription.get().cancel();
				}
			}

		};
		subscription.set(reader.subscribe("cancelled-inside", StreamPosition.start(), handler));
		subscribed.countDown();
		handler.awaitChunks(21);
		writer.complete("cancelled-inside");
		read("cancelled-inside", StreamPosition.start()).awaitComplete();
		handler.assertGapFree(0, 21);
		assertThat(handler.ends()).isZero();
		assertThat(subscription.get().isActive()).isFalse();
	}

	@Test
	void nothingIsCalledAfterACancelWhileWaiting() {
		RecordingHandler handler = new RecordingHandler();
		Subscription subscription = reader.subscribe("cancelled-live", StreamPosition.start(), handler);
		writer.append("cancelled-live", "a");
		handler.awaitChunks(1);
		assertThat(subscription.isActive()).isTrue();
		subscription.cancel();
		subscription.cancel();
		writer.append("cancelled-live", "b");
		writer.complete("cancelled-live");
		read("cancelled-live", StreamPosition.start()).awaitComplete();
		handler.assertGapFree(0, 1);
		assertThat(handler.ends()).isZero();
	}

	@Test
	void nothingIsLeftRegisteredAfterTheEnd() {
		appendMany("left", 0, 50);
		RecordingHandler completed = read("left", StreamPosition.start());
		RecordingHandler waiting = new RecordingHandler();
		reader.subscribe("left-unknown", StreamPosition.start(), waiting).cancel();
		writer.complete("left");
		completed.awaitComplete();
		assertThat(ReaderStates.all(ObservedReaders.of(instance))).isEmpty();
		assertThat(ReaderStates.waitedFor(ObservedReaders.of(instance))).isEmpty();
		assertThat(ReaderStates.logIds(ObservedReaders.of(instance))).isEmpty();
	}

	@Test
	void aHandlerThatThrowsEndsItsOwnSubscriptionWithThatError() {
		appendMany("throwing", 0, 5);
		IllegalStateException failure = new IllegalStateException("handler broke");
		RecordingHandler throwing = new RecordingHandler() {

			@Override
			public void onChunk(Chunk chunk) throws Exception {
				super.onChunk(chunk);
				if (chunk.index() == 2) {
					throw failure;
				}
			}

		};
		Subscription subscription = reader.subscribe("throwing", StreamPosition.start(), throwing);
		RecordingHandler other = read("throwing", StreamPosition.start());
		assertThat(throwing.awaitError()).isSameAs(failure);
		writer.complete("throwing");
		other.awaitComplete().assertGapFree(0, 5);
		throwing.assertGapFree(0, 3);
		assertThat(throwing.ends()).isOne();
		assertThat(subscription.isActive()).isFalse();
	}

	@Test
	void aSlowReaderHoldsItsBufferAndNoOtherReaderWaits() throws Exception {
		BlockingHandler slow = new BlockingHandler();
		Subscription subscription = reader.subscribe("slow", StreamPosition.start(), slow);
		RecordingHandler fast = read("slow", StreamPosition.start());
		for (int i = 0; i < 200; i++) {
			writer.append("slow", "chunk " + i);
			fast.awaitChunks(i + 1);
		}
		writer.complete("slow");
		fast.awaitComplete().assertGapFree(0, 200);
		assertThat(ReaderStates.next(subscription)).isLessThanOrEqualTo(16);
		slow.release();
		slow.awaitComplete().assertGapFree(0, 200);
	}

	@Test
	void aBufferNeverHoldsMoreThanItsSize() {
		BlockingHandler slow = new BlockingHandler();
		appendMany("sized", 0, 5);
		Subscription subscription = reader.subscribe("sized", StreamPosition.start(), slow);
		Eventually.await(() -> ReaderStates.next(subscription) == 5 && ReaderStates.isIdle(subscription),
				subscription::toString);
		// Fetches that bring half of what the buffer holds
		instance.transaction().executeWithoutResult((status) -> appendMany("sized", 5, 30));
		awaitFull(subscription);
		assertThat(ReaderStates.next(subscription)).isEqualTo(5 + 8);
		slow.release();
		slow.awaitChunks(35).assertGapFree(0, 35);
	}

	@Test
	void aBufferIsBoundedByBytesToo() {
		try (Instance small = Instance.start(database, "durable-notify.poll.interval=0",
				"durable-notify.streams.buffer-bytes=10KB")) {
			BlockingHandler slow = new BlockingHandler();
			// Sizes around half of, all of and more than the buffer
			int[] sizes = { 4000, 6000, 9000, 100, 20000, 6000, 6000, 1, 10240, 5000, 5120, 5121 };
			instance.transaction().executeWithoutResult((status) -> {
				for (int size : sizes) {
					writer.append("bytes", new byte[size]);
				}
				writer.complete("bytes");
			});
			Subscription subscription = small.reader().subscribe("bytes", StreamPosition.start(), slow);
			awaitFull(subscription);
			assertThat(ReaderStates.next(subscription)).isEqualTo(2);
			slow.release();
			slow.awaitComplete().assertGapFree(0, sizes.length);
			assertThat(slow.chunks()).extracting((chunk) -> chunk.data().length)
				.containsExactly(Arrays.stream(sizes).boxed().toArray(Integer[]::new));
		}
	}

	@Test
	void handlersThatBlockForEverDoNotSlowTheOthersOnPlatformThreads() {
		handlersThatBlockForEverDoNotSlowTheOthers(false);
	}

	@Test
	@Tag("virtual-threads")
	@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "This JDK has no virtual threads")
	void handlersThatBlockForEverDoNotSlowTheOthersOnVirtualThreads() {
		handlersThatBlockForEverDoNotSlowTheOthers(true);
	}

	private void handlersThatBlockForEverDoNotSlowTheOthers(boolean virtualThreads) {
		List<BlockingHandler> blocking = new ArrayList<>();
		CountDownLatch blocked = new CountDownLatch(200);
		String suffix = "/" + virtualThreads;
		try (Instance crowded = Instance.start(database, "durable-notify.poll.interval=0",
				"spring.threads.virtual.enabled=" + virtualThreads)) {
			writer.append("blocking" + suffix, "a");
			for (int i = 0; i < 200; i++) {
				blocking.add(new BlockingHandler(blocked::countDown));
				crowded.reader().subscribe("blocking" + suffix, StreamPosition.start(), blocking.get(i));
			}
			Eventually.await(() -> blocked.getCount() == 0, blocked::toString);
			RecordingHandler handler = new RecordingHandler();
			crowded.reader().subscribe("not-blocking" + suffix, StreamPosition.start(), handler);
			for (int i = 0; i < 50; i++) {
				writer.append("not-blocking" + suffix, "a");
				handler.awaitChunks(i + 1);
			}
		}
		finally {
			blocking.forEach(BlockingHandler::release);
		}
	}

	@Test
	void twoInstancesServeEachOther() {
		try (Instance other = Instance.start(database, "durable-notify.poll.interval=0")) {
			RecordingHandler here = read("instances", StreamPosition.start());
			RecordingHandler there = new RecordingHandler();
			other.reader().subscribe("instances", StreamPosition.start(), there);
			for (int i = 0; i < 20; i += 2) {
				writer.append("instances", "from here");
				other.writer().append("instances", "from there");
				here.awaitChunks(i + 2);
				there.awaitChunks(i + 2);
			}
			other.writer().complete("instances");
			here.awaitComplete().assertGapFree(0, 20);
			there.awaitComplete().assertGapFree(0, 20);
		}
	}

	@Test
	void closingTheContextEndsReadersQuicklyWithAClearSignal() {
		Instance closing = Instance.start(database);
		StreamReader closingReader = closing.reader();
		RecordingHandler waiting = new RecordingHandler();
		RecordingHandler unknown = new RecordingHandler();
		writer.append("closing", "a");
		closingReader.subscribe("closing", StreamPosition.start(), waiting);
		closingReader.subscribe("closing-unknown", StreamPosition.start(), unknown);
		waiting.awaitChunks(1);
		long start = System.nanoTime();
		closing.close();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
		assertThat(waiting.error()).isInstanceOf(ReaderStoppedException.class);
		assertThat(unknown.error()).isInstanceOf(ReaderStoppedException.class);
		assertThat(waiting.ends()).isOne();
		assertThatExceptionOfType(ReaderStoppedException.class)
			.isThrownBy(() -> closingReader.subscribe("closing", StreamPosition.start(), new RecordingHandler()));
	}

	@Test
	void whatAnInstanceWritesLastIsReceivedByTheOthers() {
		for (int round = 0; round < 5; round++) {
			String stream = "last-words/" + round;
			RecordingHandler handler = read(stream, StreamPosition.start());
			try (Instance closing = Instance.start(database)) {
				for (int i = 0; i < 20; i++) {
					closing.writer().append(stream, "chunk " + i);
				}
				closing.writer().complete(stream);
			}
			handler.awaitComplete().assertGapFree(0, 20);
		}
	}

	@Test
	void readersCanBeOpenedAgainAfterARestart() {
		try (Instance restarted = Instance.start(database)) {
			restarted.context().stop();
			restarted.context().start();
			RecordingHandler handler = new RecordingHandler();
			restarted.reader().subscribe("restarted", StreamPosition.start(), handler);
			writer.append("restarted", "a");
			handler.awaitChunks(1);
		}
	}

	@Test
	void aHandlerMayAppendSubscribeAndEndInItsCallbacks() throws Exception {
		CompletableFuture<List<String>> received = new CompletableFuture<>();
		reader.subscribe("outer-stream", StreamPosition.start(), (chunk) -> {
			RecordingHandler inner = new RecordingHandler();
			reader.subscribe("inner-stream", StreamPosition.start(), inner);
			writer.append("inner-stream", chunk.text());
			writer.complete("inner-stream");
			inner.awaitComplete();
			received.complete(inner.texts());
		});
		writer.append("outer-stream", "hello");
		assertThat(received.get(30, TimeUnit.SECONDS)).containsExactly("hello");
	}

	@Test
	void manyStreamsAreReadByManyReaders() {
		List<RecordingHandler> handlers = new ArrayList<>();
		for (int i = 0; i < 1500; i++) {
			handlers.add(read("many/" + i, StreamPosition.start()));
		}
		for (int i = 0; i < 1500; i++) {
			writer.append("many/" + i, "a");
		}
		handlers.forEach((handler) -> handler.awaitChunks(1).assertGapFree(0, 1));
	}

	@Test
	void aHotStreamLeavesTheOthersTheirShare() {
		byte[] large = new byte[60_000];
		for (int i = 0; i < 100; i++) {
			writer.append("hot", large);
		}
		List<RecordingHandler> quiet = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			writer.append("quiet/" + i, large);
			writer.append("quiet/" + i, large);
		}
		RecordingHandler hot = read("hot", StreamPosition.start());
		for (int i = 0; i < 100; i++) {
			quiet.add(read("quiet/" + i, StreamPosition.start()));
		}
		quiet.forEach((handler) -> handler.awaitChunks(2).assertGapFree(0, 2));
		hot.awaitChunks(100).assertGapFree(0, 100);
	}

	@Test
	void pagesLeadForwardToNoMoreYetAndToTheEnd() {
		appendMany("paged", 0, 25);
		ChunkPage first = reader.page("paged", StreamPosition.start(), 10);
		assertThat(first.chunks()).hasSize(10);
		assertThat(first.nextIndex()).isEqualTo(10);
		assertThat(first.state()).isEqualTo(StreamState.OPEN);
		ChunkPage third = reader.page("paged", StreamPosition.at(20), 10);
		assertThat(third.chunks()).extracting(Chunk::index).containsExactly(20L, 21L, 22L, 23L, 24L);
		assertThat(third.state()).isEqualTo(StreamState.OPEN);
		ChunkPage noMoreYet = reader.page("paged", StreamPosition.at(third.nextIndex()), 10);
		assertThat(noMoreYet.chunks()).isEmpty();
		assertThat(noMoreYet.nextIndex()).isEqualTo(25);
		assertThat(noMoreYet.state()).isEqualTo(StreamState.OPEN);
		writer.complete("paged");
		assertThat(reader.page("paged", StreamPosition.at(10), 10).state()).isEqualTo(StreamState.OPEN);
		assertThat(reader.page("paged", StreamPosition.at(20), 10).state()).isEqualTo(StreamState.COMPLETED);
		assertThat(reader.page("paged", StreamPosition.at(25), 10).state()).isEqualTo(StreamState.COMPLETED);
		assertThat(reader.page("paged", StreamPosition.last(3), 10).chunks()).extracting(Chunk::index)
			.containsExactly(22L, 23L, 24L);
	}

	@Test
	void aPageIsCutBySizeButNeverEmpty() {
		for (int i = 0; i < 6; i++) {
			writer.append("paged-large", new byte[1_000_000]);
		}
		ChunkPage page = reader.page("paged-large", StreamPosition.start(), 100);
		assertThat(page.chunks()).hasSize(5);
		assertThat(page.nextIndex()).isEqualTo(5);
	}

	@ParameterizedTest
	@ValueSource(ints = { 11, 100, 10_000 })
	void aPageIsCutByTheSumOfItsChunksAndNotByTheLargestOne(int limit) {
		String stream = "mixed/" + limit;
		long bytes = 0;
		List<byte[]> chunks = new ArrayList<>();
		for (int size : new int[] { 100_000, 100, 500, 419, 420, 1, 0, 800_000, 500, 100, 300, 1_000_000, 1_000_000,
				1_000_000, 293_864 - 1_020, 1, 500 }) {
			chunks.add(new byte[size]);
			bytes += size;
		}
		writer.appendAll(stream, chunks.subList(0, 11));
		ChunkPage small = reader.page(stream, StreamPosition.start(), limit);
		assertThat(small.chunks()).hasSize(11);
		assertThat(reader.page(stream, StreamPosition.last(10), limit).chunks()).hasSize(10);
		assertThat(reader.page(stream, StreamPosition.last(3), limit).chunks()).hasSize(3);
		writer.appendAll(stream, chunks.subList(11, chunks.size()));
		ChunkPage page = reader.page(stream, StreamPosition.start(), limit);
		int expected = 0;
		for (long sum = 0; expected < Math.min(limit, chunks.size()) && sum < 4 * 1024 * 1024; expected++) {
			sum += chunks.get(expected).length;
		}
		assertThat(page.chunks()).hasSize(expected);
		assertThat(page.nextIndex()).isEqualTo(expected);
		assertThat(bytes).isGreaterThan(4 * 1024 * 1024);
	}

	@Test
	void aPageOfAnUnknownStreamIsEmptyAndOpen() {
		assertThat(reader.page("no-page", StreamPosition.at(7), 10))
			.isEqualTo(new ChunkPage(List.of(), 7, StreamState.OPEN));
	}

	@ParameterizedTest
	@CsvSource({ "0", "-1", "10001" })
	void aLimitThatIsNoneIsRefused(int limit) {
		assertThatIllegalArgumentException().isThrownBy(() -> reader.page("paged", StreamPosition.start(), limit))
			.withMessageContaining(String.valueOf(limit))
			.withMessageContaining("1 to 10000");
	}

	@Test
	void anInfoHasTheStateAndTheNextIndex() {
		assertThat(reader.info("info")).isEmpty();
		appendMany("info", 0, 3);
		StreamInfo open = reader.info("info").orElseThrow();
		assertThat(open.nextIndex()).isEqualTo(3);
		assertThat(open.state()).isEqualTo(StreamState.OPEN);
		assertThat(open.endedAt()).isNull();
		writer.fail("info", "broken");
		StreamInfo failed = reader.info("info").orElseThrow();
		assertThat(failed.state()).isEqualTo(StreamState.FAILED);
		assertThat(failed.failureReason()).isEqualTo("broken");
		assertThat(failed.endedAt()).isAfterOrEqualTo(failed.createdAt());
	}

	@Test
	void anInfoHasTheTimeOfTheLastChunk() {
		writer.create("dated", StreamOptions.none());
		assertThat(reader.info("dated").orElseThrow().lastAppendedAt()).isNull();
		appendMany("dated", 0, 3);
		List<Chunk> chunks = reader.page("dated", StreamPosition.start(), 10).chunks();
		assertThat(reader.info("dated").orElseThrow().lastAppendedAt()).isEqualTo(chunks.get(2).createdAt());
		writer.complete("dated");
		assertThat(reader.info("dated").orElseThrow().lastAppendedAt()).isEqualTo(chunks.get(2).createdAt());
	}

	/**
	 * Wait until the reader has taken what it can.
	 */
	private static void awaitFull(Subscription subscription) {
		Eventually.await(() -> ReaderStates.isFull(subscription), subscription::toString);
	}

	private static RecordingHandler read(String stream, StreamPosition from) {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, from, handler);
		return handler;
	}

	private static void appendMany(String stream, int first, int count) {
		for (int i = first; i < first + count; i++) {
			assertThat(writer.append(stream, "chunk " + i)).isEqualTo(i);
		}
	}

	private static void delete(String stream) {
		Long streamId = database.jdbc()
			.queryForObject("DELETE FROM durable_notify.streams WHERE name = ? RETURNING stream_id", Long.class,
					stream);
		database.jdbc().update("DELETE FROM durable_notify.stream_chunks WHERE stream_id = ?", streamId);
	}

}
