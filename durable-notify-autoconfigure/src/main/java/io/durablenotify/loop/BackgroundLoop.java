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
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import org.jspecify.annotations.Nullable;

/**
 * Runs a step on one daemon thread: after each signal, and again as the step requests. A
 * step that fails is repeated with growing delays.
 * <p>
 * Signals are coalesced and never lost: after each signal a step begins. The thread
 * exists while there is work, and for {@value #KEEP_ALIVE_SECONDS} seconds after. What a
 * step throws is logged by the loop's {@link FailureLog}, and repeated by the loop.
 */
public final class BackgroundLoop implements AutoCloseable {

	private static final int KEEP_ALIVE_SECONDS = 10;

	private static final long KEEP_ALIVE = Duration.ofSeconds(KEEP_ALIVE_SECONDS).toNanos();

	private static final Duration RETRY_START = Duration.ofMillis(100);

	private final ThreadFactory threads;

	private final FailureLog failures;

	private final Step step;

	private final Delays delays;

	private final ReentrantLock lock = new ReentrantLock();

	/**
	 * Signalled whenever a field below has changed.
	 */
	private final Condition changed = this.lock.newCondition();

	/**
	 * Written under the lock, like all that follows. True until the next step begins.
	 */
	private volatile boolean signalled;

	/**
	 * When the next step is due without a signal, by {@link System#nanoTime()}.
	 */
	private @Nullable Long dueAt;

	/**
	 * Until when no step begins, signalled or not.
	 */
	private @Nullable Long pausedUntil;

	private @Nullable Thread thread;

	private boolean running;

	/**
	 * Starts a thread when a step is due, while there is none.
	 */
	private @Nullable Future<?> timer;

	private volatile boolean closing;

	private boolean closed;

	/**
	 * Create a new instance. Starts no thread.
	 * @param name the thread's name
	 * @param failures logs failures of the step, and determines how long to wait after
	 * one; owned by the loop's thread from here on
	 * @param step the step
	 */
	public BackgroundLoop(String name, FailureLog failures, Step step) {
		this(new DaemonThreadFactory(name), failures, step, Delays.ofJvm());
	}

	BackgroundLoop(ThreadFactory threads, FailureLog failures, Step step, Delays delays) {
		this.threads = threads;
		this.failures = failures;
		this.step = step;
		this.delays = delays;
	}

