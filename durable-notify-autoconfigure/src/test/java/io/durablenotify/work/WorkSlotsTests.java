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
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.work.WorkInvoker.FirstItems;
import io.durablenotify.work.WorkSlots.Turn;
import io.durablenotify.work.WorkSlots.Unit;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * How much a listener claims, and which threads handle it.
 */
class WorkSlotsTests {

	private final AtomicLong nanoTime = new AtomicLong();

	private final WorkSlots slots = new WorkSlots(2, new ClaimAhead(2, 8), this.nanoTime::get);

	private static List<Unit> units(int count) {
		List<Unit> units = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			units.add(new Unit(null,
					List.of(new ClaimedItem(i, 0, 0, 0, false, null, Instant.EPOCH, null, new byte[0], -1))));
		}
		return units;
	}

	@Test
	void thereIsRoomForTheConcurrencyAndWhatIsClaimedAhead() {
		assertThat(this.slots.room()).isEqualTo(10);
		this.slots.add(units(7));
		assertThat(this.slots.room()).isEqualTo(3);
	}

	@Test
	void anOrderingKeyThatWaitsCountsWithTheItemsThatWereFetchedWithIt() {
		ClaimedItem item = units(1).get(0).items().get(0);
		List<ClaimedItem> fetched = Collections.nCopies(4, item);
		this.slots.add(List.of(new Unit(null, List.of(item), new FirstItems(fetched, true)),
				new Unit(null, List.of(item), new FirstItems(fetched, true))));
		assertThat(this.slots.room()).isEqualTo(10 - 4 - 4);
		assertThat(this.slots.tryRun()).isTrue();
		Unit first = this.slots.next();
		assertThat(this.slots.room()).isEqualTo(10 - 1 - 4);
		assertThat(this.slots.next(first, 1).refill()).isTrue();
		assertThat(this.slots.room()).isEqualTo(10 - 1);
		this.slots.add(List.of(new Unit(null, List.of(item), new FirstItems(fetched, true)),
				new Unit(null, List.of(item), FirstItems.NONE)));
		assertThat(this.slots.room()).isEqualTo(10 - 1 - 4 - 1);
		this.slots.drain();
		assertThat(this.slots.room()).isEqualTo(10 - 1);
	}

	@Test
	void aThreadThatTakesTheLastOrderingKeyMakesRoom() {
		WorkSlots many = new WorkSlots(8, new ClaimAhead(8, 0), this.nanoTime::get);
		many.add(units(6));
		assertThat(many.tryRun()).isTrue();
		Unit first = many.next();
		for (int i = 0; i < 5; i++) {
			many.next();
		}
		ClaimedItem item = first.items().get(0);
		many.add(List.of(new Unit(null, List.of(item), new FirstItems(Collections.nCopies(4, item), true))));
		assertThat(many.room()).isZero();
		Turn turn = many.next(first, 1);
		assertThat(many.room()).isEqualTo(2);
		assertThat(turn.refill()).isFalse();
		assertThat(turn.waiting()).isFalse();
	}

	@Test
	void otherInstancesAreWokenOnceTheThreadsAreBusy() {
		assertThat(this.slots.hasFreeRunner()).isTrue();
		this.slots.add(units(2));
		assertThat(this.slots.hasFreeRunner()).isFalse();
	}

	@Test
	void aClaimWaitsForHalfOfTheRoomUnlessNothingIsLeftToDo() {
		this.slots.add(units(9));
		assertThat(this.slots.hasRefill()).isFalse();
		assertThat(this.slots.tryRun()).isTrue();
		Unit unit = this.slots.next();
		for (int i = 0; i < 3; i++) {
			Turn turn = this.slots.next(unit, 1);
			assertThat(turn.refill()).isFalse();
			assertThat(turn.waiting()).isTrue();
			unit = turn.next();
		}
		assertThat(this.slots.next(unit, 1).refill()).isTrue();
		assertThat(this.slots.hasRefill()).isTrue();
	}

	@Test
	void withoutAnythingWaitingEveryFreePlaceIsClaimed() {
		WorkSlots few = new WorkSlots(2, new ClaimAhead(2, 0), this.nanoTime::get);
		few.add(units(2));
		assertThat(few.hasRefill()).isFalse();
		assertThat(few.tryRun()).isTrue();
		Unit first = few.next();
		few.next();
		Turn turn = few.next(first, 1);
		assertThat(turn.refill()).isTrue();
		assertThat(turn.waiting()).isFalse();
		assertThat(turn.next()).isNull();
		assertThat(few.hasRefill()).isTrue();
	}

	@Test
	void roomGrowsAndShrinksWithTheTimeThatHandlersTake() {
		WorkSlots adaptive = new WorkSlots(2, new ClaimAhead(2, null), this.nanoTime::get);
		assertThat(adaptive.room()).isEqualTo(2);
		adaptive.add(units(2));
		adaptive.tryRun();
		Turn turn = adaptive.next(adaptive.next(), 1_000_000);
		assertThat(turn.refill()).isTrue();
		assertThat(adaptive.room()).isEqualTo(2 + 2 * 20 - 1);
		adaptive.add(units(40));
		adaptive.next(turn.next(), 60_000_000_000L);
		assertThat(adaptive.room()).isZero();
		assertThat(adaptive.hasRefill()).isFalse();
	}

	@Test
	void nothingWaitsForHandlersThatAllRunForLong() {
		WorkSlots adaptive = new WorkSlots(2, new ClaimAhead(2, null), this.nanoTime::get);
		List<Unit> units = units(6);
		adaptive.add(units.subList(0, 1));
		adaptive.tryRun();
		Unit first = adaptive.next(adaptive.next(), 1_000_000).next();
		assertThat(first).isNull();
		adaptive.add(units.subList(1, 6));
		adaptive.tryRun();
		adaptive.tryRun();
		Unit done = adaptive.next();
		this.nanoTime.addAndGet(2 * WorkSlots.LONG.toNanos());
		assertThat(adaptive.drainAfterSlow()).as("one handler is free").isEmpty();
		adaptive.next();
		this.nanoTime.addAndGet(WorkSlots.LONG.toNanos());
		assertThat(adaptive.drainAfterSlow()).as("not for long").isEmpty();
		this.nanoTime.incrementAndGet();
		assertThat(adaptive.drainAfterSlow()).containsExactlyElementsOf(units.subList(3, 6));
		assertThat(adaptive.room()).isZero();
		adaptive.next(done, 1_000_000);
		assertThat(adaptive.room()).isEqualTo(2 + 2 * 20 - 1);
	}

	@Test
	void whatTheUserWantsClaimedAheadWaits() {
		this.slots.add(units(6));
		this.slots.tryRun();
		this.slots.tryRun();
		this.slots.next();
		this.slots.next();
		this.nanoTime.addAndGet(2 * WorkSlots.LONG.toNanos());
		assertThat(this.slots.drainAfterSlow()).isEmpty();
		assertThat(this.slots.room()).isEqualTo(10 - 6);
	}

	@Test
	void noMoreThreadsRunThanTheConcurrencyAllowsOrThereIsToDo() {
		assertThat(this.slots.tryRun()).isFalse();
		this.slots.add(units(3));
		assertThat(this.slots.tryRun()).isTrue();
		assertThat(this.slots.tryRun()).isTrue();
		assertThat(this.slots.tryRun()).isFalse();
	}

	@Test
	void aThreadEndsWhenNothingIsLeftAndAnotherMayRun() {
		this.slots.add(units(1));
		assertThat(this.slots.tryRun()).isTrue();
		assertThat(this.slots.next()).isNotNull();
		assertThat(this.slots.next()).isNull();
		assertThat(this.slots.awaitIdle(Duration.ZERO)).isTrue();
		this.slots.add(units(1));
		assertThat(this.slots.tryRun()).isTrue();
	}

	@Test
	void aThreadThatCouldNotBeStartedLeavesItsPlace() {
		this.slots.add(units(5));
		this.slots.tryRun();
		this.slots.tryRun();
		this.slots.notRun();
		assertThat(this.slots.tryRun()).isTrue();
	}

	@Test
	void afterTheStopNothingIsHandedOutAndWhatWaitedIsReturned() {
		List<Unit> units = units(5);
		this.slots.add(units);
		this.slots.tryRun();
		this.slots.next();
		this.slots.stop();
		assertThat(this.slots.room()).isZero();
		assertThat(this.slots.hasRefill()).isFalse();
		assertThat(this.slots.awaitIdle(Duration.ZERO)).isFalse();
		assertThat(this.slots.next()).isNull();
		assertThat(this.slots.awaitIdle(Duration.ZERO)).isTrue();
		assertThat(this.slots.drain()).containsExactlyElementsOf(units.subList(1, 5));
		assertThat(this.slots.drain()).isEmpty();
	}

}
