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

package io.durablenotify.benchmarks.harness;

/**
 * Results have to be right: a figure of something that lost a chunk is worth nothing.
 */
public final class Check {

	private Check() {
	}

	public static void equal(String what, long expected, long actual) {
		// Called for each row: a message is made only where it is needed
		if (expected != actual) {
			throw new IllegalStateException("%s: expected %,d, but was %,d".formatted(what, expected, actual));
		}
	}

	public static void that(boolean condition, String message) {
		if (!condition) {
			throw new IllegalStateException(message);
		}
	}

}