	/**
	 * Request a step that begins after this call. Never waits, and throws only an
	 * {@link OutOfMemoryError}, if the system has neither a thread nor a timer: the next
	 * signal tries again.
	 */
	public void signal() {
		if (this.signalled) {
			return;
		}
		this.lock.lock();
		try {
			this.signalled = true;
			wakeThread();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Request a step after a delay, or earlier if one is due or is requested earlier.
	 * @param delay the delay
	 */
	public void signalAfter(Duration delay) {
		this.lock.lock();
		try {
			long at = System.nanoTime() + delay.toNanos();
			if (this.dueAt != null && this.dueAt - at <= 0 && (this.thread != null || this.timer != null)) {
				return;
			}
			this.dueAt = at;
			if (this.thread != null || delay.toNanos() < KEEP_ALIVE) {
				wakeThread();
			}
			else {
				startThreadAfter(delay);
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	private void wakeThread() {
		if (this.thread != null) {
			this.changed.signalAll();
		}
		else if (!this.closed) {
			startThread();
		}
	}

	private void startThread() {
		cancelTimer();
		try {
			Thread thread = this.threads.newThread(this::run);
			this.thread = thread;
			thread.start();
		}
		catch (OutOfMemoryError ex) {
			// The system is out of threads: what was signalled must not be lost with that
			this.thread = null;
			startThreadAfter(RETRY_START);
		}
	}

	private void startThreadAfter(Duration delay) {
		cancelTimer();
		try {
			this.timer = this.delays.after(delay, this::startMissingThread);
		}
		catch (Throwable ex) {
			// Not even a timer: the next signal tries again
			this.signalled = false;
			throw ex;
		}
	}

	private void startMissingThread() {
		this.lock.lock();
		try {
			if (this.thread == null && !this.closed) {
				startThread();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	private void cancelTimer() {
		if (this.timer != null) {
			this.timer.cancel(false);
			this.timer = null;
		}
	}

	private void run() {
		boolean ended = false;
		try {
			runSteps();
			ended = true;
		}
		finally {
			if (!ended) {
				startAgain();
			}
		}
	}

	private void runSteps() {
		while (awaitTurn()) {
			Next next;
			try {
				next = this.step.run();
				this.failures.succeeded();
			}
			catch (Throwable ex) {
				if (this.closing) {
					close();
					continue;
				}
				next = Next.retry(this.failures.failed(ex));
			}
			schedule(next);
		}
	}

	/**
	 * Not even its failure could be logged, as for want of memory.
	 */
	private void startAgain() {
		this.lock.lock();
		try {
			this.thread = null;
			this.running = false;
			this.changed.signalAll();
			if (!this.closed) {
				this.dueAt = System.nanoTime();
				startThreadAfter(RETRY_START);
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Wait until the next step is to begin.
	 * @return false if the thread is to end
	 */
	private boolean awaitTurn() {
		this.lock.lock();
		try {
			this.running = false;
			this.changed.signalAll();
			long idleSince = System.nanoTime();
			while (!this.closed) {
				long now = System.nanoTime();
				long left = nanosUntilNext(now);
				if (left <= 0) {
					this.signalled = false;
					this.dueAt = null;
					this.pausedUntil = null;
					this.running = true;
					return true;
				}
				long alive = KEEP_ALIVE - (now - idleSince);
				if (alive <= 0 && left > KEEP_ALIVE) {
					// Before the timer, which may be over at once
					this.thread = null;
					if (left != Long.MAX_VALUE) {
						startThreadAfter(Duration.ofNanos(left));
					}
					return false;
				}
				await(Math.min(left, (alive > 0) ? alive : left));
			}
			this.thread = null;
			return false;
		}
		finally {
			this.lock.unlock();
		}
	}

	private void await(long nanos) {
		try {
			this.changed.awaitNanos(nanos);
		}
		catch (InterruptedException ex) {
			// Meant for a step that is over, or by close()
		}
	}

	private long nanosUntilNext(long now) {
		Long dueAt = this.dueAt;
		if (!this.signalled && dueAt == null) {
			return Long.MAX_VALUE;
		}
		long due = (this.signalled || dueAt == null) ? 0 : dueAt - now;
		long pause = (this.pausedUntil == null || this.closing) ? 0 : this.pausedUntil - now;
		return Math.max(due, pause);
	}

	private void schedule(Next next) {
		this.lock.lock();
		try {
			long at = System.nanoTime() + next.delay().toNanos();
			if (next.due() && (this.dueAt == null || at - this.dueAt < 0)) {
				// Unless a signal during the step has one earlier
				this.dueAt = at;
			}
			if (next.paused()) {
				this.pausedUntil = at;
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Return whether the loop is closed, or is being closed. A step that fails then needs
	 * no handling of its failure.
	 * @return whether {@link #close()} or {@link #finish} was called
	 */
	public boolean isClosing() {
		return this.closing;
	}

	/**
	 * Run the steps that have been requested by signals, without a pause between them,
	 * and close.
	 * @param timeout how long to wait for that
	 * @return whether they have run, so that no step is running any more
	 */
	public boolean finish(Duration timeout) {
		this.lock.lock();
		try {
			this.closing = true;
			this.changed.signalAll();
			long left = timeout.toNanos();
			while ((this.running || (this.signalled && !this.closed)) && left > 0) {
				left = this.changed.awaitNanos(left);
			}
			// Before a step that is due by now can begin
			this.closed = true;
			return !this.running;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
		finally {
			this.lock.unlock();
			close();
		}
	}

	/**
	 * Begin no more steps, and interrupt the one that is running. Does not wait for it.
	 */
	@Override
	public void close() {
		this.lock.lock();
		try {
			this.closing = true;
			this.closed = true;
			cancelTimer();
			this.changed.signalAll();
			if (this.thread != null && this.running && this.thread != Thread.currentThread()) {
				this.thread.interrupt();
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * What the loop repeats.
	 */
	@FunctionalInterface
	public interface Step {

		/**
		 * Run on the loop's thread.
		 * @return when to run again without a signal
		 * @throws Exception if the step failed and is to be repeated
		 */
		Next run() throws Exception;

	}

	/**
	 * When the next step begins.
	 *
	 * @param delay the delay
	 * @param due whether the step begins after the delay without a signal, too
	 * @param paused whether a signal does not make it begin earlier
	 */
	public record Next(Duration delay, boolean due, boolean paused) {

		/**
		 * After the next signal.
		 */
		public static final Next IDLE = new Next(Duration.ZERO, false, false);

		/**
		 * At once: there is more to do.
		 */
		public static final Next AGAIN = new Next(Duration.ZERO, true, false);

		/**
		 * Run again at once, if there is more to do.
		 * @param more whether there is
		 * @return {@link #AGAIN} or {@link #IDLE}
		 */
		public static Next againIf(boolean more) {
			return (more) ? AGAIN : IDLE;
		}

		/**
		 * Run again after a delay, or after a signal that comes earlier.
		 * @param delay the delay
		 * @return that
		 */
		public static Next after(Duration delay) {
			return new Next(delay, true, false);
		}

		/**
		 * Run again after the next signal, but not before a pause is over.
		 * @param pause the pause
		 * @return that
		 */
		public static Next pause(Duration pause) {
			return new Next(pause, false, true);
		}

		/**
		 * Run again after a delay, and not earlier.
		 * @param delay the delay
		 * @return that
		 */
		static Next retry(Duration delay) {
			return new Next(delay, true, true);
		}

	}

}
