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

package io.durablenotify.wakeup;

import java.util.Arrays;

/**
 * The minimum of the last durations: a cost without what a busy machine adds to it now
 * and then. Not thread-safe.
 */
final class RecentMinimum {

	private static final int REMEMBERED = 16;

	private final long[] durations = new long[REMEMBERED];

	private int next;

	private int remembered;

	void add(long nanos) {
		this.durations[this.next] = nanos;
		this.next = (this.next + 1) % REMEMBERED;
		this.remembered = Math.min(this.remembered + 1, REMEMBERED);
	}

	/**
	 * Return the least, or 0 if there is none yet.
	 */
	long get() {
		return Arrays.stream(this.durations, 0, this.remembered).min().orElse(0);
	}

}
