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

import java.time.Duration;
import java.util.function.LongConsumer;

import org.jspecify.annotations.Nullable;

/**
 * Durations, which are recorded as long as that is asked for. Thread-safe. Without a
 * recorder it does not ask for the time either.
 */
public final class Timing {

	/**
	 * The start of what is not measured, or has not begun.
	 */
	public static final long UNMEASURED = 0;

	private final Recorders recorders = new Recorders();

	/**
	 * Return whether durations are recorded.
	 * @return whether there is a recorder
	 */
	public boolean isRecorded() {
		return !this.recorders.isEmpty();
	}

	/**
	 * Begin a measurement, which {@link #end} ends.
	 * @return the start, for the calls that follow
	 */
	public long start() {
		return (isRecorded()) ? System.nanoTime() : UNMEASURED;
	}

	/**
	 * Return for how long an operation has run that has not ended.
	 * @param start what {@link #start()} has returned
	 * @return the time since then, or {@code null} if it is not measured
	 */
	public static @Nullable Duration since(long start) {
		return (start != UNMEASURED) ? Duration.ofNanos(System.nanoTime() - start) : null;
	}

	/**
	 * Record the time since a start.
	 * @param start what {@link #start()} of this timing, or of another one of the same
	 * operation, has returned
	 */
	public void end(long start) {
		if (start != UNMEASURED) {
			this.recorders.record(System.nanoTime() - start);
		}
	}

	/**
	 * Record how long an operation takes, also one that fails.
	 * @param <T> what it returns
	 * @param <E> what it throws
	 * @param operation the operation
	 * @return what it has returned
	 * @throws E what it has thrown
	 */
	public <T, E extends Exception> T time(Operation<T, E> operation) throws E {
		long start = start();
		try {
			return operation.run();
		}
		finally {
			end(start);
		}
	}

	/**
	 * Record the time since a start, and begin the next measurement.
	 * @param start the start, as for {@link #end}
	 * @return the start of the next one
	 */
	public long lap(long start) {
		if (start == UNMEASURED) {
			return UNMEASURED;
		}
		long now = System.nanoTime();
		this.recorders.record(now - start);
		return now;
	}

	/**
	 * Record a duration.
	 * @param nanos the duration in nanoseconds; a negative one counts as 0
	 */
	public void record(long nanos) {
		this.recorders.record(Math.max(0, nanos));
	}

	/**
	 * Have durations recorded from now on.
	 * @param recorder is given each in nanoseconds, by any thread; must return at once
	 */
	public void recordBy(LongConsumer recorder) {
		this.recorders.add(recorder);
	}

	/**
	 * What is timed.
	 *
	 * @param <T> what it returns
	 * @param <E> what it throws
	 */
	@FunctionalInterface
	public interface Operation<T, E extends Exception> {

		/**
		 * Run it.
		 * @return its result
		 * @throws E if it fails
		 */
		T run() throws E;

	}

}
