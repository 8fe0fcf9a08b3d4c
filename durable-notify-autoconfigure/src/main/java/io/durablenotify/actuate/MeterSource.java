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

package io.durablenotify.actuate;

import java.time.Duration;
import java.util.Comparator;
import java.util.Objects;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * The meters of a part of durable-notify.
 */
interface MeterSource {

	/**
	 * Register the meters, each with all values that its tags have for now.
	 * @param registrar registers them
	 */
	void register(MeterRegistrar registrar);

	/**
	 * Return a duration in seconds.
	 */
	static double seconds(Duration duration) {
		return duration.toNanos() / 1e9;
	}

	/**
	 * Return the longest of some durations in seconds, 0 where there is none.
	 */
	static double longest(Stream<@Nullable Duration> durations) {
		return seconds(durations.filter(Objects::nonNull).max(Comparator.naturalOrder()).orElse(Duration.ZERO));
	}

}
