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
import java.util.List;
import java.util.concurrent.TimeUnit;

import io.durablenotify.work.QueueProgress.Range;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * When and from where on a queue is claimed.
 */
class QueueProgressTests {

	private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

	private static final long CLOCK = 1_000_000_000;

	private final QueueProgress queue = new QueueProgress("mail", 1, Duration.ofSeconds(10), false);

	private long now = 5 * SECOND;

	private void claim(long nextDueMicros) {
		claim(CLOCK, nextDueMicros);
	}

	private void claim(long clockMicros, long nextDueMicros) {
		Range range = this.queue.begin(this.now);
		this.queue.claimed(new Claimed(null, true, false, clockMicros - 20_000, nextDueMicros, false, false, List.of()),
				range, this.now, 1);
	}

	@Test
	void theFirstClaimIsDueAtOnceAndSearchesEverything() {
		assertThat(this.queue.isDue(this.now)).isTrue();
		assertThat(this.queue.begin(this.now)).isEqualTo(new Range(Long.MIN_VALUE, Long.MAX_VALUE));
	}

	@Test
	void thenItIsDueAtThePollOrAtTheNextDueTime() {
		claim(-1);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(10 * SECOND);
		claim(3_000_000);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(3 * SECOND);
		this.now += 3 * SECOND;
		assertThat(this.queue.isDue(this.now)).isTrue();
	}

	@Test
	void aWakeUpForNowIsDueAndLowersTheBound() {
		claim(-1);
		this.queue.wake(CLOCK - 500_000, this.now);
		assertThat(this.queue.isDue(this.now)).isTrue();
		assertThat(this.queue.begin(this.now)).isEqualTo(new Range(CLOCK - 20_000, CLOCK - 500_000));
	}

	@Test
	void aWakeUpForLaterIsDueThen() {
		claim(-1);
		this.queue.wake(CLOCK + 2_000_000, this.now);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(2 * SECOND);
		this.queue.wake(CLOCK + 4_000_000, this.now);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(2 * SECOND);
		assertThat(this.queue.isNow(CLOCK + 1_000_000, this.now + SECOND)).isTrue();
		assertThat(this.queue.isNow(CLOCK + 1_000_001, this.now + SECOND)).isFalse();
	}

	@Test
	void theClockIsThatOfTheFastestAnswerOfTheLastTenSeconds() {
		claim(-1);
		this.now += 9 * SECOND;
		claim(CLOCK + 8_500_000, -1);
		assertThat(this.queue.isNow(CLOCK + 9_000_000, this.now)).isTrue();
		claim(CLOCK + 9_000_001, -1);
		assertThat(this.queue.isNow(CLOCK + 9_000_001, this.now)).isTrue();
		this.now += 11 * SECOND;
		claim(CLOCK + 19_500_000, -1);
		assertThat(this.queue.isNow(CLOCK + 19_500_000, this.now)).isTrue();
		assertThat(this.queue.isNow(CLOCK + 19_500_001, this.now)).isFalse();
	}

	@Test
	void aWakeUpDuringAClaimIsNotLost() {
		claim(-1);
		Range range = this.queue.begin(this.now);
		this.queue.wake(CLOCK - 500_000, this.now);
		this.queue.wake(CLOCK + 2_000_000, this.now);
		this.queue.claimed(new Claimed(null, true, false, CLOCK - 20_000, -1, false, false, List.of()), range, this.now,
				1);
		assertThat(this.queue.isDue(this.now)).isTrue();
		assertThat(this.queue.begin(this.now).hint()).isEqualTo(CLOCK - 500_000);
	}

	@Test
	void aLaterDueTimeThatCameDuringAClaimIsKept() {
		claim(-1);
		Range range = this.queue.begin(this.now);
		this.queue.wake(CLOCK + 2_000_000, this.now);
		this.queue.claimed(new Claimed(null, true, false, CLOCK - 20_000, -1, false, false, List.of()), range, this.now,
				1);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(2 * SECOND);
	}

	@Test
	void aClaimThatFailedKeepsItsHintAndIsRepeatedAfterAPause() {
		claim(-1);
		this.queue.wake(CLOCK - 500_000, this.now);
		Range range = this.queue.begin(this.now);
		this.queue.failed(range, this.now + SECOND);
		assertThat(this.queue.hasFailed()).isTrue();
		this.queue.wake(CLOCK - 400_000, this.now);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(SECOND);
		this.now += SECOND;
		assertThat(this.queue.isDue(this.now)).isTrue();
		assertThat(this.queue.begin(this.now)).isEqualTo(range);
		claim(-1);
		assertThat(this.queue.hasFailed()).isFalse();
	}

	@Test
	void aQueueThatIsPausedKeepsItsHintAndWaitsForThePoll() {
		claim(-1);
		this.queue.wake(CLOCK - 500_000, this.now);
		Range range = this.queue.begin(this.now);
		this.queue.claimed(new Claimed(null, false, false, 0, -1, false, false, List.of()), range, this.now, 1);
		assertThat(this.queue.nanosUntilDue(this.now)).isEqualTo(10 * SECOND);
		assertThat(this.queue.begin(this.now)).isEqualTo(range);
	}

	@Test
	void aClaimIsThePollsIfNothingElseHasLedToIt() {
		claim(12_000_000);
		this.now += 11 * SECOND;
		this.queue.begin(this.now);
		assertThat(this.queue.isPolled()).isTrue();
	}

	@Test
	void aClaimAfterTheNextDueTimeIsNotThePollsAlsoIfThatWasDueBefore() {
		claim(12_000_000);
		this.now += 13 * SECOND;
		this.queue.begin(this.now);
		assertThat(this.queue.isPolled()).isFalse();
	}

	@Test
	void aClaimAfterAWakeUpIsNotThePollsAlsoIfTheOneBeforeWasNotGranted() {
		claim(-1);
		this.queue.wake(CLOCK - 500_000, this.now);
		Range range = this.queue.begin(this.now);
		this.queue.claimed(new Claimed(null, false, false, 0, -1, false, true, List.of()), range, this.now, 1);
		this.now += 11 * SECOND;
		this.queue.begin(this.now);
		assertThat(this.queue.isPolled()).isFalse();
	}

	@Test
	void whereWakeUpsWereMissedEverythingIsSearched() {
		claim(-1);
		this.queue.resync();
		assertThat(this.queue.isDue(this.now)).isTrue();
		assertThat(this.queue.begin(this.now).hint()).isEqualTo(Long.MIN_VALUE);
	}

}
