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

import org.apache.commons.logging.Log;

/**
 * Logs when the appends that wait take most of the buffer, and when they have become few
 * again. Thread-safe.
 */
final class BufferWatch {

	private static final int FULL_PERCENT = 80;

	private static final int EMPTY_PERCENT = 40;

	private static final int MEBIBYTE = 1024 * 1024;

	private final Log logger;

	private final long limit;

	private volatile boolean full;

	private volatile Duration lastBatch = Duration.ZERO;

	BufferWatch(Log logger, long limit) {
		this.logger = logger;
		this.limit = limit;
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
		if ((full) ? bytes > this.limit / 100 * EMPTY_PERCENT : bytes <= this.limit / 100 * FULL_PERCENT) {
			return;
		}
		synchronized (this) {
			if (this.full != full) {
				return;
			}
			this.full = !full;
		}
		if (full) {
			this.logger.info("Appends wait for the database no more than usual");
		}
		else {
			this.logger.warn("Appends of %s of at most %s wait for the database; the last batch took %d ms"
				.formatted(size(bytes), size(this.limit), this.lastBatch.toMillis()));
		}
	}

	private static String size(long bytes) {
		return (bytes < MEBIBYTE) ? bytes / 1024 + " KB" : bytes / MEBIBYTE + " MB";
	}

}
