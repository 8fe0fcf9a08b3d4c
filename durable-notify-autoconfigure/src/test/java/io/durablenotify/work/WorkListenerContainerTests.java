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

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;

import io.durablenotify.instance.Lease;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.work.ClaimSql.Bound;
import io.durablenotify.work.QueueProgress.Range;
import io.durablenotify.work.WorkListenerContainer.ClaimSource;
import io.durablenotify.work.WorkListenerContainer.ClaimedWork;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link WorkListenerContainer} without a server.
 */
class WorkListenerContainerTests {

	private static final int QUEUE = 1;

	private final Lease lease = mock(Lease.class);

	@Test
	void othersAreNotifiedWhileNothingCanBeClaimedForWantOfALease() {
		WorkListenerSettings settings = new WorkListenerSettings(List.of("queue"), 2, 0, false, 3,
				new Backoff(Duration.ofSeconds(1), 1, Duration.ofSeconds(1)), OnDead.CONTINUE, List.of());
		WorkListenerContainer container = new WorkListenerContainer(settings, false,
				List.of(new QueueProgress("queue", QUEUE, Duration.ofHours(1), false)), () -> this.lease,
				new NothingDue(), null, null, Runnable::run);
		given(this.lease.isHeld()).willReturn(true);
		assertThat(container.handlesAlone(QUEUE, 0)).isFalse();
		container.start();
		Eventually.await(() -> container.handlesAlone(QUEUE, 0), container::toString);
		given(this.lease.isHeld()).willReturn(false);
		assertThat(container.handlesAlone(QUEUE, 0)).isFalse();
		container.beginStop();
		container.finishClaims(Eventually.TIMEOUT);
	}

	/**
	 * A database in which nothing is due.
	 */
	private static final class NothingDue implements ClaimSource {

		@Override
		public ClaimedWork claim(QueueProgress queue, Lease lease, int limit, Range range) {
			return new ClaimedWork(new Claimed(null, true, false, 1, -1, false, false, List.of()), Map.of());
		}

		@Override
		public Map<Integer, Bound> bounds(Collection<Integer> queueIds) {
			return Map.of();
		}

		@Override
		public void hold(HeldClaim claim) {
		}

		@Override
		public void wakeOthers(QueueProgress queue, Claimed claimed) {
		}

	}

}
