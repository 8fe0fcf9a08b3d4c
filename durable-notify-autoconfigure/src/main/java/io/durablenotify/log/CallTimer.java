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

package io.durablenotify.log;

import java.time.Duration;

import io.durablenotify.log.HandlerMeasures.Result;
import io.durablenotify.measure.Timing;
import org.jspecify.annotations.Nullable;

/**
 * Times the calls of one handler. Calls of a microsecond or more are recorded one by one,
 * but for up to 128 that follow quicker ones. Those are recorded together, since the
 * clock alone takes longer than they do. Owned by the thread that calls the handler.
 */
final class CallTimer {

	/**
	 * The number of quick calls in a row that are one recording.
	 */
	static final int MOST_AT_ONCE = 128;

	private static final long QUICK_NANOS = 1_000;

	private final HandlerMeasures measures;

	private int atOnce = 1;

	/**
	 * When the first call began that is not recorded yet. A hint to others.
	 */
	private long start;

	private int calls;

	CallTimer(HandlerMeasures measures) {
		this.measures = measures;
	}

	/**
	 * The first call of a row begins.
	 */
	void begin() {
		this.start = this.measures.start();
		this.calls = 0;
	}

	/**
	 * A call has returned, and the next one may begin.
	 */
	void returned() {
		if (++this.calls == this.atOnce) {
			long now = this.measures.next(this.start);
			this.atOnce = (isQuick(now)) ? Math.min(2 * this.atOnce, MOST_AT_ONCE) : 1;
			this.start = now;
			this.calls = 0;
		}
	}

	/**
	 * Return for how long the call that has not returned has run, with quick calls before
	 * it. May be called by any thread.
	 */
	@Nullable Duration running() {
		return Timing.since(this.start);
	}

	private boolean isQuick(long now) {
		return now - this.start < QUICK_NANOS * this.calls;
	}

	/**
	 * A call has thrown an exception. Those before it, which are not recorded yet, count
	 * with it.
	 */
	void failed() {
		this.measures.end(this.start, Result.FAILED);
		this.calls = 0;
	}

	/**
	 * The last call of a row has returned.
	 */
	void end() {
		if (this.calls > 0 && !isQuick(this.measures.next(this.start))) {
			this.atOnce = 1;
		}
	}

}
