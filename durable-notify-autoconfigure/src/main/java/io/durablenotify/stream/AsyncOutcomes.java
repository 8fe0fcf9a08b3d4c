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
import java.util.concurrent.Executor;

/**
 * Completes the futures of appends on the executor that runs users' code.
 */
final class AsyncOutcomes {

	private final Executor executor;

	AsyncOutcomes(Executor executor) {
		this.executor = executor;
	}

	/**
	 * Complete futures, in order, without waiting. One that runs somebody's code has a
	 * task of its own: that code may block, or wait for one of the others.
	 */
	void complete(List<PendingAppend> settled) {
		if (!settled.isEmpty()) {
			execute(() -> {
				for (PendingAppend append : settled) {
					if (settled.size() > 1 && append.hasDependents()) {
						execute(append::completeFuture);
					}
					else {
						append.completeFuture();
					}
				}
			});
		}
	}

	private void execute(Runnable task) {
		try {
			this.executor.execute(task);
		}
		catch (RuntimeException ex) {
			// Shut down, or full: whoever waits must not wait for ever
			task.run();
		}
	}

}
