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
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.delivery.SerialTask;
import io.durablenotify.delivery.WorkerThread;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.stream.StreamStore.Budget;
import io.durablenotify.stream.StreamStore.Found;
import io.durablenotify.stream.StreamStore.Moved;
import io.durablenotify.stream.StreamStore.Target;
import io.durablenotify.stream.StreamStore.Watched;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.UncategorizedSQLException;

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
	 * How many streams a resync looks at in one statement, so that fetches go on between.
	 */
	private static final int RESYNC_SLICE = 1_000;

	private static final long BYTES_PER_TARGET = 64 * 1024;

	private static final long BYTES_PER_STATEMENT = 4 * 1024 * 1024;

	private static final Duration FIRST_RETRY = Duration.ofMillis(100);

	private static final Duration LAST_RETRY = Duration.ofSeconds(5);

	private final ApplicationDatabase database;

	private final StreamStore store;

	private final LiveReaders readers;

	private final Budget budget;

	private final WorkerThread thread = new WorkerThread("durable-notify-fetch");

	private final SerialTask task = new SerialTask(this.thread, this::run);

	/**
	 * Readers in state QUEUED, each at most once.
	 */
	private final Queue<ReaderSubscription> queue = new ConcurrentLinkedQueue<>();

	private final Set<String> names = ConcurrentHashMap.newKeySet();

	private final AtomicBoolean pollRequested = new AtomicBoolean();

	private final AtomicBoolean resyncRequested = new AtomicBoolean();

	/**
	 * What is left of a check of all streams. Owned by the fetching thread, like all that
	 * follows.
	 */
	private final Queue<List<Long>> slices = new ArrayDeque<>();

	/**
	 * How many more turns take one reader only, to find the one that cannot be read.
	 */
	private int singleTurns;

	private Duration retry = Duration.ZERO;

	private long retryAt;

	StreamFetcher(ApplicationDatabase database, StreamStore store, StreamSettings settings, LiveReaders readers) {
		this.database = database;
		this.store = store;
		this.readers = readers;
		this.budget = new Budget(settings.bufferSize(), BYTES_PER_TARGET, BYTES_PER_STATEMENT);
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

	private void enqueue(ReaderSubscription reader) {
		this.queue.add(reader);
		this.task.signal();
	}

	/**
	 * A name that readers wait for may exist.
	 */
	void resolve(String stream) {
		this.names.add(stream);
		this.task.signal();
	}

	/**
	 * Look at everything in one statement.
	 */
	void poll() {
		this.pollRequested.set(true);
		this.task.signal();
	}

	/**
	 * Look at everything, in slices and in an order of this instance's own.
	 */
	void resync() {
		this.resyncRequested.set(true);
		this.task.signal();
	}

	private void run() {
		if (this.retry.isZero() || System.nanoTime() - this.retryAt >= 0) {
			try {
				check();
				fetch();
				succeeded();
			}
			catch (DataAccessException ex) {
				failed(ex);
				return;
			}
			if (!this.queue.isEmpty() || !this.slices.isEmpty()) {
				this.task.signal();
			}
		}
	}

	/**
	 * Find out which of those who wait have something to look at.
	 */
	private void check() {
		if (this.resyncRequested.getAndSet(false)) {
			this.slices.clear();
			slice(RESYNC_SLICE);
		}
		if (this.pollRequested.getAndSet(false) && this.slices.isEmpty()) {
			slice(Integer.MAX_VALUE);
		}
		List<Watched> watched = watched(this.slices.peek());
		Set<String> names = Set.copyOf(this.names);
		this.names.removeAll(names);
		if (!watched.isEmpty() || !names.isEmpty()) {
			try {
				Moved moved = this.database.executeApart("check streams",
						(connection, joined) -> this.store.moved(connection, watched, names));
				moved.streamIds().forEach((streamId) -> this.readers.of(streamId).forEach(this::wake));
				moved.names().forEach((named) -> this.readers.bindWaiting(named.stream(), named.streamId()));
			}
			catch (DataAccessException ex) {
				this.names.addAll(names);
				throw ex;
			}
		}
		this.slices.poll();
	}

	private void slice(int size) {
		this.names.addAll(this.readers.waitedFor());
		List<Long> streamIds = new ArrayList<>(this.readers.streamIds());
		Collections.shuffle(streamIds);
		for (int start = 0; start < streamIds.size(); start += Math.min(size, streamIds.size())) {
			this.slices.add(streamIds.subList(start, start + Math.min(size, streamIds.size() - start)));
		}
	}

	/**
	 * Readers that do not wait look by themselves.
	 */
	private List<Watched> watched(@Nullable List<Long> streamIds) {
		List<Watched> watched = new ArrayList<>();
		for (long streamId : (streamIds != null) ? streamIds : List.<Long>of()) {
			long next = Long.MAX_VALUE;
			long received = 0;
			for (ReaderSubscription reader : this.readers.of(streamId)) {
				if (reader.look().isIdle()) {
					next = Math.min(next, reader.next());
					received = Math.max(received, reader.received());
				}
			}
			if (next != Long.MAX_VALUE) {
				watched.add(new Watched(streamId, next, received));
			}
		}
		return watched;
	}

	private void fetch() {
		Map<Target, List<ReaderSubscription>> readersByTarget = takeTargets();
		if (readersByTarget.isEmpty()) {
			return;
		}
		List<Target> targets = List.copyOf(readersByTarget.keySet());
		List<List<ReaderSubscription>> readers = List.copyOf(readersByTarget.values());
		try {
			List<@Nullable Found> found = this.database.executeApart("fetch chunks",
					(connection, joined) -> this.store.fetch(connection, targets, this.budget));
			for (int i = 0; i < targets.size(); i++) {
				handOver(found.get(i), readers.get(i));
			}
		}
		catch (UncategorizedSQLException ex) {
			// No failure of the database as a whole: one stream's rows cannot be read
			if (targets.size() == 1) {
				readers.get(0).forEach((reader) -> reader.end(ex));
				return;
			}
			this.singleTurns = targets.size();
			readers.forEach((ofTarget) -> ofTarget.forEach(this::lookAgain));
		}
		catch (DataAccessException ex) {
			readers.forEach((ofTarget) -> ofTarget.forEach(this::lookAgain));
			throw ex;
		}
	}

	private Map<Target, List<ReaderSubscription>> takeTargets() {
		Map<Target, List<ReaderSubscription>> targets = new LinkedHashMap<>();
		int limit = (this.singleTurns > 0) ? 1 : MAX_READERS_PER_STATEMENT;
		this.singleTurns = Math.max(0, this.singleTurns - 1);
		for (int i = 0; i < limit; i++) {
			ReaderSubscription reader = this.queue.poll();
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

	private void handOver(@Nullable Found found, List<ReaderSubscription> readers) {
		for (ReaderSubscription reader : readers) {
			boolean more = found == null || reader.accept(found);
			if (more && !reader.hasRoom()) {
				waitForRoom(reader);
			}
			else if (reader.look().end(more)) {
				this.queue.add(reader);
			}
		}
	}

	private void waitForRoom(ReaderSubscription reader) {
		reader.look().full();
		// The handler may have made room before it could see that this waits for it
		if (reader.hasRoom() && reader.look().room()) {
			this.queue.add(reader);
		}
	}

	private void lookAgain(ReaderSubscription reader) {
		reader.look().end(true);
		this.queue.add(reader);
	}

	private void succeeded() {
		if (!this.retry.isZero()) {
			logger.info("Streams are read again");
			this.retry = Duration.ZERO;
		}
	}

	private void failed(DataAccessException exception) {
		if (this.retry.isZero()) {
			logger
				.warn("Streams cannot be read for now; readers wait: " + exception.getMostSpecificCause().getMessage());
			this.retry = FIRST_RETRY;
		}
		else {
			Duration doubled = this.retry.multipliedBy(2);
			this.retry = (doubled.compareTo(LAST_RETRY) < 0) ? doubled : LAST_RETRY;
		}
		this.retryAt = System.nanoTime() + this.retry.toNanos();
		CompletableFuture.delayedExecutor(this.retry.toMillis() + 1, TimeUnit.MILLISECONDS).execute(this.task::signal);
	}

	@Override
	public void close() {
		this.thread.close();
	}

}
