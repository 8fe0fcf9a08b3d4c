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

import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * What values are recorded by. Without any, recording costs a volatile read.
 */
final class Recorders {

	private static final LongConsumer[] NONE = {};

	/**
	 * Replaced under {@code this}.
	 */
	private volatile LongConsumer[] recorders = NONE;

	synchronized void add(LongConsumer recorder) {
		LongConsumer[] more = Arrays.copyOf(this.recorders, this.recorders.length + 1);
		more[more.length - 1] = recorder;
		this.recorders = more;
	}

	boolean isEmpty() {
		return this.recorders.length == 0;
	}

	void record(long value) {
		for (LongConsumer recorder : this.recorders) {
			recorder.accept(value);
		}
	}

}
