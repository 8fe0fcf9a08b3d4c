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

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.OnDemandReader;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.stream.ObservedReaders.HandPoll;
import io.durablenotify.stream.ObservedStore.Share;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for live readers in great numbers.
 */
class StreamScaleTests {

	private static final int MANY = 10_000;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@BeforeAll
	static void start() {
		writer.append("other", "a");
	}

	@Test
	void tenThousandReadersAreNearlyFreeWhileIdleAndLeaveNothingBehind() {
		StoredStreams.store(database, "idle/", MANY, 0, 0);
		HandPoll poll = new HandPoll();
		try (ObservedReaders readers = ObservedReaders.in(instance, poll)) {
			int threads = threads();
			long heap = usedHeap();
			List<SequenceHandler> handlers = new ArrayList<>();
			List<LogSubscription<Chunk>> subscriptions = new ArrayList<>();
			for (int i = 0; i < MANY; i++) {
				handlers.add(new SequenceHandler());
				subscriptions.add(readers.open("idle/" + i, handlers.get(i)));
			}
			readers.awaitIdle(subscriptions);
			assertThat(threads() - threads).isLessThan(10);
			assertThat(readers.deliveries()).isZero();
			assertThat(usedHeap() - heap).isLessThan(MANY * 3_000L);
			assertThat(readers.statementsOf(poll)).isOne();

			int fetches = readers.store().fetches().size();
			StoredStreams.extend(database, "idle/", 0, 1, 100);
			poll.run();
			handlers.forEach((handler) -> handler.awaitNext(1));
			assertThat(readers.store().fetches()).hasSize(fetches + MANY / 1_000);

			List<CompletableFuture<Long>> appends = new ArrayList<>();
			for (int i = 0; i < MANY; i++) {
				appends.add(writer.appendAsync("idle/" + i, "second"));
			}
			handlers.forEach((handler) -> handler.awaitNext(2));
			assertThat(appends).allSatisfy((append) -> assertThat(append.join()).isOne());
			readers.awaitIdle(subscriptions);
			assertThat(readers.statementsOf(poll)).isOne();

			subscriptions.forEach(Subscription::cancel);
			assertThat(ReaderStates.all(readers.live())).isEmpty();
			assertThat(ReaderStates.logIds(readers.live())).isEmpty();
			assertThat(ReaderStates.waitedFor(readers.live())).isEmpty();
			assertThat(readers.statementsOf(poll)).isZero();
		}
		assertThat(poll.isRegistered()).isFalse();
	}

	@Test
	void readersThatWaitForStreamsCostOneStatementAPollTogetherWithTheOthers() {
		StoredStreams.store(database, "there/", 500, 1, 100);
		HandPoll poll = new HandPoll();
		try (ObservedReaders readers = ObservedReaders.in(instance, poll)) {
			List<SequenceHandler> there = new ArrayList<>();
			List<SequenceHandler> waiting = new ArrayList<>();
			for (int i = 0; i < 500; i++) {
				there.add(new SequenceHandler());
				readers.open("there/" + i, there.get(i));
				waiting.add(new SequenceHandler());
				readers.open("awaited/" + i, waiting.get(i));
			}
			there.forEach((handler) -> handler.awaitNext(1));
			assertThat(readers.statementsOf(poll)).isOne();
			StoredStreams.store(database, "awaited/", 500, 1, 100);
			poll.run();
			waiting.forEach((handler) -> handler.awaitNext(1));
			assertThat(ReaderStates.waitedFor(readers.live())).isEmpty();
		}
	}

