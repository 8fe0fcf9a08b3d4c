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

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Hands tasks to an executor, and refuses to run one on the thread that hands it over.
 * That thread may hold what the handler in the task waits for, and serves other callers.
 */
final class BesideCaller implements Executor {

	private static final Log logger = LogFactory.getLog(HandlerExecutors.class);

	private final Executor executor;

	private final AtomicBoolean warned = new AtomicBoolean();

	BesideCaller(Executor executor) {
		this.executor = executor;
	}

	@Override
	public void execute(Runnable task) {
		HandedOver handedOver = new HandedOver(task);
		try {
			this.executor.execute(handedOver);
		}
		finally {
			handedOver.caller = null;
		}
		if (handedOver.refused) {
			warn();
			throw new RejectedExecutionException("The executor runs the task on the thread that hands it over");
		}
	}

	private void warn() {
		if (this.warned.compareAndSet(false, true)) {
			logger.warn(
					("%s runs tasks on the calling thread, where durable-notify calls no handler. It offers them again "
							+ "until the executor has another thread")
						.formatted(this.executor));
		}
	}

	private static final class HandedOver implements Runnable {

		private final Runnable task;

		/**
		 * The thread that is in {@code execute}. Read without a lock: no thread but that
		 * one finds itself here.
		 */
		private @Nullable Thread caller = Thread.currentThread();

		/**
		 * Only accessed by that thread.
		 */
		private boolean refused;

		HandedOver(Runnable task) {
			this.task = task;
		}

		@Override
		public void run() {
			if (Thread.currentThread() == this.caller) {
				this.refused = true;
			}
			else {
				this.task.run();
			}
		}

	}

}
