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

package io.durablenotify.testsupport;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/**
 * Waits for conditions, with room for a busy machine and a dump of the state when it
 * fails.
 */
public final class Eventually {

	/**
	 * How long to wait for what should come soon.
	 */
	public static final Duration TIMEOUT = Duration.ofSeconds(30);

	private Eventually() {
	}

	public static void await(BooleanSupplier condition, Supplier<?> state) {
		if (condition.getAsBoolean()) {
			return;
		}
		try {
			Awaitility.await()
				.pollInSameThread()
				.pollInterval(Duration.ofMillis(5))
				.atMost(TIMEOUT)
				.until(condition::getAsBoolean);
		}
		catch (ConditionTimeoutException ex) {
			throw new AssertionError("Not within " + TIMEOUT + ": " + state.get(), ex);
		}
	}

	public static void await(CountDownLatch latch) {
		try {
			if (!latch.await(TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
				throw new AssertionError("Not within " + TIMEOUT + ": " + latch);
			}
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	public static <T> T get(Future<T> future) {
		try {
			return future.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new AssertionError(future.toString(), ex);
		}
	}

	/**
	 * Return what a future fails with.
	 */
	public static Throwable failure(Future<?> future) {
		try {
			throw new AssertionError("Did not fail, but returned " + future.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS));
		}
		catch (ExecutionException ex) {
			return ex.getCause();
		}
		catch (CancellationException ex) {
			return ex;
		}
		catch (InterruptedException | TimeoutException ex) {
			throw new AssertionError(future.toString(), ex);
		}
	}

	/**
	 * Assert that something takes less than a bound at one of three times, since others
	 * use the machine too.
	 * @param bound the bound
	 * @param attempt does it, and returns how long it has taken
	 */
	public static void assertTakesLess(Duration bound, Supplier<Duration> attempt) {
		List<Duration> taken = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			Duration last = attempt.get();
			if (last.compareTo(bound) < 0) {
				return;
			}
			taken.add(last);
		}
		throw new AssertionError("Took %s, each time %s or more".formatted(taken, bound));
	}

}
