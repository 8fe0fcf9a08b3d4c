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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongConsumer;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * What values are recorded by. Without any, recording costs a volatile read. What a
 * recorder throws is logged once: what is measured must not fail because of that.
 */
final class Recorders {

	private static final Log logger = LogFactory.getLog(Recorders.class);

	private static final LongConsumer[] NONE = {};

	/**
	 * Replaced under {@code this}.
	 */
	private volatile LongConsumer[] recorders = NONE;

	private final AtomicBoolean logged = new AtomicBoolean();

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
			try {
				recorder.accept(value);
			}
			catch (Throwable ex) {
				failed(ex);
			}
		}
	}

	private void failed(Throwable failure) {
		if (!this.logged.getAndSet(true)) {
			log(logger, "A meter has failed; what it measures goes on, and its other failures are not logged", failure);
		}
	}

	/**
	 * Log a failure of a meter, also one that fails when it is asked for its message.
	 */
	static void log(Log logger, String message, Throwable failure) {
		try {
			logger.warn(message, failure);
		}
		catch (Throwable ex) {
			logger.warn("%s: %s".formatted(message, failure.getClass().getName()));
		}
	}

}
