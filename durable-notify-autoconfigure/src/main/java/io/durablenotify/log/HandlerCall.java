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
 * Times the calls of a handler, one after the other.
 */
public final class HandlerCall {

	private final HandlerMeasures measures;

	private volatile long began = Timing.UNMEASURED;

	/**
	 * Create a new instance.
	 * @param measures the measures of the handler
	 */
	public HandlerCall(HandlerMeasures measures) {
		this.measures = measures;
	}

	/**
	 * A call begins.
	 */
	public void begin() {
		this.began = this.measures.start();
	}

	/**
	 * The call is over.
	 * @param result how it ended, or {@code null} if it does not count
	 */
	public void end(@Nullable Result result) {
		long start = this.began;
		this.began = Timing.UNMEASURED;
		if (result != null) {
			this.measures.end(start, result);
		}
	}

	/**
	 * Return for how long the present call has run. May be called by any thread.
	 * @return the time, or {@code null} if none runs, or calls are not timed
	 */
	public @Nullable Duration running() {
		return Timing.since(this.began);
	}

}
