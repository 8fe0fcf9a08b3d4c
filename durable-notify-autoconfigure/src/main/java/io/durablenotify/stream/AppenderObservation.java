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

package io.durablenotify.stream;

import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;

/**
 * The observation of an appender. Used under the appender's lock, except at the stop of
 * the application.
 */
final class AppenderObservation {

	private final Observed observed;

	/**
	 * How the stream ends, as far as the caller has said so.
	 */
	private volatile Outcome outcome = Outcome.ABANDONED;

	private final AtomicLong chunks = new AtomicLong();

	AppenderObservation(Observed observed) {
		this.observed = observed;
	}

	/**
	 * A chunk is appended.
	 * @return its index
	 */
	long appended(long index) {
		this.chunks.incrementAndGet();
		return index;
	}

	void ended(Outcome outcome) {
		this.outcome = outcome;
	}

	void failed(Throwable failure) {
		this.observed.failed(failure);
	}

	/**
	 * The stream has ended for certain.
	 */
	void stop() {
		stop(this.outcome);
	}

	/**
	 * The stream is left to the registry.
	 */
	void abandon() {
		stop(Outcome.ABANDONED);
	}

	private void stop(Outcome outcome) {
		this.observed.outcome(outcome);
		this.observed.number(this.chunks.get());
		this.observed.stop();
	}

}
