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

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.delivery.DaemonThreadFactory;

/**
 * Completes the futures of appends on the executor that runs users' code.
 */
final class AsyncOutcomes {

	/**
	 * After how long those behind a future whose completion takes its time go on without
	 * it.
	 */
	private static final long STALL_MILLIS = 20;

	private final Executor executor;

	/**
	 * For what the executor refuses. Never the caller's thread: it writes for everybody.
	 */
	private final ThreadFactory threads = new DaemonThreadFactory("durable-notify-append-outcome");

	AsyncOutcomes(Executor executor) {
		this.executor = executor;
	}

	/**
	 * Complete futures, in order, without waiting. What runs with them is somebody's
	 * code, which may block, or wait for one of the others.
	 */
	void complete(List<PendingAppend> settled) {
		if (settled.size() == 1) {
			execute(settled.get(0)::completeFuture);
		}
		else if (!settled.isEmpty()) {
			new Completion(settled).start();
		}
	}

	private void execute(Runnable task) {
		try {
			this.executor.execute(task);
		}
		catch (Throwable ex) {
			// Shut down, or full: whoever waits must not wait for ever
			this.threads.newThread(task).start();
		}
	}

	/**
	 * Several futures, completed by one thread as long as that takes no time: a task for
	 * each costs more than all else of an append. Once they have stalled, another thread
	 * goes on, and what has somebody's code gets a task of its own. That code can still
	 * come to a future between the look for it and the completion.
	 */
	private final class Completion implements Runnable {

		private final List<PendingAppend> appends;

		private final AtomicInteger next = new AtomicInteger();

		private volatile boolean stalled;

		Completion(List<PendingAppend> appends) {
			this.appends = appends;
		}

		void start() {
			execute(this);
			CompletableFuture.delayedExecutor(STALL_MILLIS, TimeUnit.MILLISECONDS, Runnable::run)
				.execute(this::startAgainIfStalled);
		}

		private void startAgainIfStalled() {
			if (this.next.get() < this.appends.size()) {
				this.stalled = true;
				start();
			}
		}

		@Override
		public void run() {
			for (int i = this.next.getAndIncrement(); i < this.appends.size(); i = this.next.getAndIncrement()) {
				PendingAppend append = this.appends.get(i);
				if (this.stalled && append.hasDependents()) {
					execute(append::completeFuture);
				}
				else {
					append.completeFuture();
				}
			}
		}

	}

}
