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

import org.jspecify.annotations.Nullable;

/**
 * A call that may block for long, which another thread can interrupt. Nothing of an
 * interrupt is left when the call is over.
 */
final class InterruptibleCall {

	/**
	 * Guards what follows. Held for no call that blocks.
	 */
	private final Object lock = new Object();

	private @Nullable Thread caller;

	private boolean interrupted;

	/**
	 * Begin the call, on the thread that makes it.
	 */
	void begin() {
		synchronized (this.lock) {
			this.caller = Thread.currentThread();
		}
	}

	/**
	 * End the call, on the thread that has made it.
	 */
	void end() {
		synchronized (this.lock) {
			this.caller = null;
			if (this.interrupted) {
				this.interrupted = false;
				Thread.interrupted();
			}
		}
	}

	/**
	 * Interrupt the thread that is in the call, if there is one.
	 */
	void interrupt() {
		synchronized (this.lock) {
			if (this.caller != null) {
				this.interrupted = true;
				this.caller.interrupt();
			}
		}
	}

}
