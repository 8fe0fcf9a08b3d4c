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

package io.durablenotify.stream.append;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

/**
 * Pending appends, queued per stream. Streams take turns in the main queue. A stream that
 * another transaction has locked is <em>muted</em>: it leaves the main queue until it has
 * nothing left, so that it holds up no other. Owns all state of the pipeline.
 */
final class AppendQueue {

	private final long maxBytes;

	/**
	 * Guards what follows. Not a monitor, which would pin a virtual thread that waits for
	 * room.
	 */
	private final Lock lock = new ReentrantLock();

	private final Condition completed = this.lock.newCondition();

	private final Map<String, StreamQueue> streams = new HashMap<>();

	/**
	 * Streams of the main queue that have appends to write, in turn.
	 */
	private final Deque<StreamQueue> ready = new ArrayDeque<>();

	private final Map<String, StreamQueue> muted = new LinkedHashMap<>();

	/**
	 * Appends whose callers wait for room, in order.
	 */
	private final Set<Append> callers = new LinkedHashSet<>();

	private long bytes;

	private long mutedBytes;

	/**
	 * Whether a thread writes what it took from the main queue.
	 */
	private boolean writing;

	private boolean closed;

	/**
	 * Whether what was queued at the end of the grace period was dropped.
	 */
	private boolean drained;

	/**
	 * The appends of one stream; there until all of them are completed.
	 */
	private static final class StreamQueue {

		private final Deque<Append> waiting = new ArrayDeque<>(4);

		private int uncompleted;

		private long bytes;

		private @Nullable Append last;

		/**
		 * The one before it, which is the last one again if that is withdrawn.
		 */
		private @Nullable Append beforeLast;

		private boolean muted;

	}

	AppendQueue(long maxBytes) {
		this.maxBytes = maxBytes;
	}

