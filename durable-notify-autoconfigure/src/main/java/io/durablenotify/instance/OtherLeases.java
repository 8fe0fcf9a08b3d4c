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
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What this instance has seen of the leases of others, and from when on it may take over
 * from them.
 * <p>
 * One whose lease has run out while the database could not be reached has the time to
 * renew it first. The database does not know how long a lease is: where this instance has
 * seen that it was renewed, that is how long it had left then, and twice as long is
 * waited. Otherwise, and at most, it is waited for a lease of this instance. Not
 * thread-safe.
 */
final class OtherLeases {

	/**
	 * Times are in milliseconds.
	 */
	private static final Duration ROUNDING = Duration.ofMillis(5);

	private final Duration own;

	private Map<Long, Other> others = new HashMap<>();

	/**
	 * What the clock said last by which leases run out.
	 */
	private Duration time = Duration.ZERO;

	/**
	 * Create a new instance.
	 * @param own the length of this instance's lease
	 */
	OtherLeases(Duration own) {
		this.own = own;
	}

	/**
	 * Other leases were seen.
	 * @param left by holder, how long it has left, negative or zero if it has run out
	 * @param time the time of the clock by which leases run out
	 */
	void seen(Map<Long, Duration> left, Duration time) {
		Map<Long, Other> seen = new HashMap<>();
		left.forEach((id, each) -> {
			Other before = this.others.get(id);
			Duration end = time.plus(each);
			seen.put(id, (before != null) ? before.seen(each, end) : new Other(each, end, null, Duration.ZERO));
		});
		this.others = seen;
		this.time = time;
	}

	/**
	 * Something that a holder has cannot be taken over now.
	 * @param delay the time until the next attempt
	 */
	void putOff(long id, Duration delay) {
		this.others.computeIfPresent(id,
				(key, other) -> new Other(other.left, other.end, other.length, this.time.plus(delay)));
	}

	/**
	 * Return the time until another holder may be taken over from.
	 * @param reached for how long the database has been within reach
	 * @return the time, negative or zero if there is one, {@code null} if there is no
	 * other holder
	 */
	@Nullable Duration untilNext(Duration reached) {
		return this.others.values()
			.stream()
			.map((other) -> until(other, reached))
			.min(Duration::compareTo)
			.orElse(null);
	}

	/**
	 * Return from which holders may be taken over.
	 * @param reached for how long the database has been within reach
	 */
	List<Long> runOut(Duration reached) {
		return this.others.entrySet()
			.stream()
			.filter((entry) -> !isPositive(until(entry.getValue(), reached)))
			.map(Map.Entry::getKey)
			.toList();
	}

	private Duration until(Other other, Duration reached) {
		if (isPositive(other.left)) {
			return other.left;
		}
		Duration putOff = other.notBefore.minus(this.time);
		if (isPositive(putOff)) {
			return putOff;
		}
		Duration length = other.length;
		Duration twice = (length != null) ? length.multipliedBy(2) : this.own;
		return ((twice.compareTo(this.own) < 0) ? twice : this.own).minus(reached);
	}

	private static boolean isPositive(Duration time) {
		return time.compareTo(Duration.ZERO) > 0;
	}

	/**
	 * The lease of another holder.
	 *
	 * @param left how long it had left when it was seen last
	 * @param end when it was to run out then
	 * @param length the longest time that it had left after a renewal, {@code null} if
	 * none was seen
	 * @param notBefore when it may be taken over from at the earliest
	 */
	private record Other(Duration left, Duration end, @Nullable Duration length, Duration notBefore) {

		/**
		 * Both instances may renew in step: then there is always as much left.
		 */
		Other seen(Duration left, Duration end) {
			boolean renewed = isPositive(left) && end.minus(this.end).compareTo(ROUNDING) > 0;
			return new Other(left, end,
					(renewed && (this.length == null || left.compareTo(this.length) > 0)) ? left : this.length,
					this.notBefore);
		}

	}

}
