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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.TimeUnit;

import io.durablenotify.delivery.Outage;
import io.durablenotify.delivery.SerialTask;
import io.durablenotify.delivery.WorkerThread;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.stream.StreamStore.Budget;
import io.durablenotify.stream.StreamStore.Found;
import io.durablenotify.stream.StreamStore.Head;
import io.durablenotify.stream.StreamStore.Target;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * Fetches for all live readers, on one thread and one connection at a time: readers that
 * were woken queue up, those of one stream that stand at the same index share a target,
 * and one statement reads many targets. A reader whose stream has more goes to the back
 * of the queue, so that a hot stream gets one share a turn.
 */
final class StreamFetcher implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(StreamReader.class);

	private static final int MAX_READERS_PER_STATEMENT = 1_000;

	/**
	 * Up to so many targets each gets a full share.
	 */
	private static final int FULL_SHARES = 64;

	private static final int BYTES_PER_SHARE = 64 * 1024;

	/**
	 * Nobody else waits for the statement then.
	 */
	private static final int BYTES_ALONE = 1024 * 1024;

	private static final int MIN_CHUNKS_PER_SHARE = 16;

	private final ApplicationDatabase database;

	private final StreamStore store;

	private final StreamChecks checks;

	private final WorkerThread thread = new WorkerThread("durable-notify-fetch");

	private final SerialTask task = new SerialTask(this.thread, this::run);

	/**
	 * Readers in state QUEUED, each at most once.
	 */
	private final Deque<ReaderSubscription> queue = new ConcurrentLinkedDeque<>();

	/**
	 * Readers in state QUEUED of which one has a stream that cannot be read. Owned by the
	 * fetching thread, like all that follows.
	 */
	private final Queue<ReaderSubscription> suspects = new ArrayDeque<>();

	private final Outage outage = new Outage(logger, "Streams cannot be read for now; readers wait",
			"Streams are read again");

	private long retryAt;

	StreamFetcher(ApplicationDatabase database, StreamStore store, LiveReaders readers) {
		this.database = database;
		this.store = store;
		this.checks = new StreamChecks(database, store, readers, this::wake);
	}

	/**
	 * A reader should look.
	 */
	void wake(ReaderSubscription reader) {
		if (reader.look().wake()) {
			enqueue(reader);
		}
	}

	/**
	 * A reader may have room for what it had to leave.
	 */
	void roomMade(ReaderSubscription reader) {
		if (reader.look().room()) {
			enqueue(reader);
		}
	}

	/**
	 * Give a chunk that was committed just now to a reader that waits for it, without a
	 * statement. Any other reader looks.
	 */
	void handOver(Chunk chunk, ReaderSubscription reader) {
		if (reader.look().tryBegin() && reader.look().end(!reader.acceptNext(chunk))) {
			enqueue(reader);
		}
	}

	private void enqueue(ReaderSubscription reader) {
		this.queue.add(reader);
		this.task.signal();
	}

	/**
	 * A name that readers wait for may exist.
	 */
	void resolve(String stream) {
		this.checks.requestName(stream);
		this.task.signal();
	}

	/**
	 * Look at everything, because it is time to.
	 */
	void poll() {
		this.checks.requestPoll();
		this.task.signal();
	}

	/**
	 * Look at everything, because wake-ups may have been missed.
	 */
	void resync() {
		this.checks.requestResync();
		this.task.signal();
	}

	private void run() {
		if (this.outage.isOn() && System.nanoTime() - this.retryAt < 0) {
			return;
		}
		Throwable failure = attempt(this.checks::check);
		if (!(failure instanceof CannotGetJdbcConnectionException)) {
			Throwable ofFetch = attempt(this::fetch);
			failure = (failure != null) ? failure : ofFetch;
		}
		if (failure != null) {
			failed(failure);
			return;
		}
		this.outage.succeeded();
		if (!this.queue.isEmpty() || !this.suspects.isEmpty() || this.checks.isPending()) {
			this.task.signal();
		}
	}

	/**
	 * Whatever goes wrong, readers must not be left without anybody who looks for them.
	 */
	private static @Nullable Throwable attempt(Runnable attempted) {
		try {
			attempted.run();
			return null;
		}
		catch (Throwable ex) {
			return ex;
		}
	}

	private void fetch() {
		Map<Target, List<ReaderSubscription>> readersByTarget = takeTargets();
		if (readersByTarget.isEmpty()) {
			return;
		}
		List<Target> targets = List.copyOf(readersByTarget.keySet());
		List<List<ReaderSubscription>> readers = List.copyOf(readersByTarget.values());
		List<@Nullable Found> found;
		try {
			found = this.database.executeApart("fetch chunks", ApplicationDatabase.PATIENCE,
					(connection, joined) -> this.store.fetch(connection, targets, budget(readers)));
		}
		catch (DataAccessException ex) {
			if (this.store.isDataFailure(ex)) {
				unreadable(readers, ex);
				return;
			}
			lookAgain(readers, this.queue);
			throw ex;
		}
		catch (Throwable ex) {
			lookAgain(readers, this.queue);
			throw ex;
		}
		for (int i = 0; i < targets.size(); i++) {
			Found ofTarget = found.get(i);
			if (ofTarget != null) {
				List<Chunk> chunks = toChunks(ofTarget);
				readers.get(i).forEach((reader) -> handOver(ofTarget.head(), chunks, reader));
			}
		}
		for (int i = targets.size() - 1; i >= 0; i--) {
			if (found.get(i) == null) {
				readers.get(i).forEach(this::lookNext);
			}
		}
	}

	/**
	 * The budget was used up by those before. Behind them, who may have more, it would be
	 * used up by them again.
	 */
	private void lookNext(ReaderSubscription reader) {
		reader.look().end(true);
		this.queue.addFirst(reader);
	}

	private Map<Target, List<ReaderSubscription>> takeTargets() {
		Map<Target, List<ReaderSubscription>> targets = new LinkedHashMap<>();
		Queue<ReaderSubscription> source = (this.suspects.isEmpty()) ? this.queue : this.suspects;
		int limit = (this.suspects.isEmpty()) ? MAX_READERS_PER_STATEMENT : 1;
		for (int i = 0; i < limit; i++) {
			ReaderSubscription reader = source.poll();
			if (reader == null) {
				break;
			}
			if (reader.isReading()) {
				reader.look().begin();
				if (reader.hasRoom()) {
					targets
						.computeIfAbsent(new Target(reader.streamId(), reader.next()), (target) -> new ArrayList<>(1))
						.add(reader);
				}
				else {
					waitForRoom(reader);
				}
			}
		}
		return targets;
	}

	/**
	 * The server sorts what all targets bring before it cuts at the statement's budget:
	 * with many targets each gets a smaller share, and none more than what the largest
	 * buffer takes.
	 */
	private static Budget budget(List<List<ReaderSubscription>> readers) {
		int divisor = (readers.size() + FULL_SHARES - 1) / FULL_SHARES;
		int share = readers.stream().flatMap(List::stream).mapToInt(ReaderSubscription::bufferSize).max().orElse(1);
		int chunks = Math.min(share, Math.max(MIN_CHUNKS_PER_SHARE, share / divisor));
		return new Budget(chunks, BYTES_PER_SHARE / divisor, (long) FULL_SHARES * BYTES_PER_SHARE,
				Math.min(share, chunksAlone(readers)), BYTES_ALONE);
	}

	/**
	 * So many that one of twice the usual size still has its place.
	 */
	private static int chunksAlone(List<List<ReaderSubscription>> readers) {
		return Math.max(1, BYTES_ALONE / 2 / Math.max(1, readers.get(0).get(0).chunkSize()));
	}

	/**
	 * Readers of one target share them.
	 */
	private static List<Chunk> toChunks(Found found) {
		Head head = found.head();
		if (head == null) {
			return List.of();
		}
		return found.chunks()
			.stream()
			.map((chunk) -> new Chunk(head.stream(), chunk.index(), chunk.data(), chunk.createdAt()))
			.toList();
	}

	private void handOver(@Nullable Head head, List<Chunk> chunks, ReaderSubscription reader) {
		boolean more = true;
		try {
			more = reader.accept(head, chunks);
		}
		catch (Throwable ex) {
			reader.end(ex);
		}
		if (more && !reader.hasRoom()) {
			waitForRoom(reader);
		}
		else if (reader.look().end(more)) {
			this.queue.add(reader);
		}
	}

	private void waitForRoom(ReaderSubscription reader) {
		if (reader.look().full(reader::hasRoom)) {
			this.queue.add(reader);
		}
	}

	/**
	 * No failure of the database as a whole: the rows of one stream cannot be read. Find
	 * it, so that the others can.
	 */
	private void unreadable(List<List<ReaderSubscription>> readers, DataAccessException failure) {
		if (readers.size() == 1) {
			readers.get(0).forEach((reader) -> reader.end(failure));
		}
		else {
			lookAgain(readers, this.suspects);
		}
	}

	private static void lookAgain(List<List<ReaderSubscription>> readers, Queue<ReaderSubscription> queue) {
		readers.forEach((ofTarget) -> ofTarget.forEach((reader) -> {
			reader.look().end(true);
			queue.add(reader);
		}));
	}

	private void failed(Throwable failure) {
		Duration delay = this.outage.failed(failure);
		this.retryAt = System.nanoTime() + delay.toNanos();
		CompletableFuture.delayedExecutor(delay.toMillis() + 1, TimeUnit.MILLISECONDS, Runnable::run)
			.execute(this.task::signal);
	}

	@Override
	public void close() {
		this.thread.close();
	}

}
