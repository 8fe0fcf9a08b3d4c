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

import java.util.function.LongConsumer;

/**
 * Sizes, such as numbers of entries, which are recorded as long as that is asked for.
 * Thread-safe.
 */
public final class Sizes {

	private final Recorders recorders = new Recorders();

	/**
	 * Record a size.
	 * @param size the size
	 */
	public void record(long size) {
		this.recorders.record(size);
	}

	/**
	 * Have sizes recorded from now on.
	 * @param recorder is given each, by any thread; must return at once
	 */
	public void recordBy(LongConsumer recorder) {
		this.recorders.add(recorder);
	}

}
