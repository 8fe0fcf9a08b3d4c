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

package io.durablenotify.listener;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Formats durations for people, and adds jitter to them.
 */
final class Durations {

	private Durations() {
	}

	/**
	 * Format as in {@code application.yml}.
	 */
	static String format(Duration duration) {
		long millis = duration.toMillis();
		return (millis % 1000 == 0) ? millis / 1000 + "s" : millis + "ms";
	}

	/**
	 * Format as seconds with one decimal place.
	 */
	static String inTenths(Duration duration) {
		long tenths = Math.max(0, duration.toMillis()) / 100;
		return "%d.%ds".formatted(tenths / 10, tenths % 10);
	}

	/**
	 * Lengthen by up to a half at random, so that instances do not act in step.
	 */
	static Duration jittered(Duration duration) {
		return duration.plusNanos(ThreadLocalRandom.current().nextLong(duration.toNanos() / 2 + 1));
	}

}
