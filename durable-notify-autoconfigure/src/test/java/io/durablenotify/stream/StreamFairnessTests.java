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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.stream.ObservedStore.Share;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what a live reader may take of the database and of the heap, beside others
 * that want much, little or nothing.
 */
class StreamFairnessTests {

	private static final long STATEMENT = 4 * 1024 * 1024;

	private static final long SHARE = 64 * 1024;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@BeforeAll
	static void start() {
		instance.writer().append("other", "a");
	}

	@Test
	void whatAStatementHadNoRoomForComesFirstInTheNext() {
		StoredStreams.store(database, "hot/", 12, 10, 400_000);
		StoredStreams.store(database, "quiet/", 30, 1, 100);
		// Buffers that are never full: only the fetcher's own order counts
		try (ObservedReaders readers = ObservedReaders.in(instance, 1_000, 1_000_000_000)) {
			readers.hold("other");
			List<SequenceHandler> hot = open(readers, "hot/", 12);
			List<SequenceHandler> quiet = open(readers, "quiet/", 30);
			readers.store().release();
			quiet.forEach((handler) -> handler.awaitNext(1));
			hot.forEach((handler) -> handler.awaitNext(10));
			// The first fetch was for the other stream, the second for eleven hot ones
			for (int i = 0; i < 30; i++) {
				assertThat(readers.turnsOf(StoredStreams.id(database, "quiet/" + i))).containsExactly(2);
			}
			assertThat(readers.turnsOf(StoredStreams.id(database, "hot/0"))).startsWith(1, 2);
			assertThat(readers.turnsOf(StoredStreams.id(database, "hot/11"))).startsWith(2, 3);
		}
	}

	@Test
	void moreReadersThanAStatementTakesDoNotKeepOthersFromIt() {
		StoredStreams.store(database, "backlog/", 1, 150, 20_000);
		StoredStreams.store(database, "patient/", 1, 1, 100);
		try (ObservedReaders readers = ObservedReaders.in(instance, 1_000, 1_000_000_000)) {
			readers.hold("other");
			List<SequenceHandler> many = new ArrayList<>();
			for (int i = 0; i < 1_000; i++) {
				many.addAll(open(readers, "backlog/", 1));
			}
			List<SequenceHandler> patient = open(readers, "patient/", 1);
			readers.store().release();
			patient.get(0).awaitNext(1);
			many.forEach((handler) -> handler.awaitNext(150));
			assertThat(readers.turnsOf(StoredStreams.id(database, "backlog/0"))).hasSizeGreaterThan(2);
			assertThat(readers.turnsOf(StoredStreams.id(database, "patient/0"))).containsExactly(2);
		}
	}

	@Test
	void quietReadersGetTheirChunksPromptlyBesideWritersThatNeverStop() {
		AtomicBoolean over = new AtomicBoolean();
		List<CompletableFuture<Integer>> writing = new ArrayList<>();
		StoredStreams.store(database, "busy/", 3, 0, 0);
		StoredStreams.store(database, "calm/", 10, 0, 0);
		try (ObservedReaders readers = ObservedReaders.in(instance)) {
			List<SequenceHandler> busy = open(readers, "busy/", 3);
			List<SequenceHandler> calm = open(readers, "calm/", 10);
			for (int i = 0; i < 3; i++) {
				String stream = "busy/" + i;
				writing.add(Background.supply(() -> writeUntil(over, stream)));
			}
			for (int round = 0; round < 50; round++) {
				String stream = "calm/" + round % 10;
				instance.writer().append(stream, "a");
				int fetches = readers.store().fetches().size();
				calm.get(round % 10).awaitNext(round / 10 + 1);
				// At the latest by the fetch after the one that is under way
				List<Integer> turns = readers.turnsOf(StoredStreams.id(database, stream));
				assertThat(turns.get(turns.size() - 1)).isLessThanOrEqualTo(fetches + 1);
			}
			over.set(true);
			for (int i = 0; i < 3; i++) {
				busy.get(i).awaitNext(writing.get(i).join());
			}
		}
		finally {
			over.set(true);
		}
	}

