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

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The callbacks of an appender for an end of its stream from elsewhere. Only the
 * appender's handle keeps them: they may keep the handle, which otherwise would never be
 * found dropped. Thread-safe.
 */
final class EndCallbacks {

	/**
	 * Runs callbacks, on another thread.
	 */
	private final Consumer<Runnable> executor;

	/**
	 * Guarded by its own monitor, like {@link #ended}.
	 */
	private final List<Runnable> callbacks = new ArrayList<>(1);

	private boolean ended;

	EndCallbacks(Consumer<Runnable> executor) {
		this.executor = executor;
	}

	/**
	 * The appender writes a stream that has not ended.
	 */
	void begin() {
		synchronized (this.callbacks) {
			this.ended = false;
		}
	}

	/**
	 * Add a callback, or run it where the stream has ended.
	 * @return whether it waits for the end
	 */
	boolean add(Runnable callback) {
		synchronized (this.callbacks) {
			if (!this.ended) {
				return this.callbacks.add(callback);
			}
		}
		this.executor.accept(callback);
		return false;
	}

	/**
	 * Run the callbacks: the stream has ended.
	 */
	void end() {
		List<Runnable> due;
		synchronized (this.callbacks) {
			this.ended = true;
			due = List.copyOf(this.callbacks);
			this.callbacks.clear();
		}
		due.forEach(this.executor);
	}

}
