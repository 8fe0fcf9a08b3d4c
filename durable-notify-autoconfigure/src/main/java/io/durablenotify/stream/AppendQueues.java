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

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

/**
 * What waits for group commit: a queue per stream, each in one of two lanes. Streams that
 * can be written take turns in the main lane. Those that another transaction has locked
 * are in the contended lane until they have nothing left. Owns all state of group commit.
 */
final class AppendQueues {

	private final long maxBytes;

	/**
	 * Guards what follows. Not a monitor, which would pin a virtual thread that waits for
	 * room.
	 */
	private final Lock lock = new ReentrantLock();

	private final Condition settled = this.lock.newCondition();

	private final Map<String, StreamQueue> streams = new HashMap<>();

	/**
	 * Streams of the main lane that wait for their turn.
	 */
	private final Deque<StreamQueue> ready = new ArrayDeque<>();

	private final Map<String, StreamQueue> contended = new LinkedHashMap<>();

	private long bytes;

	private long contendedBytes;

	/**
	 * Whether somebody writes in the main lane.
	 */
	private boolean writing;

	private boolean closed;

	/**
	 * Whether it was given up to wait for what is queued.
	 */
	private boolean drained;

	/**
	 * The appends of one stream; there until all of them are settled.
	 */
	private static final class StreamQueue {

		private final Deque<PendingAppend> waiting = new ArrayDeque<>(4);

		private int unsettled;

		private long bytes;

		private @Nullable PendingAppend last;

		private boolean contended;

	}

	AppendQueues(long maxBytes) {
		this.maxBytes = maxBytes;
	}

	/**
	 * Take the main lane for an append that is not queued, if nothing is before it.
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
	 * Take the main lane with what is to be written next.
	 * @return what to write, in order; empty if there is nothing, or somebody else writes
	 */
	List<PendingAppend> enter() {
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
			this.writing = !batch.appends().isEmpty();
			return batch.appends();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Leave the main lane.
	 * @return whether somebody waits for it
	 */
	boolean leave() {
		this.lock.lock();
		try {
			this.writing = false;
			this.settled.signalAll();
			return !this.ready.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Queue an append behind those of its stream.
	 * @param patient whether to wait while the buffer is full
	 * @return whether there was room
	 */
	boolean offer(PendingAppend append, boolean patient) {
		this.lock.lock();
		try {
			while (!this.closed && !hasRoom(append)) {
				if (!patient) {
					return false;
				}
				this.settled.awaitUninterruptibly();
			}
			if (this.closed) {
				return false;
			}
			StreamQueue queue = register(append);
			queue.last = append;
			if (queue.waiting.isEmpty() && !queue.contended) {
				this.ready.add(queue);
			}
			queue.waiting.add(append);
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Locked streams may fill half of the buffer, since the others have to go on.
	 */
	private boolean hasRoom(PendingAppend append) {
		StreamQueue queue = this.streams.get(append.stream());
		if (queue != null && queue.contended && this.contendedBytes + append.bytes() > this.maxBytes / 2) {
			return false;
		}
		return this.bytes == 0 || this.bytes + append.bytes() <= this.maxBytes;
	}

	private StreamQueue register(PendingAppend append) {
		StreamQueue queue = this.streams.computeIfAbsent(append.stream(), (stream) -> new StreamQueue());
		queue.unsettled++;
		count(queue, append.bytes());
		return queue;
	}

	private void count(StreamQueue queue, long bytes) {
		this.bytes += bytes;
		queue.bytes += bytes;
		if (queue.contended) {
			this.contendedBytes += bytes;
		}
	}

	/**
	 * Queue an append that took the main lane and found its stream locked.
	 * @return whether it will be tried again
	 */
	boolean addLocked(PendingAppend append) {
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
	 * Put appends back that found their streams locked.
	 * @param appends the appends, in the order in which they were taken
	 * @return whether they will be tried again
	 */
	boolean putBack(List<PendingAppend> appends) {
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

	private void putInFront(PendingAppend append) {
		StreamQueue queue = this.streams.get(append.stream());
		if (queue == null) {
			return;
		}
		if (!queue.contended) {
			queue.contended = true;
			this.contendedBytes += queue.bytes;
			this.contended.put(append.stream(), queue);
			this.ready.remove(queue);
		}
		queue.waiting.addFirst(append);
	}

	/**
	 * Take what is to be tried next in the contended lane, which has one owner.
	 * @param expired is given those whose time is over, which are taken as well
	 * @return what to try, in order
	 */
	List<PendingAppend> takeContended(Collection<PendingAppend> expired) {
		this.lock.lock();
		try {
			AppendBatch batch = new AppendBatch();
			for (Map.Entry<String, StreamQueue> entry : List.copyOf(this.contended.entrySet())) {
				StreamQueue queue = entry.getValue();
				// From the front only: none is settled before those that it came behind
				while (!queue.waiting.isEmpty() && queue.waiting.getFirst().isExpired()) {
					expired.add(queue.waiting.removeFirst());
				}
				if (!batch.isFull() && batch.take(queue.waiting)) {
					// To the end: the others have to have their turn
					this.contended.remove(entry.getKey());
					this.contended.put(entry.getKey(), queue);
				}
			}
			return batch.appends();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Forget appends whose outcome is known.
	 */
	void settled(Collection<PendingAppend> appends) {
		this.lock.lock();
		try {
			for (PendingAppend append : appends) {
				StreamQueue queue = this.streams.get(append.stream());
				if (queue != null) {
					count(queue, -append.bytes());
					if (--queue.unsettled == 0) {
						this.streams.remove(append.stream());
						this.contended.remove(append.stream());
					}
				}
			}
			this.settled.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return the append behind which whatever follows in a stream has to come.
	 * @return the last append, or {@code null} if all are settled
	 */
	@Nullable PendingAppend last(String stream) {
		this.lock.lock();
		try {
			StreamQueue queue = this.streams.get(stream);
			return (queue != null) ? queue.last : null;
		}
		finally {
			this.lock.unlock();
		}
	}

	boolean hasContended() {
		this.lock.lock();
		try {
			return !this.contended.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take no more appends, and wait until all are settled.
	 * @return what is left when the time is over
	 */
	List<PendingAppend> close(long nanos) {
		this.lock.lock();
		try {
			this.closed = true;
			this.settled.signalAll();
			long left = nanos;
			while ((this.writing || !this.streams.isEmpty()) && left > 0) {
				left = this.settled.awaitNanos(left);
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

	private List<PendingAppend> drain() {
		this.lock.lock();
		try {
			this.drained = true;
			List<PendingAppend> left = this.streams.values()
				.stream()
				.flatMap((queue) -> queue.waiting.stream())
				.toList();
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
			return "streams %d, ready %d, contended %s, bytes %d (contended %d), writing %s, closed %s".formatted(
					this.streams.size(), this.ready.size(), this.contended.keySet(), this.bytes, this.contendedBytes,
					this.writing, this.closed);
		}
		finally {
			this.lock.unlock();
		}
	}

}
