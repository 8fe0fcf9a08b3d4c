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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiFunction;
import java.util.function.ToLongFunction;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.AsyncCompletions;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.append.AppendOutcome.Closed;
import io.durablenotify.stream.append.AppendOutcome.Failed;
import io.durablenotify.stream.append.AppendOutcome.Locked;
import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

/**
 * Batches appends made outside a transaction: while one batch is written, the next
 * accumulates. So many callers share a round trip and a commit. If the queue is idle, the
 * caller writes on its own thread.
 * <p>
 * Streams that another transaction has locked are written by a second thread, on a second
 * connection.
 */
public final class AppendPipeline implements AutoCloseable {

	private static final long FIRST_RETRY_MILLIS = 5;

	private static final long LAST_RETRY_MILLIS = 50;

	/**
	 * An append to a locked stream fails at its timeout; a moment more lets it do so.
	 */
	private static final Duration CLOSE_GRACE = Duration.ofSeconds(1);

	private final BatchWriter writer;

	private final Duration timeout;

	private final ToLongFunction<Append> result;

	private final AppendMeasures measures;

	private final AppendQueue queue;

	private final BufferWatch watch;

	private final AsyncCompletions<Append> completions;

	private final BackgroundLoop mainLoop;

	private final BackgroundLoop mutedLoop;

	private final Log log;

	/**
	 * Only accessed by the thread of the muted loop.
	 */
	private long retryMillis = FIRST_RETRY_MILLIS;

	/**
	 * Create a new instance.
	 * @param database the database
	 * @param write writes appends on one connection
	 * @param limits how long and how much may wait
	 * @param executor completes the futures of callers that do not wait
	 * @param result returns the index of a completed append, or throws what its caller
	 * gets
	 * @param log for failures that no append carries
	 */
	public AppendPipeline(ApplicationDatabase database, AppendWrite write, Limits limits, Executor executor,
			ToLongFunction<Append> result, Log log) {
		this(new BatchWriter(database, write), limits, executor, result, write.measures(), log,
				(name, step) -> new BackgroundLoop(name,
						new FailureLog(log, "Failed to write appends", "Appends are written again"), step));
	}

	AppendPipeline(BatchWriter writer, Limits limits, Executor executor, ToLongFunction<Append> result,
			AppendMeasures measures, Log log, BiFunction<String, Step, BackgroundLoop> loops) {
		this.log = log;
		this.writer = writer;
		this.timeout = limits.timeout();
		this.result = result;
		this.measures = measures;
		this.queue = new AppendQueue(limits.bufferBytes());
		this.watch = new BufferWatch(log, limits.bufferBytes(), System::nanoTime);
		this.completions = new AsyncCompletions<>("durable-notify-append-outcome", executor,
				(append) -> append.completeFuture(result), Append::hasDependents, Delays.ofJvm());
		this.mainLoop = loops.apply("durable-notify-append", this::writeQueued);
		this.mutedLoop = loops.apply("durable-notify-append-muted", this::writeMuted);
	}

	/**
	 * Append and wait until that is committed.
	 * @param append the append
	 * @return the index of the first chunk
	 */
	public long append(Append append) {
		append.within(this.timeout).timedBy(this.measures);
		if (this.queue.tryEnter(append.stream())) {
			writeAlone(append);
		}
		else if (offer(append) || this.queue.offer(append, true)) {
			signal(append);
		}
		else {
			append.complete((append.isExpired()) ? new Locked(this.timeout) : new Closed());
		}
		append.awaitCompletion();
		return this.result.applyAsLong(append);
	}

	/**
	 * Append without waiting.
	 * @param append the append
	 * @return the index of the first chunk, or {@code null} if the buffer is full or the
	 * pipeline has closed
	 */
	public @Nullable CompletableFuture<Long> appendAsync(Append append) {
		CompletableFuture<Long> future = new CompletableFuture<>();
		append.within(this.timeout).timedBy(this.measures).completing(future);
		if (!offer(append)) {
			append.complete(new Closed());
			return null;
		}
		if (!signal(append)) {
			append.completeFuture(this.result);
		}
		return future;
	}

	/**
	 * Have an append written that is queued. For want of a thread it fails, unless
	 * another has taken it: what is said to have failed must not be stored later.
	 * @return whether it has not failed
	 */
	private boolean signal(Append append) {
		try {
			this.mainLoop.signal();
		}
		catch (Throwable ex) {
			if (this.queue.withdraw(append)) {
				append.complete(new Failed(ex));
				this.queue.completed(List.of(append));
				return false;
			}
		}
		return true;
	}

