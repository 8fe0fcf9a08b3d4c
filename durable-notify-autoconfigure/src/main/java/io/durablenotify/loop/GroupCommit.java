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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.BackgroundLoop.Step;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Writes entries in batches: while one batch is written, the next accumulates. An entry
 * for which nothing else waits can be written on the caller's thread. Where no caller
 * waits for its entry, a batch can be given some time to become worth its commit.
 *
 * @param <T> the type of the entries
 */
public final class GroupCommit<T> implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(GroupCommit.class);

	private final int maxBatch;

	private final int maxQueued;

	private final Duration linger;

	private final Writer<T> writer;

	private final BackgroundLoop loop;

	/**
	 * Guards what follows. Not a monitor, in which a virtual thread would wait pinned.
	 */
	private final Lock lock = new ReentrantLock();

	/**
	 * Signalled when a batch is over.
	 */
	private final Condition written = this.lock.newCondition();

	private final Deque<T> queue = new ArrayDeque<>();

	/**
	 * Whether a thread writes a batch.
	 */
	private boolean writing;

	/**
	 * Whether a batch is requested since the last one began.
	 */
	private boolean requested;

	private boolean closed;

	/**
	 * Create a new instance. Starts no thread.
	 * @param threadName the name of the thread that writes
	 * @param maxBatch how many entries are written at once
	 * @param maxQueued how many entries wait at most
	 * @param failures logs batches that fail, which are written again
	 * @param writer writes a batch
	 */
	public GroupCommit(String threadName, int maxBatch, int maxQueued, FailureLog failures, Writer<T> writer) {
		this(threadName, maxBatch, maxQueued, Duration.ZERO, failures, writer);
	}

	/**
	 * Create a new instance that waits for more entries. Starts no thread.
	 * @param threadName the name of the thread that writes
	 * @param maxBatch how many entries are written at once
	 * @param maxQueued how many entries wait at most
	 * @param linger how long the first entry of a batch waits for others, unless they
	 * fill it
	 * @param failures logs batches that fail, which are written again
	 * @param writer writes a batch
	 */
	public GroupCommit(String threadName, int maxBatch, int maxQueued, Duration linger, FailureLog failures,
			Writer<T> writer) {
		this(maxBatch, maxQueued, linger, writer, (step) -> new BackgroundLoop(threadName, failures, step));
	}

	GroupCommit(int maxBatch, int maxQueued, Duration linger, Writer<T> writer, Function<Step, BackgroundLoop> loop) {
		this.maxBatch = maxBatch;
		this.maxQueued = maxQueued;
		this.linger = linger;
		this.writer = writer;
		this.loop = loop.apply(this::writeQueued);
	}

	/**
	 * Write an entry on this thread if no other waits and none is being written.
	 * @param entry the entry
	 * @return whether it was written; otherwise it can be {@linkplain #offer offered}
	 * @throws Exception what the writer throws
	 */
	public boolean tryWrite(T entry) throws Exception {
		this.lock.lock();
		try {
			if (this.closed || this.writing || !this.queue.isEmpty()) {
				return false;
			}
			this.writing = true;
		}
		finally {
			this.lock.unlock();
		}
		try {
			this.writer.write(List.of(entry));
			return true;
		}
		finally {
			if (leave() && !signal()) {
				writeHere();
			}
		}
	}

	/**
	 * Have an entry written with the next batch. Throws an {@link OutOfMemoryError} if
	 * the system has neither a thread nor a timer: then the entry is not taken.
	 * @param entry the entry
	 * @return whether there was room
	 */
	public boolean offer(T entry) {
		this.lock.lock();
		try {
			if (this.closed || this.queue.size() >= this.maxQueued) {
				return false;
			}
			this.queue.add(entry);
			try {
				signalOffered(this.queue.size());
			}
			catch (Throwable ex) {
				this.queue.removeLast();
				throw ex;
			}
			return true;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Have an entry that follows from one that was written with the next batch. For
	 * writers: there is always room, also while this finishes. If the system has neither
	 * a thread nor a timer, the next entry requests the batch.
	 * @param entry the entry
	 */
	public void followUp(T entry) {
		this.lock.lock();
		try {
			this.queue.add(entry);
			signalOffered(this.queue.size());
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "No thread to write an entry, which waits for the next one", ex);
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * The first entry requests a batch, and a full batch is requested at once. A thread
	 * that writes requests the next one itself.
	 */
	private void signalOffered(int queued) {
		if (this.writing) {
			return;
		}
		if (queued == this.maxBatch || (!this.requested && this.linger.isZero())) {
			this.loop.signal();
		}
		else if (!this.requested) {
			this.loop.signalAfter(this.linger);
		}
		// Not if the system has no thread: the next entry requests it again
		this.requested = true;
	}

	/**
	 * End a batch.
	 * @return whether more waits
	 */
	private boolean leave() {
		this.lock.lock();
		try {
			this.writing = false;
			this.written.signalAll();
			return !this.queue.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Request a batch of what waits, also where that has been said to be taken: it must
	 * not count as failed.
	 * @return false if the system has no thread for it
	 */
	private boolean signal() {
		try {
			this.loop.signal();
			return true;
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "No thread to write entries, which wait for the next one", ex);
			return false;
		}
	}

	/**
	 * Try once to write what came meanwhile on the caller's thread: there may be no next
	 * entry to request it.
	 */
	private void writeHere() {
		try {
			for (int waiting = size(); waiting > 0; waiting -= this.maxBatch) {
				writeQueued();
			}
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "Failed to write entries, which wait for the next one", ex);
		}
	}

	private Next writeQueued() throws Exception {
		List<T> batch = new ArrayList<>();
		this.lock.lock();
		try {
			while (this.writing) {
				if (!this.closed) {
					return Next.IDLE;
				}
				// The end waits for this step, and no signal of the caller begins another
				this.written.await();
			}
			while (batch.size() < this.maxBatch && !this.queue.isEmpty()) {
				batch.add(this.queue.remove());
			}
			this.writing = !batch.isEmpty();
			this.requested = false;
		}
		finally {
			this.lock.unlock();
		}
		if (batch.isEmpty()) {
			return Next.IDLE;
		}
		try {
			this.writer.write(batch);
		}
		catch (Throwable ex) {
			putBack(batch);
			throw ex;
		}
		finally {
			if (leave()) {
				signal();
			}
		}
		// Where more came at once, more is to come: their first need not wake the thread
		return (this.linger.isZero() || batch.size() == 1) ? Next.IDLE : Next.after(this.linger);
	}

	private void putBack(List<T> batch) {
		this.lock.lock();
		try {
			for (int i = batch.size() - 1; i >= 0; i--) {
				this.queue.addFirst(batch.get(i));
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return how many entries wait.
	 * @return the number
	 */
	public int size() {
		this.lock.lock();
		try {
			return this.queue.size();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Take no more entries, write those that wait, and stop.
	 * @param timeout how long to wait for that
	 * @return the entries that were not written
	 */
	public List<T> finish(Duration timeout) {
		boolean left;
		this.lock.lock();
		try {
			this.closed = true;
			left = !this.queue.isEmpty();
		}
		finally {
			this.lock.unlock();
		}
		if (left) {
			signal();
		}
		this.loop.finish(timeout);
		this.lock.lock();
		try {
			List<T> unwritten = List.copyOf(this.queue);
			this.queue.clear();
			return unwritten;
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public void close() {
		finish(Duration.ZERO);
	}

	/**
	 * Writes a batch.
	 *
	 * @param <T> the type of the entries
	 */
	@FunctionalInterface
	public interface Writer<T> {

		/**
		 * Write a batch, and tell each entry its outcome.
		 * @param batch the entries, in the order in which they were offered
		 * @throws Exception if nothing was written, and the batch is to be written again
		 */
		void write(List<T> batch) throws Exception;

	}

}
