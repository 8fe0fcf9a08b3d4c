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
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.task.TaskRejectedException;

/**
 * Gathers the appends of this process that are in no transaction: while one batch is
 * being written, on one connection, the next fills up, so that many callers share a round
 * trip and a commit. A caller that finds nothing before it writes by itself, on its own
 * thread.
 * <p>
 * Streams that somebody else has locked leave the main lane for a second one, with a
 * thread and a connection of its own, and hold up no other stream.
 */
final class GroupCommit implements AutoCloseable {

	private static final long FIRST_RETRY_MILLIS = 5;

	private static final long LAST_RETRY_MILLIS = 50;

	/**
	 * What is locked until then gives up by itself, a moment after its time is over.
	 */
	private static final Duration CLOSE_GRACE = Duration.ofSeconds(1);

	private final BatchWriter writer;

	private final Duration timeout;

	private final long bufferBytes;

	private final AppendQueues queues;

	private final AsyncOutcomes outcomes;

	private final BackgroundLoop mainLane = new BackgroundLoop("durable-notify-append", failures(), this::writeQueued);

	private final BackgroundLoop contendedLane = new BackgroundLoop("durable-notify-append-contended", failures(),
			this::writeContended);

	/**
	 * Owned by the contended lane.
	 */
	private long retryMillis = FIRST_RETRY_MILLIS;

	GroupCommit(BatchWriter writer, StreamProperties settings, Executor executor) {
		this.writer = writer;
		this.timeout = settings.appendTimeout();
		this.bufferBytes = settings.appendBuffer().toBytes();
		this.queues = new AppendQueues(this.bufferBytes);
		this.outcomes = new AsyncOutcomes(executor);
	}

	/**
	 * Append and wait until that is committed.
	 * @return the index of the first chunk
	 */
	long append(Addition addition) {
		PendingAppend append = new PendingAppend(addition, this.timeout, null);
		if (this.queues.tryEnter(append.stream())) {
			writeAlone(append);
		}
		else if (this.queues.offer(append, true)) {
			this.mainLane.signal();
		}
		else {
			throw closed();
		}
		append.awaitSettled();
		return append.result();
	}

	/**
	 * Append without waiting.
	 * @throws TaskRejectedException if the buffer is full
	 */
	CompletableFuture<Long> appendAsync(Addition addition) {
		CompletableFuture<Long> future = new CompletableFuture<>();
		if (!this.queues.offer(new PendingAppend(addition, this.timeout, future), false)) {
			throw rejected(("%d bytes wait to be written already (durable-notify.streams.append-buffer), or the "
					+ "application context has closed. Wait for earlier appends")
				.formatted(this.bufferBytes));
		}
		this.mainLane.signal();
		return future;
	}

	/**
	 * Appends carry their own failures to their callers: this is what remains.
	 */
	private static FailureLog failures() {
		return new FailureLog(LogFactory.getLog(StreamWriter.class), "Appends cannot be written for now",
				"Appends are written again");
	}

	private static TaskRejectedException closed() {
		return rejected("the application context has closed");
	}

	private static TaskRejectedException rejected(String reason) {
		return new TaskRejectedException("Append refused, nothing was stored: " + reason);
	}

	/**
	 * Wait until what was appended to a stream before is stored, or has failed.
	 */
	void awaitEarlier(String stream) {
		PendingAppend last = this.queues.last(stream);
		if (last != null) {
			last.awaitSettled();
		}
	}

	private void writeAlone(PendingAppend append) {
		try {
			if (!this.writer.write(List.of(append)).isEmpty()) {
				if (this.queues.addLocked(append)) {
					this.contendedLane.signal();
				}
				else {
					append.failed(GroupCommit::closed);
				}
			}
		}
		finally {
			leave();
		}
	}

	private void leave() {
		if (this.queues.leave()) {
			this.mainLane.signal();
		}
	}

	private Next writeQueued() {
		List<PendingAppend> batch = this.queues.enter();
		if (batch.isEmpty()) {
			return Next.IDLE;
		}
		try {
			if (!settle(batch, this.writer.write(batch)).isEmpty()) {
				this.contendedLane.signal();
			}
		}
		finally {
			leave();
		}
		return Next.IDLE;
	}

	private Next writeContended() {
		List<PendingAppend> expired = new ArrayList<>();
		List<PendingAppend> batch = this.queues.takeContended(expired);
		expired
			.forEach((append) -> append.failed(() -> new StreamLockedException(append.stream(), this.timeout, null)));
		settle(expired, List.of());
		boolean progress = settle(batch, this.writer.writeUnlocked(batch)).size() < batch.size();
		boolean contended = this.queues.hasContended();
		if (!contended || progress) {
			this.retryMillis = FIRST_RETRY_MILLIS;
			return Next.againIf(contended);
		}
		Duration delay = Duration.ofMillis(this.retryMillis);
		this.retryMillis = Math.min(2 * this.retryMillis, LAST_RETRY_MILLIS);
		return Next.after(delay);
	}

	private List<PendingAppend> settle(List<PendingAppend> batch, List<PendingAppend> locked) {
		List<PendingAppend> settled = batch;
		if (!locked.isEmpty() && !this.queues.putBack(locked)) {
			locked.forEach((append) -> append.failed(GroupCommit::closed));
		}
		else if (!locked.isEmpty()) {
			Set<PendingAppend> left = new HashSet<>(locked);
			settled = batch.stream().filter((append) -> !left.contains(append)).toList();
		}
		this.queues.settled(settled);
		this.outcomes.complete(settled.stream().filter(PendingAppend::isAsync).toList());
		return locked;
	}

	/**
	 * Write what waits, as long as an append may wait anyway, and stop.
	 */
	@Override
	public void close() {
		List<PendingAppend> left = this.queues.close(this.timeout.plus(CLOSE_GRACE).toNanos());
		left.forEach((append) -> append.failed(GroupCommit::closed));
		this.outcomes.complete(left.stream().filter(PendingAppend::isAsync).toList());
		this.mainLane.close();
		this.contendedLane.close();
	}

	@Override
	public String toString() {
		return this.queues.toString();
	}

}
