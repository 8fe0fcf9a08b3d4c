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

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link HeldLease}.
 */
class HeldLeaseTests {

	private static final Duration DURATION = Duration.ofMinutes(1);

	private final HeldLease lease = new HeldLease(DURATION, () -> {
	});

	@Test
	void isHeldForItsDurationFromWhenTheRegistrationWasSent() {
		assertThat(this.lease.isHeld()).isFalse();
		this.lease.registered(7, System.nanoTime());
		assertThat(this.lease.isHeld()).isTrue();
		HeldLease late = new HeldLease(DURATION, () -> {
		});
		late.registered(8, System.nanoTime() - DURATION.toNanos());
		assertThat(late.isHeld()).isFalse();
		assertThat(late.isLost()).isFalse();
	}

	@Test
	void isHeldForItsDurationFromWhenTheRenewalWasSent() {
		this.lease.registered(7, System.nanoTime());
		this.lease.renewed(System.nanoTime() - DURATION.toNanos());
		assertThat(this.lease.isHeld()).isFalse();
		assertThat(this.lease.sinceRenewal()).isGreaterThanOrEqualTo(DURATION);
		assertThat(this.lease.awaitHeld(Duration.ZERO)).isFalse();
		this.lease.renewed(System.nanoTime() - DURATION.dividedBy(2).toNanos());
		assertThat(this.lease.isHeld()).isTrue();
	}

	@Test
	void isNotHeldOnceItIsLost() {
		this.lease.registered(7, System.nanoTime());
		this.lease.lost();
		assertThat(this.lease.isHeld()).isFalse();
		assertThat(this.lease.isLost()).isTrue();
	}

}
