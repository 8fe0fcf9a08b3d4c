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
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Coalesces signals: runs a task after each signal, never concurrently, with at most one
 * run pending. No signal is lost: one that comes during a run has another run follow, and
 * a run that fails is repeated after a delay.
 */
public final class SerialTask {

	private static final Log logger = LogFactory.getLog(SerialTask.class);

	private enum State {

		IDLE, SCHEDULED, RUNNING, RUNNING_AGAIN

	}

	private static final long FIRST_DELAY_MILLIS = 10;

	private static final long MAX_DELAY_MILLIS = 5_000;

	private static final int MAX_DOUBLINGS = 10;

	private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);

	private final Executor executor;

	private final Runnable task;

	private final BooleanSupplier wanted;

	private final Delays delays;

	/**
	 * How many runs in a row have failed. Owned by the task.
	 */
	private int failures;

	/**
	 * Create a new instance.
	 * @param executor where the task runs, which may refuse it
	 * @param task the task; what it throws is logged, and it runs again
	 * @param wanted asked whenever the task has failed, or the executor has refused it:
	 * false once the run would be of no use, so that nothing is left of a task whose
	 * executor was shut down for good
	 */
	public SerialTask(Executor executor, Runnable task, BooleanSupplier wanted) {
		this(executor, task, wanted, Delays.ofJvm());
	}

	/**
	 * Create a new instance.
	 * @param executor where the task runs, which may refuse it
	 * @param task the task; what it throws is logged, and it runs again
	 * @param wanted asked whenever the task has failed, or the executor has refused it
	 * @param delays when it is offered again
	 */
	public SerialTask(Executor executor, Runnable task, BooleanSupplier wanted, Delays delays) {
		this.executor = executor;
		this.task = task;
		this.wanted = wanted;
		this.delays = delays;
	}

	/**
	 * Ask for a run that begins after this call. Never blocks, unless the executor runs
	 * its tasks on the caller's thread. If the executor refuses the task, it is offered
	 * again, at last every five seconds, as long as it is wanted. Throws nothing but an
	 * {@link OutOfMemoryError}, if the system has no thread and no timer either: the next
	 * signal tries again.
	 */
	public void signal() {
		State previous = this.state.getAndUpdate(
				(state) -> (state == State.IDLE || state == State.SCHEDULED) ? State.SCHEDULED : State.RUNNING_AGAIN);
		if (previous == State.IDLE) {
			schedule();
		}
	}

	private void schedule() {
		schedule(0);
	}

	/**
	 * A bounded executor may be full and the system out of threads: the signal must not
	 * be lost with that.
	 */
	private void schedule(int attempt) {
		try {
			this.executor.execute(this::run);
		}
		catch (Throwable ex) {
			if (!this.wanted.getAsBoolean()) {
				this.state.set(State.IDLE);
				logger.debug("Not run, and not wanted any more: the executor refuses tasks", ex);
				return;
			}
			scheduleAfter(attempt);
		}
	}

	private void scheduleAfter(int attempt) {
		long delay = Math.min(MAX_DELAY_MILLIS, FIRST_DELAY_MILLIS << attempt);
		int next = Math.min(attempt + 1, MAX_DOUBLINGS);
		try {
			this.delays.after(Duration.ofMillis(delay), () -> schedule(next));
		}
		catch (Throwable ex) {
			// Not even a timer: the next signal tries again
			this.state.set(State.IDLE);
			throw ex;
		}
	}

	private void run() {
		this.state.set(State.RUNNING);
		boolean failed = true;
		try {
			this.task.run();
			failed = false;
		}
		catch (Throwable ex) {
			log(ex);
		}
		finally {
			// Also if its failure could not be logged
			if (failed && this.wanted.getAsBoolean()) {
				repeat();
			}
			else {
				this.failures = 0;
				if (!this.state.compareAndSet(State.RUNNING, State.IDLE)) {
					this.state.set(State.SCHEDULED);
					schedule();
				}
			}
		}
	}

	/**
	 * What the task has not done is still to be done.
	 */
	private void repeat() {
		int attempt = this.failures;
		this.failures = Math.min(attempt + 1, MAX_DOUBLINGS);
		this.state.set(State.SCHEDULED);
		scheduleAfter(attempt);
	}

	private void log(Throwable failure) {
		if (this.failures == 0) {
			FailureLog.log(logger::error, "Unexpected failure of a task, which runs again", failure);
		}
		else {
			FailureLog.log(logger::debug, "Another failure of a task, which runs again", failure);
		}
	}

}
