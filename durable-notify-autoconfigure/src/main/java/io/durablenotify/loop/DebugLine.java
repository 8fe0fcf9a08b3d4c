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

import java.util.function.Supplier;

import org.apache.commons.logging.Log;

/**
 * A line at level DEBUG for a statement, with the time that it took. Created before the
 * statement; costs next to nothing at other levels.
 */
public final class DebugLine {

	private final Log logger;

	private final long start;

	private DebugLine(Log logger, long start) {
		this.logger = logger;
		this.start = start;
	}

	/**
	 * Begin to measure.
	 * @param logger the logger
	 * @return a line to be written after the statement
	 */
	public static DebugLine start(Log logger) {
		return new DebugLine(logger, System.nanoTime());
	}

	/**
	 * Write the line.
	 * @param done what was done, such as "Fetched 3 chunks of 2 streams"
	 */
	public void write(Supplier<String> done) {
		if (this.logger.isDebugEnabled()) {
			this.logger.debug("%s in %d \u00b5s".formatted(done.get(), (System.nanoTime() - this.start) / 1_000));
		}
	}

}
