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
import java.util.Map;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link OtherLeases}.
 */
class OtherLeasesTests {

	private static final Duration LONG_AGO = Duration.ofDays(1);

	private final OtherLeases others = new OtherLeases(seconds(30));

	private static Duration seconds(double seconds) {
		return Duration.ofMillis((long) (seconds * 1000));
	}

	private void seen(double... left) {
		for (double each : left) {
			this.others.seen(Map.of(7L, seconds(each)), Duration.ZERO);
		}
	}

	@Test
	void withoutOthersThereIsNothingToTakeOver() {
		assertThat(this.others.untilNext(LONG_AGO)).isNull();
		assertThat(this.others.runOut(LONG_AGO)).isEmpty();
	}

	@Test
	void anInstanceIsTakenOverFromWhenItsLeaseHasRunOut() {
		seen(5);
		assertThat(this.others.untilNext(LONG_AGO)).isEqualTo(seconds(5));
		assertThat(this.others.runOut(LONG_AGO)).isEmpty();
		seen(0);
		assertThat(this.others.untilNext(LONG_AGO)).isLessThanOrEqualTo(Duration.ZERO);
		assertThat(this.others.runOut(LONG_AGO)).containsExactly(7L);
	}

	@Test
	void afterAnOutageAnInstanceOfWhichNoRenewalWasSeenHasTheTimeOfALease() {
		seen(5, 2, -1);
		assertThat(this.others.untilNext(seconds(10))).isEqualTo(seconds(20));
		assertThat(this.others.runOut(seconds(29.9))).isEmpty();
		assertThat(this.others.runOut(seconds(30))).containsExactly(7L);
	}

	@Test
	void afterAnOutageAnInstanceHasTwiceTheTimeOfTheLeaseThatItWasSeenToRenew() {
		seen(1.4, 1.9, 0.7, 1.5, -8);
		assertThat(this.others.untilNext(seconds(1))).isEqualTo(seconds(2.8));
		assertThat(this.others.runOut(seconds(3.7))).isEmpty();
		assertThat(this.others.runOut(seconds(3.8))).containsExactly(7L);
	}

	@Test
	void anInstanceThatRenewsInStepWithThisOneIsSeenToRenew() {
		this.others.seen(Map.of(7L, seconds(2)), seconds(100));
		this.others.seen(Map.of(7L, seconds(1.998)), seconds(101));
		this.others.seen(Map.of(7L, seconds(-5)), seconds(110));
		assertThat(this.others.untilNext(Duration.ZERO)).isEqualTo(seconds(3.996));
	}

	@Test
	void noInstanceIsWaitedForLongerThanALease() {
		seen(50, 60, -1);
		assertThat(this.others.runOut(seconds(30))).containsExactly(7L);
	}

	@Test
	void whatWasSeenOfAnInstanceThatIsRemovedIsForgotten() {
		seen(1, 2);
		this.others.seen(Map.of(), Duration.ZERO);
		seen(-1);
		assertThat(this.others.untilNext(Duration.ZERO)).isEqualTo(seconds(30));
	}

	@Test
	void anInstanceFromWhichNothingCouldBeTakenOverIsPutOff() {
		this.others.seen(Map.of(7L, seconds(-5), 8L, seconds(-4)), seconds(100));
		this.others.putOff(7, seconds(10));
		assertThat(this.others.runOut(LONG_AGO)).containsExactly(8L);
		this.others.seen(Map.of(7L, seconds(-8)), seconds(103));
		assertThat(this.others.untilNext(LONG_AGO)).isEqualTo(seconds(7));
		this.others.seen(Map.of(7L, seconds(-15)), seconds(110));
		assertThat(this.others.runOut(LONG_AGO)).containsExactly(7L);
	}

	@Test
	void eachInstanceHasATimeOfItsOwn() {
		this.others.seen(Map.of(1L, seconds(1), 2L, seconds(20)), Duration.ZERO);
		this.others.seen(Map.of(1L, seconds(2), 2L, seconds(30)), Duration.ZERO);
		this.others.seen(Map.of(1L, seconds(-9), 2L, seconds(-9)), Duration.ZERO);
		assertThat(this.others.untilNext(seconds(5))).isEqualTo(seconds(-1));
		assertThat(this.others.runOut(seconds(5))).containsExactly(1L);
		assertThat(this.others.runOut(seconds(30))).containsExactlyInAnyOrder(1L, 2L);
	}

}