	@Test
	void aStatementBringsItsBudgetAndEachStreamItsShareAndEachChunkComesOnce() {
		StoredStreams.store(database, "large/", 1_000, 1, 100_000);
		StoredStreams.store(database, "largest/", 6, 3, 1_000_000);
		StoredStreams.store(database, "small/", 10, 1_000, 1_000);
		try (ObservedReaders readers = ObservedReaders.in(instance, 256, 10_000_000)) {
			readers.hold("other");
			List<SequenceHandler> large = open(readers, "large/", 1_000);
			List<SequenceHandler> largest = open(readers, "largest/", 6);
			List<SequenceHandler> small = open(readers, "small/", 10);
			readers.store().release();
			large.forEach((handler) -> handler.awaitNext(1));
			largest.forEach((handler) -> handler.awaitNext(3));
			small.forEach((handler) -> handler.awaitNext(1_000));
			long bytes = 0;
			for (List<Share> fetch : readers.store().fetches()) {
				assertThat(fetch).anyMatch(Share::served);
				List<Share> served = fetch.stream().filter((share) -> share.chunks() > 0).toList();
				long fetched = served.stream().mapToLong(Share::bytes).sum();
				long last = (served.isEmpty()) ? 0 : served.get(served.size() - 1).lastBytes();
				assertThat(fetched - last).isLessThan(STATEMENT);
				// A stream that is fetched alone takes nothing from others
				long limit = (fetch.size() > 1) ? SHARE : STATEMENT;
				assertThat(served)
					.allSatisfy((share) -> assertThat(share.bytes() - share.lastBytes()).isLessThan(limit));
				bytes += fetched;
			}
			assertThat(bytes).isEqualTo(1 + 1_000 * 100_000 + 18 * 1_000_000 + 10_000 * 1_000);
		}
	}

	@Test
	void slowReadersHoldTheirBuffersBesideQuickOnesOfTheSameStreams() {
		StoredStreams.store(database, "mixed/", 50, 40, 20_000);
		List<BlockingHandler> blocking = new ArrayList<>();
		try (ObservedReaders readers = ObservedReaders.in(instance, 16, 65_536)) {
			List<LogSubscription<Chunk>> slow = new ArrayList<>();
			for (int i = 0; i < 50; i++) {
				blocking.add(new BlockingHandler());
				slow.add(readers.open("mixed/" + i, blocking.get(i)));
			}
			open(readers, "mixed/", 50).forEach((handler) -> handler.awaitNext(40));
			for (LogSubscription<Chunk> reader : slow) {
				Eventually.await(() -> ReaderStates.isFull(reader), reader::toString);
				assertThat(ReaderStates.buffered(reader)).isBetween(1, 3);
			}
			int fetches = readers.store().fetches().size();
			readers.live().onResync();
			instance.writer().append("mixed/0", "a");
			SequenceHandler another = new SequenceHandler();
			readers.open("mixed/0", StreamPosition.last(1), another);
			Eventually.await(() -> readers.store().fetches().size() > fetches, readers.store()::toString);
			assertThat(slow)
				.allSatisfy((reader) -> assertThat(ReaderStates.next(reader)).isEqualTo(ReaderStates.buffered(reader)));
			blocking.forEach(BlockingHandler::release);
			for (int i = 0; i < 50; i++) {
				int count = (i == 0) ? 41 : 40;
				blocking.get(i).awaitChunks(count).assertGapFree(0, count);
			}
		}
		finally {
			blocking.forEach(BlockingHandler::release);
		}
	}

	@Test
	void aReaderThatStandsStillInALargeStreamKeepsTheHeapItsBuffer() {
		StoredStreams.store(database, "still/", 1, 400, 100_000);
		BlockingHandler blocking = new BlockingHandler();
		try (ObservedReaders readers = ObservedReaders.in(instance)) {
			long heap = StreamScaleTests.usedHeap();
			LogSubscription<Chunk> reader = readers.open("still/0", blocking);
			Eventually.await(() -> ReaderStates.isFull(reader), reader::toString);
			assertThat(ReaderStates.buffered(reader)).isBetween(1, 10);
			assertThat(StreamScaleTests.usedHeap() - heap).isLessThan(2 * 1024 * 1024);
		}
		finally {
			blocking.release();
		}
	}

	private static int writeUntil(AtomicBoolean over, String stream) {
		List<byte[]> batch = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			batch.add(new byte[5_000]);
		}
		int count = 0;
		while (!over.get()) {
			instance.writer().appendAll(stream, batch);
			count += batch.size();
		}
		return count;
	}

	/**
	 * Open readers, which are queued when this returns, in their order.
	 */
	private static List<SequenceHandler> open(ObservedReaders readers, String prefix, int count) {
		List<SequenceHandler> handlers = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			handlers.add(new SequenceHandler());
			readers.open(prefix + i, StreamPosition.last(1_000_000), handlers.get(i));
		}
		return handlers;
	}

}
