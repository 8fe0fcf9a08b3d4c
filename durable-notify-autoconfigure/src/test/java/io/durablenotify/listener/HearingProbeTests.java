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

package io.durablenotify.listener;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

import io.durablenotify.listener.ListenerProperties.Probe;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link HearingProbe}, on a test clock.
 */
class HearingProbeTests {

	private static final long START = Long.MAX_VALUE - Duration.ofSeconds(1).toNanos();

	private final Queue<CompletableFuture<Long>> sent = new ArrayDeque<>();

	private final HearingProbe probe = new HearingProbe(new Probe(Duration.ofSeconds(10), Duration.ofSeconds(5)),
			() -> {
				CompletableFuture<Long> future = new CompletableFuture<>();
				this.sent.add(future);
				return future;
			}, START);

	@Test
	void isDueAtOnce() {
		assertThat(this.probe.isDue(at(0))).isTrue();
		assertThat(this.probe.untilDue(at(0))).isZero();
		assertThat(this.probe.isDue(at(0) - 1)).isFalse();
		assertThat(this.probe.outcome(at(0))).isNull();
		assertThat(this.probe.isDeaf()).isFalse();
	}

	@Test
	void isNotDueWhileOneIsInFlight() {
		this.probe.send();
		assertThat(this.sent).hasSize(1);
		assertThat(this.probe.isDue(at(1000))).isFalse();
		assertThat(this.probe.untilDue(at(1000))).isPositive();
		assertThat(this.probe.outcome(at(1000))).isNull();
	}

	@RepeatedTest(50)
	void aNotificationPutsTheNextProbeOffByTheIntervalAndAtMostHalfOfItMore() {
		this.probe.send();
		this.probe.heard(at(3));
		assertThat(this.probe.isDue(at(12.999))).isFalse();
		assertThat(this.probe.isDue(at(18.001))).isTrue();
		assertThat(this.probe.untilDue(at(3))).isBetween(Duration.ofSeconds(10), Duration.ofSeconds(15));
		assertThat(this.probe.outcome(at(100))).isNull();
	}

	@Test
	void instancesArePutOffDifferently() {
		assertThat(Stream.generate(() -> {
			this.probe.heard(at(0));
			return this.probe.untilDue(at(0));
		}).limit(50).distinct()).hasSizeGreaterThan(25);
	}

	@Test
	void aNotificationFromOthersPutsOffToo() {
		this.probe.heard(at(0));
		assertThat(this.probe.isDue(at(9.999))).isFalse();
		this.probe.heard(at(9));
		assertThat(this.probe.isDue(at(18.999))).isFalse();
		assertThat(this.sent).isEmpty();
	}

	@Test
	void aTokenThatCouldNotBeSentSaysNothingAboutHearing() {
		for (int i = 0; i < 5; i++) {
			this.probe.send();
			this.sent.remove().completeExceptionally(new IllegalStateException("No connection"));
			assertThat(this.probe.outcome(at(20 * i))).isEqualTo(ProbeOutcome.NOT_SENT);
			assertThat(this.probe.outcome(at(20 * i))).isNull();
			assertThat(this.probe.isDeaf()).isFalse();
			assertThat(this.probe.isDue(at(20 * i + 9.999))).isFalse();
			assertThat(this.probe.isDue(at(20 * i + 15.001))).isTrue();
		}
	}

	@Test
	void theTimeoutCountsFromTheCommit() {
		this.probe.send();
		// The pool took its time
		assertThat(this.probe.outcome(at(60))).isNull();
		this.sent.remove().complete(at(60));
		assertThat(this.probe.outcome(at(64.999))).isNull();
		assertThat(this.probe.outcome(at(65))).isEqualTo(ProbeOutcome.NOT_HEARD);
		assertThat(this.probe.outcome(at(65))).isNull();
	}

	@Test
	void isDeafAfterTwoInARowThatWereNotReceived() {
		notReceived(0);
		assertThat(this.probe.isDeaf()).isFalse();
		assertThat(this.probe.isDue(at(5))).isTrue();
		notReceived(5);
		assertThat(this.probe.isDeaf()).isTrue();
	}

	@Test
	void aNotificationInBetweenResetsTheCount() {
		notReceived(0);
		this.probe.heard(at(5));
		notReceived(20);
		assertThat(this.probe.isDeaf()).isFalse();
		notReceived(25);
		assertThat(this.probe.isDeaf()).isTrue();
	}

	@Test
	void oneThatCouldNotBeSentDoesNotInterruptTheRow() {
		notReceived(0);
		this.probe.send();
		this.sent.remove().completeExceptionally(new IllegalStateException("No connection"));
		assertThat(this.probe.outcome(at(6))).isEqualTo(ProbeOutcome.NOT_SENT);
		notReceived(30);
		assertThat(this.probe.isDeaf()).isTrue();
	}

	@Test
	void aTokenThatComesLateIsHearing() {
		notReceived(0);
		this.probe.send();
		this.probe.heard(at(6));
		assertThat(this.probe.isDeaf()).isFalse();
		assertThat(this.probe.isDue(at(15.999))).isFalse();
	}

	private void notReceived(double seconds) {
		this.probe.send();
		this.sent.remove().complete(at(seconds));
		assertThat(this.probe.outcome(at(seconds + 5))).isEqualTo(ProbeOutcome.NOT_HEARD);
	}

	/**
	 * Return a time on a clock that soon overflows, as {@link System#nanoTime()} may.
	 */
	private static long at(double seconds) {
		return START + (long) (seconds * 1_000_000_000);
	}

}