	private boolean offer(Append append) {
		boolean accepted = this.queue.offer(append, false);
		if (!accepted) {
			this.watch.update(this.queue.state().queuedBytes());
		}
		return accepted;
	}

	/**
	 * Wait until what was appended to a stream before is stored, or has failed.
	 * @param stream the stream's full name
	 */
	public void awaitEarlier(String stream) {
		Append last = this.queue.last(stream);
		if (last != null) {
			last.awaitCompletion();
		}
	}

	/**
	 * Return whether something that was appended before is not written yet.
	 * @param stream the stream
	 * @return whether the outcome of an append is awaited
	 */
	public boolean isAppending(String stream) {
		return this.queue.last(stream) != null;
	}

	private void writeAlone(Append append) {
		try {
			this.writer.write(List.of(new AppendGroup(append)));
			if (!append.isCompleted()) {
				mute(append);
			}
		}
		finally {
			leave();
		}
	}

	private void mute(Append append) {
		try {
			// Before it is queued: the thread stays for the signal after that
			this.mutedLoop.signal();
		}
		catch (Throwable ex) {
			append.complete(new Failed(ex));
			return;
		}
		if (this.queue.muteFor(append)) {
			this.mutedLoop.signal();
		}
		else {
			append.complete(new Closed());
		}
	}

	private void leave() {
		if (this.queue.leave()) {
			try {
				this.mainLoop.signal();
			}
			catch (Throwable ex) {
				// What was written must not count as failed
				FailureLog.log(this.log::error, "No thread to write appends; they are written with the next one", ex);
			}
		}
	}

	private Next writeQueued() {
		List<AppendGroup> batch = this.queue.enter();
		if (batch.isEmpty()) {
			return Next.IDLE;
		}
		this.watch.update(this.queue.state().queuedBytes());
		long start = System.nanoTime();
		try {
			this.writer.write(batch);
			this.watch.written(Duration.ofNanos(System.nanoTime() - start));
			if (!completeOrMute(batch).isEmpty()) {
				this.mutedLoop.signal();
			}
		}
		finally {
			leave();
		}
		return Next.IDLE;
	}

	private Next writeMuted() {
		List<Append> expired = new ArrayList<>();
		List<AppendGroup> batch = this.queue.takeMuted(expired);
		expired.forEach((append) -> append.complete(new Locked(this.timeout)));
		complete(expired);
		if (!batch.isEmpty()) {
			this.writer.writeUnlocked(batch);
		}
		int appends = batch.stream().mapToInt((group) -> group.appends().size()).sum();
		boolean progress = completeOrMute(batch).size() < appends;
		boolean muted = this.queue.hasMuted();
		if (!muted || progress) {
			this.retryMillis = FIRST_RETRY_MILLIS;
			return Next.againIf(muted);
		}
		Duration delay = Duration.ofMillis(this.retryMillis);
		this.retryMillis = Math.min(2 * this.retryMillis, LAST_RETRY_MILLIS);
		return Next.after(delay);
	}

	/**
	 * Complete appends that have an outcome. The streams of those without one are locked,
	 * and muted.
	 * @return the appends of muted streams
	 */
	private List<Append> completeOrMute(List<AppendGroup> batch) {
		List<Append> completed = new ArrayList<>();
		List<Append> locked = new ArrayList<>();
		batch.forEach((group) -> group.appends()
			.forEach((append) -> ((append.isCompleted()) ? completed : locked).add(append)));
		if (!locked.isEmpty() && !this.queue.mute(locked)) {
			locked.forEach((append) -> append.complete(new Closed()));
			completed.addAll(locked);
		}
		complete(completed);
		return locked;
	}

	private void complete(List<Append> completed) {
		this.queue.completed(completed);
		this.watch.update(this.queue.state().queuedBytes());
		this.completions.complete(completed.stream().filter(Append::isAsync).toList());
	}

	/**
	 * Write what waits, as long as an append may wait anyway, and stop.
	 */
	@Override
	public void close() {
		List<Append> left = this.queue.close(this.timeout.plus(CLOSE_GRACE).toNanos());
		left.forEach((append) -> append.complete(new Closed()));
		this.completions.complete(left.stream().filter(Append::isAsync).toList());
		this.mainLoop.close();
		this.mutedLoop.close();
	}

	/**
	 * Return the state of what is not written yet.
	 * @return the state, taken now
	 */
	public AppendBacklog state() {
		return this.queue.state();
	}

	@Override
	public String toString() {
		return this.queue.toString();
	}

	/**
	 * How long and how much may wait.
	 *
	 * @param timeout how long an append waits for a stream that another transaction has
	 * locked
	 * @param bufferBytes how much is queued at most, in bytes
	 */
	public record Limits(Duration timeout, long bufferBytes) {
	}

}
