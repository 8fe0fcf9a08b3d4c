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

package io.durablenotify.instance;

import java.time.Duration;

/**
 * Settings of this instance.
 *
 * @param name what a database administrator knows the instance by
 * @param lease how long the others wait for a renewal before they take over, unless a
 * holder asks for another length
 */
public record InstanceSettings(String name, Duration lease) {

	/**
	 * The shortest lease: renewed three times in it.
	 */
	public static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);

	/**
	 * The longest lease.
	 */
	public static final Duration LONGEST_LEASE = Duration.ofDays(1);

	/**
	 * Return whether a lease can have a length.
	 * @param lease the length
	 * @return whether it can
	 */
	public static boolean isValidLease(Duration lease) {
		return lease.compareTo(SHORTEST_LEASE) >= 0 && lease.compareTo(LONGEST_LEASE) <= 0;
	}

}
