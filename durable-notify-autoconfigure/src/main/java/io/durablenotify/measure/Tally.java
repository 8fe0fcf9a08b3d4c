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

package io.durablenotify.measure;

import java.util.concurrent.atomic.LongAdder;

/**
 * A number that only grows. Thread-safe, and cheap also where many threads count.
 */
public final class Tally {

	private final LongAdder count = new LongAdder();

	/**
	 * Count one.
	 */
	public void increment() {
		this.count.increment();
	}

	/**
	 * Count several.
	 * @param number how many, 0 or more
	 */
	public void add(long number) {
		this.count.add(number);
	}

	/**
	 * Return what was counted since the creation.
	 * @return the sum
	 */
	public long sum() {
		return this.count.sum();
	}

	@Override
	public String toString() {
		return this.count.toString();
	}

}
