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

package io.durablenotify.log;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogCursor.Validation;
import io.durablenotify.log.LogMeasures.Ending;
import io.durablenotify.log.LogStore.Head;
import io.durablenotify.loop.SlowHandler;
import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

/**
 * A subscription to one log: read position, buffer and completion state. {@link #peek},
 * {@link #taken} and {@link #takeEnd} are its consumer's, for one thread at a time; all
 * else may be called by any.
 *
 * @param <E> the entries' type
 */
public final class LogSubscription<E> implements Subscription {

	/**
	 * More than that is never asked for at once.
	 */
	private static final int MAX_ROOM = 1 << 20;

	/**
	 * A comparison takes two fetches that bring nothing new.
	 */
	private static final int MAX_FRUITLESS_FETCHES = 8;

	private final TailedLog<E> log;

	private final LogRegistry<E> registry;

	/**
	 * Called when there is room again.
	 */
	private final Consumer<LogSubscription<E>> roomMade;

	private final FetchState fetchState = new FetchState();

	/**
	 * Set once, before the reader is registered.
	 */
	private EntryConsumer consumer = () -> {
	};

	/**
	 * The log that this reader is bound to, or 0 while it waits for one. Set once.
	 */
	private volatile long logId;

	private final LogCursor<E> cursor;

	/**
	 * How many fetches in a row have brought nothing, although there was more. Owned by
	 * the fetching thread.
	 */
	private int fruitlessFetches;

	/**
	 * The mean size of the entries that were found last, or a guess before.
	 */
	private volatile int entrySize = 8 * 1024;

	private final ReaderMeasures measures;

	/**
	 * The index after the last entry that a wake-up or the last fetch has announced. A
	 * value that is overwritten by an older one is corrected by the fetch that follows
	 * its wake-up.
	 */
	private volatile long knownEnd;

	/**
	 * Since when there has been no room, by {@link System#nanoTime()}. Owned by the
	 * fetching thread; a hint to others.
	 */
	private volatile long fullSince;

	/**
	 * Owned by the thread that logs it.
	 */
	private final SlowHandler slowHandler = new SlowHandler();

	private final long openedAt = System.nanoTime();

	/**
	 * Guards what follows.
	 */
	private final Object lock = new Object();

	private final EntryBuffer<E> buffer;

	/**
	 * The index of the next entry to take.
	 */
	private long next;

	/**
	 * When an entry was taken last, by {@link System#nanoTime()}, if any was.
	 */
	private long takenAt;

	private boolean taken;

	private @Nullable End end;

	/**
	 * The reason of the end.
	 */
	private Ending ending = Ending.COMPLETED;

	/**
	 * Nothing may be taken any more.
	 */
	private boolean closed;

	/**
	 * What was buffered is dropped, and must not be delivered. Read without the lock.
	 */
	private volatile boolean cut;

	/**
	 * Completed when the stop was delivered.
	 */
	private @Nullable CompletableFuture<Void> stopped;

	/**
	 * How the reading ends when the buffer is empty.
	 *
	 * @param error the error, or {@code null} for a complete end
	 */
	public record End(@Nullable Throwable error) {
	}

	LogSubscription(TailedLog<E> log, LogCursor<E> cursor, LogRegistry<E> registry,
			Consumer<LogSubscription<E>> roomMade, long bufferBytes) {
		this.log = log;
		this.cursor = cursor;
		this.next = cursor.next();
		this.registry = registry;
		this.measures = new ReaderMeasures(registry.measures(), log.family());
		this.roomMade = roomMade;
		this.buffer = new EntryBuffer<>(log, bufferBytes);
	}

	/**
	 * Return the position. Changed before the reader is registered, and by the thread
	 * that has begun a fetch for it.
	 */
	LogCursor<E> cursor() {
		return this.cursor;
	}

	void connect(EntryConsumer consumer) {
		this.consumer = consumer;
	}

	/**
	 * Return the log's full name.
	 * @return the name
	 */
	public String name() {
		return this.log.name();
	}

	/**
	 * Return what messages call the log.
	 */
	String describe() {
		return "%s '%s'".formatted(this.registry.kind().log(), name());
	}

	/**
	 * Return what messages call an entry.
	 */
	String describe(E entry) {
		return "%s %d of %s".formatted(this.registry.kind().entry(), this.log.indexOf(entry), describe());
	}

