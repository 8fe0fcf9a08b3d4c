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

package io.durablenotify.web;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs a task on the threads that signal, without blocking any of them. One thread at a
 * time runs it, once for all signals that came during the run before.
 */
final class Signals {

	private final Runnable task;

	/**
	 * How many have not been served yet.
	 */
	private final AtomicInteger count = new AtomicInteger();

	/**
	 * Create a new instance.
	 * @param task the task, which must not throw
	 */
	Signals(Runnable task) {
		this.task = task;
	}

	/**
	 * Ask for a run that begins after this call. If another thread is in a run, or the
	 * task itself signals, that thread makes the next run.
	 */
	void signal() {
		if (this.count.getAndIncrement() > 0) {
			return;
		}
		int served = 1;
		do {
			this.task.run();
			served = this.count.addAndGet(-served);
		}
		while (served != 0);
	}

}
