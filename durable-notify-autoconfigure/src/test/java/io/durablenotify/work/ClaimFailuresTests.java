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

package io.durablenotify.work;

import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

import org.apache.commons.logging.Log;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

/**
 * Tests for {@link ClaimFailures}.
 */
class ClaimFailuresTests {

	private static final SQLException LOCKED = new SQLException("locked", "55P03");

	private final Log log = mock(Log.class);

	private long nanoTime;

	private final ClaimFailures failures = new ClaimFailures(this.log, "mail", () -> this.nanoTime);

	private List<Long> delays(int count) {
		return IntStream.range(0, count).mapToLong((i) -> this.failures.failed(LOCKED).toMillis()).boxed().toList();
	}

	@Test
	void aLockIsTriedAgainSoonAndIsLoggedOnceItLasts() {
		List<Long> longest = List.of(50L, 100L, 200L, 400L, 800L, 1600L, 1600L);
		assertThat(delays(7)).zipSatisfy(longest, (delay, limit) -> assertThat(delay).isBetween(limit / 2, limit));
		this.nanoTime = Duration.ofMillis(9_999).toNanos();
		delays(10);
		verify(this.log, never()).warn(any());
		this.nanoTime = Duration.ofSeconds(10).toNanos();
		delays(10);
		verify(this.log).warn("Failed to claim items of queue 'mail': locked. Retrying");
		this.failures.succeeded();
		verify(this.log).info("Items of queue 'mail' are claimed again");
	}

	@Test
	void locksThatDoNotLastAreNotLogged() {
		for (int i = 0; i < 10; i++) {
			this.nanoTime += Duration.ofSeconds(9).toNanos();
			assertThat(delays(9).get(0)).isBetween(25L, 50L);
			this.failures.succeeded();
		}
		verify(this.log, never()).warn(any());
		verify(this.log, never()).info(any());
	}

	@Test
	void anotherFailureIsLoggedAtOnce() {
		assertThat(this.failures.failed(new SQLException("refused", "08001"))).isEqualTo(Duration.ofMillis(100));
		verify(this.log).warn("Failed to claim items of queue 'mail': refused. Retrying");
	}

}