	Log logger() {
		return this.registry.kind().logger();
	}

	/**
	 * Return how many entries it holds at most, and takes per run at most.
	 */
	int bufferSize() {
		return this.log.bufferSize();
	}

	long logId() {
		return this.logId;
	}

	void bind(long logId) {
		this.logId = logId;
	}

	/**
	 * Return what entries of this log are likely to have, in bytes.
	 */
	int entrySize() {
		return this.entrySize;
	}

	FetchState fetchState() {
		return this.fetchState;
	}

	/**
	 * Return whether a fetch is worth its while.
	 */
	boolean hasRoom() {
		synchronized (this.lock) {
			return this.buffer.hasRoom();
		}
	}

	/**
	 * A fetch has found no room.
	 */
	void full() {
		this.fullSince = System.nanoTime();
	}

	/**
	 * Return whether there has been no room for long, and that was not logged lately.
	 */
	boolean isToBeLoggedAsFull(long now) {
		return this.fetchState.isFull() && this.slowHandler.isToBeLogged(Duration.ofNanos(now - this.fullSince), now);
	}

	/**
	 * Return how many entries to fetch, beside the one to compare with. That is half of
	 * the buffer at most: it then has room for the next fetch, which need not wait until
	 * the consumer has begun.
	 */
	int room() {
		synchronized (this.lock) {
			int half = Math.min(MAX_ROOM, this.log.bufferSize() / 2);
			int places = Math.min(half, this.log.bufferSize() - this.buffer.size());
			return Math.max(1, places) + this.cursor.entriesToValidate();
		}
	}

	/**
	 * A wake-up says how far the log is. To be called before the reader is woken.
	 */
	void announce(long end) {
		if (end > this.knownEnd) {
			this.knownEnd = end;
		}
	}

	/**
	 * Return entries of this reader's log as all of its readers may share them.
	 */
	EntryPage<E> toPage(List<E> entries) {
		return new EntryPage<>(this.log, entries);
	}

	/**
	 * Take what a fetch found, as far as there is room. Called by the fetching thread. A
	 * reader that gets no further although there is more ends: it would fetch again and
	 * again.
	 * @return whether there is more
	 */
	boolean accept(@Nullable Head head, EntryPage<E> page) {
		long before = this.cursor.next();
		boolean more = acceptFound(head, page);
		this.fruitlessFetches = (more && this.cursor.next() == before && hasRoom()) ? this.fruitlessFetches + 1 : 0;
		if (this.fruitlessFetches > MAX_FRUITLESS_FETCHES) {
			return truncated("it was not found in %d attempts".formatted(this.fruitlessFetches));
		}
		return more;
	}

	private boolean acceptFound(@Nullable Head head, EntryPage<E> page) {
		if (head == null) {
			end(Ending.DELETED, this.log.deleted());
			return false;
		}
		this.knownEnd = head.nextIndex();
		if (page.size() > 0) {
			this.entrySize = (int) (page.bytes(0, page.size()) / page.size());
		}
		long before = this.cursor.next();
		Validation validation = this.cursor.validate(head, page);
		if (validation.truncation() != null) {
			return truncated(validation.truncation());
		}
		if (this.cursor.next() != before) {
			synchronized (this.lock) {
				this.next = this.cursor.next();
			}
		}
		return validation == Validation.REQUIRED || acceptFollowing(head, page, validation.from());
	}

	private boolean acceptFollowing(Head head, EntryPage<E> page, int from) {
		int hole = from + page.successive(from, this.cursor.next());
		int end = from + offer(page, from, hole);
		if (end > from) {
			this.measures.fetched(end - from);
			received(end - from, page.get(end - 1));
		}
		if (end == hole && hole < page.size()) {
			return truncated(this.log.indexOf(page.get(hole)) + " was found");
		}
		boolean more = this.cursor.next() < head.nextIndex();
		this.measures.fetchEnded(more);
		if (more && page.size() == 0) {
			return truncated("nothing was found before %d".formatted(head.nextIndex()));
		}
		if (!more && head.end() != null) {
			RuntimeException error = error(head.end());
			end((error != null) ? Ending.FAILED : Ending.COMPLETED, error);
		}
		return more;
	}

