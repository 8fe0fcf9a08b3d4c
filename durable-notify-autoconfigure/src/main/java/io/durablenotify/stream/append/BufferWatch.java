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

package io.durablenotify.stream.append;

import java.time.Duration;
import java.util.function.LongSupplier;

import io.durablenotify.loop.OutageLog;
import org.apache.commons.logging.Log;

/**
 * Logs when the appends that wait take most of the buffer, and when they have become few
 * again. Of bursts that follow each other closely it logs few. Thread-safe.
 */
final class BufferWatch {

	private static final int FULL_PERCENT = 80;

	private static final int EMPTY_PERCENT = 40;

	private static final int MEBIBYTE = 1024 * 1024;

	private final long limit;

	/**
	 * Guarded by {@code this}.
	 */
	private final OutageLog log;

	private volatile boolean full;

	/**
	 * Whether that it is full was left out of the log for now.
	 */
	private volatile boolean leftOut;

	private volatile Duration lastBatch = Duration.ZERO;

	/**
	 * Create a new instance.
	 * @param nanoTime {@link System#nanoTime()}, or that of a test
	 */
	BufferWatch(Log logger, long limit, LongSupplier nanoTime) {
		this.limit = limit;
		this.log = new OutageLog(logger, nanoTime);
	}

	/**
	 * A batch was written.
	 */
	void written(Duration took) {
		this.lastBatch = took;
	}

	/**
	 * The buffer holds more or less than before.
	 */
	void update(long bytes) {
		boolean full = this.full;
		if (full != isFull(full, bytes) || (full && this.leftOut)) {
			updateLogged(bytes);
		}
	}

	private boolean isFull(boolean before, long bytes) {
		return bytes > this.limit / 100 * ((before) ? EMPTY_PERCENT : FULL_PERCENT);
	}

	private synchronized void updateLogged(long bytes) {
		boolean full = isFull(this.full, bytes);
		if (full && (!this.full || this.log.awaitsLine())) {
			this.log.failed("full", "Appends of %s of at most %s wait for the database; the last batch took %d ms"
				.formatted(size(bytes), size(this.limit), this.lastBatch.toMillis()));
			this.leftOut = !this.log.isLogged();
		}
		else if (!full && this.full) {
			this.log.over("Appends wait for the database no more than usual");
		}
		this.full = full;
	}

	private static String size(long bytes) {
		return (bytes < MEBIBYTE) ? bytes / 1024 + " KB" : bytes / MEBIBYTE + " MB";
	}

}
