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

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ClaimAhead}.
 */
class ClaimAheadTests {

	private static final long MILLISECOND = 1_000_000;

	@Test
	void nothingIsClaimedAheadBeforeAHandlerHasReturned() {
		assertThat(new ClaimAhead(8, null).items()).isZero();
	}

	@Test
	void asMuchIsClaimedAheadAsHandlersBeginSoon() {
		ClaimAhead ahead = new ClaimAhead(8, null);
		ahead.handled(10 * MILLISECOND);
		assertThat(ahead.items()).isEqualTo(16);
	}

	@Test
	void nothingIsClaimedAheadOfLongHandlers() {
		ClaimAhead ahead = new ClaimAhead(8, null);
		ahead.handled(1_000 * MILLISECOND);
		assertThat(ahead.items()).isZero();
	}

	@Test
	void noMoreThanABatchIsHeld() {
		ClaimAhead ahead = new ClaimAhead(8, null);
		ahead.handled(0);
		assertThat(ahead.items()).isEqualTo(92);
		ClaimAhead ofMany = new ClaimAhead(500, null);
		ofMany.handled(0);
		assertThat(ofMany.items()).isZero();
	}

	@Test
	void handlersThatBecomeSlowAreNoticed() {
		ClaimAhead ahead = new ClaimAhead(8, null);
		ahead.handled(1);
		for (int i = 0; i < 8; i++) {
			ahead.handled(1_000 * MILLISECOND);
		}
		assertThat(ahead.items()).isZero();
	}

	@Test
	void aNumberOfTheUsersStays() {
		ClaimAhead ahead = new ClaimAhead(8, 3);
		ahead.handled(1);
		assertThat(ahead.items()).isEqualTo(3);
	}

}