	private boolean truncated(String found) {
		end(Ending.TRUNCATED, this.log.truncated(this.cursor.next(), found));
		return false;
	}

	private @Nullable RuntimeException error(LogStore.End end) {
		String failure = end.failure();
		if (failure == null) {
			return null;
		}
		return (end.cancelled()) ? this.log.cancelled(failure) : this.log.failed(failure);
	}

	/**
	 * Take an entry that was committed just now, if it is the next one. Called by the
	 * thread that has begun a fetch for that.
	 * @return whether it was taken
	 */
	boolean acceptNext(E entry, String server) {
		if (!this.cursor.isNext(entry, server) || offer(toPage(List.of(entry)), 0, 1) == 0) {
			return false;
		}
		this.measures.handedOver();
		received(1, entry);
		return true;
	}

	private void received(int count, E last) {
		this.cursor.advance(count, last);
		this.consumer.signal();
	}

	/**
	 * Return how many of them fitted.
	 */
	private int offer(EntryPage<E> page, int from, int to) {
		synchronized (this.lock) {
			return (this.cut) ? 0 : this.buffer.offer(page, from, to);
		}
	}

	/**
	 * The one log that this reader may read did not exist. Has no effect if the reader is
	 * bound to a log by now. Called by the fetching thread.
	 */
	void notFound() {
		if (this.logId == 0) {
			end(Ending.DELETED, this.log.deleted());
		}
	}

	/**
	 * End the reading once the buffer is empty.
	 */
	void end(Ending ending, @Nullable Throwable error) {
		synchronized (this.lock) {
			if (this.end != null || this.closed) {
				return;
			}
			this.end = new End(error);
			this.ending = ending;
		}
		this.registry.ending(this);
		this.consumer.signal();
	}

	/**
	 * End the reading now, and drop what is buffered.
	 * @param error what the consumer receives
	 */
	public void abort(Throwable error) {
		abort(Ending.ERROR, error);
	}

	private void abort(Ending ending, Throwable error) {
		synchronized (this.lock) {
			if (this.closed) {
				return;
			}
			cut();
			this.end = new End(error);
			this.ending = ending;
		}
		this.registry.ending(this);
		this.consumer.signal();
	}

	/**
	 * End the reading now, because the context closes. May be called again.
	 * @return completed when that was delivered
	 */
	CompletableFuture<Void> stop() {
		CompletableFuture<Void> stopped;
		synchronized (this.lock) {
			if (this.closed) {
				return CompletableFuture.completedFuture(null);
			}
			stopped = this.stopped;
			if (stopped == null) {
				stopped = new CompletableFuture<>();
				this.stopped = stopped;
			}
		}
		abort(Ending.STOPPED, this.log.stopped());
		return stopped;
	}

	/**
	 * Return the next entries to take: none if there are none for now, or any more.
	 * @param max how many at most
	 * @return the entries, which count as buffered until they are {@link #taken}
	 */
	public List<E> peek(int max) {
		List<E> entries;
		synchronized (this.lock) {
			entries = this.buffer.peek(max);
		}
		// All of them have the name that the database knows, or none
		if (entries.isEmpty() || this.log.asSeen(entries.get(0)) == entries.get(0)) {
			return entries;
		}
		return entries.stream().map(this.log::asSeen).toList();
	}

	/**
	 * The next entries were taken.
	 * @param count how many
	 */
	public void taken(int count) {
		boolean hasRoom;
		synchronized (this.lock) {
			if (this.cut) {
				return;
			}
			this.buffer.remove(count);
			if (count > 0) {
				this.next += count;
				this.takenAt = System.nanoTime();
				this.taken = true;
			}
			hasRoom = this.buffer.hasRoom();
		}
		if (hasRoom) {
			this.roomMade.accept(this);
		}
	}

	/**
	 * Return whether what was peeked at must not be taken.
	 */
	boolean isCut() {
		return this.cut;
	}

	private void cut() {
		this.cut = true;
		this.buffer.clear();
	}

	/**
	 * Take the end, after the last entry.
	 * @return the end, once, or {@code null} if there is none (yet)
	 */
	public @Nullable End takeEnd() {
		End end;
		synchronized (this.lock) {
			if (this.closed || this.end == null || !this.buffer.isEmpty()) {
				return null;
			}
			this.closed = true;
			end = this.end;
			this.measures.ended(this.ending);
		}
		this.registry.remove(this);
		return end;
	}