	@Test
	void aBatchForAThousandReadersIsFetchedOnce() {
		StoredStreams.store(database, "herd", 1, 0, 0);
		long streamId = StoredStreams.id(database, "herd0");
		try (ObservedReaders readers = ObservedReaders.in(instance)) {
			List<SequenceHandler> handlers = new ArrayList<>();
			List<LogSubscription<Chunk>> subscriptions = new ArrayList<>();
			for (int i = 0; i < 1_000; i++) {
				handlers.add(new SequenceHandler());
				subscriptions.add(readers.open("herd0", handlers.get(i)));
			}
			readers.awaitIdle(subscriptions);
			readers.hold("other");
			int looks = readers.store().shares(streamId).size();
			writer.appendAll("herd0", batch(20));
			readers.store().release();
			handlers.forEach((handler) -> handler.awaitNext(20));
			List<Share> shares = readers.store().shares(streamId);
			assertThat(shares.subList(looks, shares.size())).extracting(Share::chunks).containsExactly(20);

			// And where nothing is held back: the first few may be ahead of the
			// others
			for (int batch = 1; batch <= 20; batch++) {
				writer.appendAll("herd0", batch(20));
				for (SequenceHandler handler : handlers) {
					handler.awaitNext(20 + batch * 20);
				}
			}
			assertThat(readers.store().shares(streamId).size() - shares.size()).isLessThan(20 * 10);
		}
	}

	@Test
	void readersAtOneIndexShareWhatIsFetched() {
		StoredStreams.store(database, "positions", 1, 100, 100);
		long streamId = StoredStreams.id(database, "positions0");
		try (ObservedReaders readers = ObservedReaders.in(instance)) {
			readers.hold("other");
			List<SequenceHandler> handlers = new ArrayList<>();
			for (int i = 0; i < 200; i++) {
				int last = 10 + i % 10 * 10;
				handlers.add(new SequenceHandler(100 - last));
				// Found on this thread, so that they queue up at once
				readers.open("positions0", StreamPosition.last(last), handlers.get(i));
			}
			readers.store().release();
			handlers.forEach((handler) -> handler.awaitNext(100));
			assertThat(readers.store().shares(streamId)).extracting(Share::chunks)
				.containsExactly(10, 20, 30, 40, 50, 60, 70, 80, 90, 100);
		}
	}

	@Test
	void readersThatComeAndGoAtAnyPositionGetEverythingOnceAndInOrder() {
		AtomicBoolean enough = new AtomicBoolean();
		CompletableFuture<Long> writing = Background.supply(() -> {
			Random random = new Random(1);
			long next = 0;
			while (!enough.get()) {
				List<byte[]> batch = batch(1 + random.nextInt(5), random.nextInt(2_000));
				next = writer.appendAll("crowd", batch) + batch.size();
			}
			writer.complete("crowd");
			return next;
		});
		Random random = new Random(2);
		List<OnDemandReader<Chunk>> slow = new ArrayList<>();
		List<SequenceHandler> handlers = new ArrayList<>();
		List<LeavingHandler> leaving = new ArrayList<>();
		try (ObservedReaders readers = ObservedReaders.in(instance, 16, 20_000)) {
			for (int i = 0; i < 300; i++) {
				int joined = i;
				Eventually.await(() -> tail("crowd") >= joined, writing::toString);
				long from = random.nextLong(tail("crowd") + 20);
				if (i % 3 == 0) {
					leaving.add(new LeavingHandler(from, from + random.nextInt(200)));
					leaving.get(i / 3).leaves(readers.open("crowd", StreamPosition.at(from), leaving.get(i / 3)));
					continue;
				}
				SequenceHandler handler = new SequenceHandler(from);
				handlers.add(handler);
				if (i % 3 == 1) {
					slow.add(readers.openOnDemand("crowd", StreamPosition.at(from), handler));
				}
				else {
					readers.open("crowd", StreamPosition.at(from), handler);
				}
				if (!slow.isEmpty()) {
					slow.get(random.nextInt(slow.size())).request(1 + random.nextInt(20));
				}
			}
			enough.set(true);
			long count = writing.join();
			slow.forEach(OnDemandReader::requestAll);
			handlers.forEach((handler) -> handler.awaitComplete(Math.max(count, handler.first())));
			leaving.forEach((handler) -> handler.assertLeftInOrder(count));
			Eventually.await(() -> ReaderStates.all(readers.live()).isEmpty(), () -> ReaderStates.all(readers.live()));
		}
	}

