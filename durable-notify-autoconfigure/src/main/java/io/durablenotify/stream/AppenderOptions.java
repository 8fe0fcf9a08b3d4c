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

import java.time.Duration;

import io.durablenotify.instance.LeaseProperties;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Options of a {@link StreamAppender}.
 *
 * @param lease how long other instances wait for a sign of life of this one before they
 * fail the stream; {@code null} for {@code durable-notify.streams.lease}, zero for no
 * lease
 */
public record AppenderOptions(@Nullable Duration lease) {

	/**
	 * Create options.
	 * @param lease the time without a sign of life, {@code null} or zero
	 * @throws IllegalArgumentException if the lease is too short or too long
	 */
	public AppenderOptions {
		Assert.isTrue(lease == null || lease.isZero() || LeaseProperties.isValidLease(lease),
				() -> "Lease %s must be from %s to %s".formatted(lease, LeaseProperties.SHORTEST_LEASE,
						LeaseProperties.LONGEST_LEASE));
	}

	/**
	 * Return the default options: a lease of {@code durable-notify.streams.lease}.
	 * @return the options
	 */
	public static AppenderOptions defaults() {
		return new AppenderOptions(null);
	}

	/**
	 * Return options with a lease of another length. Use a longer one for writers in
	 * processes that may be suspended for longer, and a shorter one where readers must
	 * know sooner. Appenders of one length share its renewal, so use few.
	 * @param lease the length, from 1 second to 1 day
	 * @return the options
	 */
	public static AppenderOptions lease(Duration lease) {
		Assert.isTrue(lease != null && !lease.isZero(), "'lease' must be positive; for none, use noLease()");
		return new AppenderOptions(lease);
	}

	/**
	 * Return options without a lease: if this process is killed, the stream stays open,
	 * until another writer ends it.
	 * @return the options
	 */
	public static AppenderOptions noLease() {
		return new AppenderOptions(Duration.ZERO);
	}

	boolean isLeased() {
		return this.lease == null || !this.lease.isZero();
	}

}