	/**
	 * Become the one that writes, for an append that is not queued, if nothing is before
	 * it.
	 */
	boolean tryEnter(String stream) {
		this.lock.lock();
		try {
			if (this.closed || this.writing || !this.ready.isEmpty() || this.streams.containsKey(stream)) {
				return false;
			}
			this.writing = true;
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Become the one that writes, and take what is to be written next.
	 * @return what to write; empty if there is nothing, or another thread writes
	 */
	List<AppendGroup> enter() {
		this.lock.lock();
		try {
			if (this.writing) {
				return List.of();
			}
			AppendBatch batch = new AppendBatch();
			int passedBy = 0;
			while (!batch.isFull() && passedBy < this.ready.size()) {
				StreamQueue queue = this.ready.remove();
				passedBy = (batch.take(queue.waiting)) ? 0 : passedBy + 1;
				if (!queue.waiting.isEmpty()) {
					this.ready.add(queue);
				}
			}
			List<AppendGroup> groups = batch.groups();
			this.writing = !groups.isEmpty();
			return groups;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Stop being the one that writes.
	 * @return whether more is to be written
	 */
	boolean leave() {
		this.lock.lock();
		try {
			this.writing = false;
			this.completed.signalAll();
			return !this.ready.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Queue an append after those of its stream.
	 * @param wait whether to wait while the buffer is full, or others wait for room.
	 * While its stream is locked, that takes of the append's time
	 * @return whether there was room before its time was over
	 */
	boolean offer(Append append, boolean wait) {
		boolean interrupted = false;
		this.lock.lock();
		try {
			while (!this.closed && !mayEnter(append)) {
				if (!wait || append.isExpired()) {
					leaveCallers(append);
					return false;
				}
				this.callers.add(append);
				interrupted |= await(append);
			}
			this.callers.remove(append);
			if (this.closed) {
				return false;
			}
			StreamQueue queue = register(append);
			queue.beforeLast = queue.last;
			queue.last = append;
			if (queue.muted) {
				append.locked();
			}
			else if (queue.waiting.isEmpty()) {
				this.ready.add(queue);
			}
			queue.waiting.add(append);
			return true;
		}
		finally {
			this.lock.unlock();
			if (interrupted) {
				Thread.currentThread().interrupt();
			}
		}
	}

	/**
	 * Wait for a change, no longer than the append may.
	 * @return whether that was interrupted
	 */
	private boolean await(Append append) {
		boolean interrupted = false;
		if (isMuted(append)) {
			append.locked();
			try {
				this.completed.awaitNanos(append.nanosLeft());
			}
			catch (InterruptedException ex) {
				interrupted = true;
			}
		}
		else {
			this.completed.awaitUninterruptibly();
		}
		if (!isMuted(append)) {
			append.unlocked();
		}
		return interrupted;
	}

	private boolean isMuted(Append append) {
		StreamQueue queue = this.streams.get(append.stream());
		return queue != null && queue.muted;
	}

	private void leaveCallers(Append append) {
		if (this.callers.remove(append)) {
			// Those after it may enter
			this.completed.signalAll();
		}
	}

	/**
	 * In order: the buffer drains for a large one, which small ones would keep out for
	 * ever. Those that wait for locked streams hold up no others.
	 */
	private boolean mayEnter(Append append) {
		for (Append earlier : this.callers) {
			if (earlier == append) {
				break;
			}
			if (earlier.stream().equals(append.stream()) || (!isHeldBack(earlier) && !isKeptOut(earlier))) {
				return false;
			}
		}
		return !isHeldBack(append) && hasRoom(append);
	}

	/**
	 * Locked streams may fill half of the buffer, since the others have to go on.
	 */
	private boolean isHeldBack(Append append) {
		return isMuted(append) && this.mutedBytes + append.bufferedBytes() > this.maxBytes / 2;
	}

	/**
	 * Return whether locked streams alone leave one no room: it waits for their ends, not
	 * for the others.
	 */
	private boolean isKeptOut(Append append) {
		return this.mutedBytes > this.maxBytes / 2 && this.mutedBytes + append.bufferedBytes() > this.maxBytes;
	}

	/**
	 * One that is too large goes when nothing but locked streams is left, and these leave
	 * their half of the buffer free for the others.
	 */
	private boolean hasRoom(Append append) {
		return this.bytes + append.bufferedBytes() <= this.maxBytes
				|| (this.bytes == this.mutedBytes && this.mutedBytes <= this.maxBytes / 2);
	}

	private StreamQueue register(Append append) {
		StreamQueue queue = this.streams.computeIfAbsent(append.stream(), (stream) -> new StreamQueue());
		queue.uncompleted++;
		count(queue, append.bufferedBytes());
		return queue;
	}

	private void count(StreamQueue queue, long bytes) {
		this.bytes += bytes;
		queue.bytes += bytes;
		if (queue.muted) {
			this.mutedBytes += bytes;
		}
	}

	/**
	 * Mute the stream of an append that was written without being queued, and put the
	 * append first.
	 * @return whether it will be tried again
	 */
	boolean muteFor(Append append) {
		this.lock.lock();
		try {
			if (this.drained) {
				return false;
			}
			StreamQueue queue = register(append);
			if (queue.last == null) {
				queue.last = append;
			}
			putInFront(append);
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Mute streams that were found locked, and put their appends back.
	 * @param appends the appends, in the order in which they were taken
	 * @return whether they will be tried again
	 */
	boolean mute(List<Append> appends) {
		this.lock.lock();
		try {
			if (this.drained) {
				return false;
			}
			for (int i = appends.size() - 1; i >= 0; i--) {
				putInFront(appends.get(i));
			}
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void putInFront(Append append) {
		StreamQueue queue = this.streams.get(append.stream());
		if (queue == null) {
			return;
		}
		if (!queue.muted) {
			queue.muted = true;
			this.mutedBytes += queue.bytes;
			this.muted.put(append.stream(), queue);
			this.ready.remove(queue);
			queue.waiting.forEach(Append::locked);
			// For callers of the stream, whose time begins
			this.completed.signalAll();
		}
		append.locked();
		queue.waiting.addFirst(append);
	}

	/**
	 * Take an append back that is queued.
	 * @return whether it was not taken before, to be written
	 */
	boolean withdraw(Append append) {
		this.lock.lock();
		try {
			StreamQueue queue = this.streams.get(append.stream());
			if (queue == null || !queue.waiting.remove(append)) {
				return false;
			}
			if (queue.waiting.isEmpty()) {
				this.ready.remove(queue);
			}
			if (queue.last == append) {
				queue.last = queue.beforeLast;
			}
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take what is to be tried next of the muted streams. Only called by the thread that
	 * writes them.
	 * @param expired is given those whose time is over, which are taken as well
	 * @return what to try
	 */
	List<AppendGroup> takeMuted(Collection<Append> expired) {
		this.lock.lock();
		try {
			AppendBatch batch = new AppendBatch();
			for (Map.Entry<String, StreamQueue> entry : List.copyOf(this.muted.entrySet())) {
				StreamQueue queue = entry.getValue();
				// From the front only: none is completed before those that came before it
				while (!queue.waiting.isEmpty() && queue.waiting.getFirst().isExpired()) {
					expired.add(queue.waiting.removeFirst());
				}
				if (!batch.isFull() && batch.take(queue.waiting)) {
					// To the end: the others have to have their turn
					this.muted.remove(entry.getKey());
					this.muted.put(entry.getKey(), queue);
				}
			}
			return batch.groups();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Forget appends that are completed.
	 */
	void completed(Collection<Append> appends) {
		this.lock.lock();
		try {
			for (Append append : appends) {
				StreamQueue queue = this.streams.get(append.stream());
				if (queue != null) {
					count(queue, -append.bufferedBytes());
					if (--queue.uncompleted == 0) {
						this.streams.remove(append.stream());
						this.muted.remove(append.stream());
					}
				}
			}
			this.completed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the last append of a stream, after which what follows has to come.
	 * @return the last append, or {@code null} if all are completed
	 */
	@Nullable Append last(String stream) {
		this.lock.lock();
		try {
			StreamQueue queue = this.streams.get(stream);
			return (queue != null) ? queue.last : null;
		}
		finally {
			this.lock.unlock();
		}
	}

	AppendBacklog state() {
		this.lock.lock();
		try {
			return new AppendBacklog(this.bytes, this.maxBytes, this.muted.size());
		}
		finally {
			this.lock.unlock();
		}
	}

	boolean hasMuted() {
		this.lock.lock();
		try {
			return !this.muted.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take no more appends, and wait until all are completed.
	 * @return what is left when the time is over
	 */
	List<Append> close(long nanos) {
		this.lock.lock();
		try {
			this.closed = true;
			this.completed.signalAll();
			long left = nanos;
			while ((this.writing || !this.streams.isEmpty()) && left > 0) {
				left = this.completed.awaitNanos(left);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			this.lock.unlock();
		}
		return drain();
	}

	private List<Append> drain() {
		this.lock.lock();
		try {
			this.drained = true;
			List<Append> left = this.streams.values().stream().flatMap((queue) -> queue.waiting.stream()).toList();
			this.streams.values().forEach((queue) -> queue.waiting.clear());
			this.ready.clear();
			return left;
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public String toString() {
		this.lock.lock();
		try {
			return "streams %d, ready %d, muted %s, bytes %d (muted %d), writing %s, closed %s".formatted(
					this.streams.size(), this.ready.size(), this.muted.keySet(), this.bytes, this.mutedBytes,
					this.writing, this.closed);
		}
		finally {
			this.lock.unlock();
		}
	}

}