	/**
	 * The consumer failed with an entry.
	 * @return how the reading ends, or {@code null} if that is over already
	 */
	@Nullable End failed(Throwable failure) {
		End end = new End(failure);
		synchronized (this.lock) {
			if (this.closed) {
				return null;
			}
			this.closed = true;
			cut();
			if (this.stopped != null && this.end != null) {
				// Interrupted because the context closes, most likely
				end = this.end;
				this.measures.ended(Ending.STOPPED);
			}
			else {
				this.measures.ended(Ending.HANDLER);
			}
		}
		this.registry.remove(this);
		return end;
	}

	/**
	 * The end was delivered, or there is no consumer left: a stop need not wait any
	 * longer.
	 */
	public void completionDelivered() {
		CompletableFuture<Void> stopped;
		synchronized (this.lock) {
			stopped = this.stopped;
		}
		if (stopped != null) {
			stopped.complete(null);
		}
	}

	/**
	 * Return the measures of its consumer.
	 */
	HandlerMeasures handlers() {
		return this.measures.handlers();
	}

	/**
	 * An entry is given to the consumer, the first one of its turn.
	 */
	void given(E entry) {
		this.measures.given(() -> this.log.createdAtOf(entry));
	}

	@Override
	public void cancel() {
		close();
	}

	/**
	 * Cancel it.
	 * @return whether its consumer has received no end, and receives none
	 */
	boolean close() {
		boolean open;
		synchronized (this.lock) {
			open = !this.closed;
			if (open) {
				this.measures.ended(Ending.CANCELLED);
			}
			this.closed = true;
			cut();
		}
		this.registry.remove(this);
		completionDelivered();
		return open;
	}

	@Override
	public boolean isActive() {
		synchronized (this.lock) {
			return !this.closed;
		}
	}

	/**
	 * Return whether a consumer still waits for deliveries.
	 */
	boolean awaitsDelivery() {
		return isActive() && !this.registry.isClosed();
	}

	/**
	 * Return how many entries wait to be taken.
	 */
	int buffered() {
		synchronized (this.lock) {
			return this.buffer.size();
		}
	}

	/**
	 * Return whether fetches from the log are still of use.
	 */
	boolean isReading() {
		synchronized (this.lock) {
			return !this.closed && this.end == null;
		}
	}

	/**
	 * Return how many entries the consumer has still to take, as far as that is known.
	 * @return the number
	 */
	public long lag() {
		return state().lag();
	}

	/**
	 * Return its state, taken now.
	 */
	ReaderState state() {
		long known = Math.max(this.knownEnd, this.cursor.next());
		boolean full = this.fetchState.isFull();
		String handler = nameOf(this.consumer.handlerType());
		Duration running = this.consumer.running();
		synchronized (this.lock) {
			// What was taken meanwhile
			long end = Math.max(known, this.next);
			return new ReaderState(name(), this.log.family(), status(full, end), this.next, end, end - this.next,
					this.buffer.size(), this.buffer.bytes(), since(this.openedAt),
					(this.taken) ? since(this.takenAt) : null, handler, running);
		}
	}

	private static Duration since(long nanoTime) {
		return Duration.ofNanos(System.nanoTime() - nanoTime);
	}

	/**
	 * A lambda's name ends with an address after a slash.
	 */
	private static String nameOf(Class<?> type) {
		String name = type.getName();
		int end = name.indexOf('/');
		return (end >= 0) ? name.substring(0, end) : name;
	}

	private ReaderState.Status status(boolean full, long end) {
		if (!this.closed && this.end == null) {
			if (this.logId == 0) {
				return ReaderState.Status.WAITING;
			}
			if (full) {
				return ReaderState.Status.FULL;
			}
		}
		return (end > this.next) ? ReaderState.Status.BEHIND : ReaderState.Status.LIVE;
	}

	@Override
	public String toString() {
		synchronized (this.lock) {
			return "reader of '%s' (id %d) at %d, fetch %s, buffered %s, %s".formatted(name(), this.logId,
					this.cursor.next(), this.fetchState, this.buffer,
					(this.closed) ? "closed" : (this.end != null) ? "ending" : "reading");
		}
	}

}