	@Test
	void aLostTailEndsTheReadersThatHadReceivedItAndTheOthersReadOn() {
		StoredStreams.store(database, "tail/", 300, 5, 100);
		try (ObservedReaders readers = ObservedReaders.in(instance, 2, 1_000)) {
			List<SequenceHandler> ahead = new ArrayList<>();
			List<SequenceHandler> lagging = new ArrayList<>();
			List<OnDemandReader<Chunk>> slow = new ArrayList<>();
			List<LogSubscription<Chunk>> waiting = new ArrayList<>();
			for (int i = 0; i < 300; i++) {
				ahead.add(new SequenceHandler());
				waiting.add(readers.open("tail/" + i, ahead.get(i)));
				lagging.add(new SequenceHandler());
				slow.add(readers.openOnDemand("tail/" + i, StreamPosition.start(), lagging.get(i)));
			}
			slow.stream()
				.map(OnDemandReader::reader)
				.forEach((reader) -> Eventually.await(() -> ReaderStates.buffered(reader) == 2, reader::toString));
			ahead.forEach((handler) -> handler.awaitNext(5));
			readers.awaitIdle(waiting);
			// As after a failover to a server that had not seen all: every other stream
			database.jdbc()
				.update("DELETE FROM durable_notify.stream_chunks c USING durable_notify.streams s "
						+ "WHERE s.stream_id = c.stream_id AND s.name ~ '^tail/[0-9]*[02468]$' AND c.chunk_index >= 3");
			readers.live().onResync();
			for (int i = 0; i < 300; i += 2) {
				assertThat(ahead.get(i).awaitError()).isInstanceOf(StreamTruncatedException.class)
					.hasMessageContaining("expected index 5, but the stream ends at 3");
			}
			for (int i = 0; i < 300; i++) {
				assertThat(writer.append("tail/" + i, "new")).isEqualTo((i % 2 == 0) ? 3 : 5);
				writer.complete("tail/" + i);
				slow.get(i).requestAll();
			}
			for (int i = 0; i < 300; i++) {
				lagging.get(i).awaitComplete((i % 2 == 0) ? 4 : 6);
				if (i % 2 == 0) {
					ahead.get(i).assertInOrder(5);
				}
				else {
					ahead.get(i).awaitComplete(6);
				}
			}
		}
	}

	private static long tail(String stream) {
		return instance.reader().info(stream).map(StreamInfo::nextIndex).orElse(0L);
	}

	private static List<byte[]> batch(int chunks) {
		return batch(chunks, 100);
	}

	private static List<byte[]> batch(int chunks, int bytes) {
		List<byte[]> batch = new ArrayList<>();
		for (int i = 0; i < chunks; i++) {
			batch.add(new byte[bytes]);
		}
		return batch;
	}

	private static int threads() {
		return ManagementFactory.getThreadMXBean().getThreadCount();
	}

	static long usedHeap() {
		for (int i = 0; i < 3; i++) {
			System.gc();
		}
		return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
	}

	/**
	 * Cancels its reader in the callback for a chunk.
	 */
	private static final class LeavingHandler extends SequenceHandler {

		private final long last;

		private final CompletableFuture<Subscription> subscription = new CompletableFuture<>();

		private LeavingHandler(long first, long last) {
			super(first);
			this.last = last;
		}

		private void leaves(Subscription subscription) {
			this.subscription.complete(subscription);
		}

		@Override
		public void onChunk(Chunk chunk) throws Exception {
			super.onChunk(chunk);
			if (chunk.index() == this.last) {
				this.subscription.join().cancel();
			}
		}

		private void assertLeftInOrder(long count) {
			if (this.last < count) {
				awaitNext(this.last + 1);
			}
			else {
				awaitComplete(Math.max(count, first()));
			}
		}

	}

}
