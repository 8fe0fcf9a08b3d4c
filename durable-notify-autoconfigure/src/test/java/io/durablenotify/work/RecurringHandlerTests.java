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
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.List;

import io.durablenotify.testsupport.TestItem;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.scheduling.support.CronExpression;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link RecurringHandler}.
 */
@ExtendWith(OutputCaptureExtension.class)
class RecurringHandlerTests {

	private static final Recurrence HOURLY = new Recurrence("cron/report", "report",
			new CronSchedule(CronExpression.parse("0 0 * * * *"), ZoneId.of("UTC")));

	private Duration took = Duration.ZERO;

	private final TestItem item = new TestItem("cron/report").key("cron/report")
		.claimedAt(Instant.parse("2026-01-10T12:00:00Z"));

	@Test
	void aRunIsFollowedByTheNextTime() throws Exception {
		assertThat(handle(WorkOutcome.done(), this.item)).isEqualTo(again("2026-01-10T13:00:00Z"));
	}

	@Test
	void anItemOfOtherRecurringWorkIsRemovedWithoutARun(CapturedOutput output) throws Exception {
		WorkItem other = new TestItem("cron/report").key("cron/before").header(Recurrence.HEADER, "0 0 * * * *");
		assertThat(handler((item) -> {
			throw new AssertionError(item);
		}).handle(other)).isEqualTo(WorkOutcome.done());
		assertThat(output).contains("The item 'cron/before' of queue 'cron/report' is removed without a run: recurring "
				+ "work 'report' has that queue now");
	}

	@Test
	void missedTimesAreCaughtUpOnce() throws Exception {
		TestItem late = this.item.claimedAt(Instant.parse("2026-01-12T07:10:00Z"));
		assertThat(handle(WorkOutcome.done(), late)).isEqualTo(again("2026-01-12T08:00:00Z"));
	}

	@Test
	void theScheduleOfAnotherVersionThatIsStoredWithTheItemCounts() throws Exception {
		for (String schedule : List.of("0 30 * * * * in UTC", "30 12 in UTC", "0 0 * * * * in Nowhere", "")) {
			TestItem item = this.item.header("cron", schedule);
			assertThat(handle(WorkOutcome.done(), item))
				.isEqualTo(again((schedule.startsWith("0 30")) ? "2026-01-10T12:30:00Z" : "2026-01-10T13:00:00Z"));
		}
	}

	@Test
	void aFastClockOfTheJvmLeavesNothingOutAndASlowOneRunsNothingTwice() throws Exception {
		Instant hour = Instant.now().truncatedTo(ChronoUnit.HOURS);
		for (Instant claimed : List.of(hour.minus(90, ChronoUnit.MINUTES), hour.plus(90, ChronoUnit.MINUTES))) {
			assertThat(handle(WorkOutcome.done(), this.item.claimedAt(claimed)))
				.isEqualTo(WorkOutcome.again(claimed.plus(30, ChronoUnit.MINUTES)));
		}
	}

	@Test
	void theTimesDuringALongRunAreCaughtUpByTheNextOne() throws Exception {
		Claim claim = new Claim(ChronoUnit.MICROS.between(Instant.EPOCH, this.item.claimedAt()), 1);
		ClaimedItem claimed = new ClaimedItem(1, 0, 0, 0, false, "cron/report", Instant.EPOCH, null, new byte[0], -1);
		HeldItem held = new HeldItem(new HeldClaim(claim, null, null, List.of(claimed)), null, claimed, null);
		this.took = Duration.ofMinutes(150);
		assertThat(handle(WorkOutcome.done(), held)).isEqualTo(again("2026-01-10T15:00:00Z"));
	}

	@Test
	void whatTheHandlerAsksForIsDone() throws Exception {
		for (WorkOutcome outcome : List.of(WorkOutcome.postpone(Duration.ofSeconds(1)),
				WorkOutcome.again(Instant.EPOCH), WorkOutcome.fail("not yet"))) {
			assertThat(handle(outcome, this.item)).isEqualTo(outcome);
		}
	}

	@Test
	void anItemThatTheApplicationHasEnqueuedIsHandledOnce() throws Exception {
		assertThat(handle(WorkOutcome.done(), this.item.key("now"))).isEqualTo(WorkOutcome.done());
		assertThat(handle(WorkOutcome.failPermanently("no"), this.item.key(null)))
			.isEqualTo(WorkOutcome.failPermanently("no"));
	}

	@Test
	void anItemOfOtherRecurringWorkIsNotHandled() throws Exception {
		TestItem other = this.item.key("cron/renamed");
		assertThat(handle(WorkOutcome.fail("no"), other.header("cron", "@daily in UTC"))).isEqualTo(WorkOutcome.done());
		assertThat(handle(WorkOutcome.fail("no"), other)).isEqualTo(WorkOutcome.fail("no"));
	}

	@Test
	void aRunThatFailsIsRetried() {
		assertThatExceptionOfType(IllegalArgumentException.class)
			.isThrownBy(() -> handle(new IllegalArgumentException("expected"), this.item.attempt(2)));
	}

	@Test
	void aRunWhoseLastAttemptFailsIsLoggedAndFollowedByTheNextTime(CapturedOutput output) {
		assertThat(lastFailed(this.item.attempt(3), new IllegalArgumentException("expected")))
			.isEqualTo("2026-01-10T13:00:00Z");
		assertThat(lastFailed(this.item.attempt(4), null)).isEqualTo("2026-01-10T13:00:00Z");
		assertThat(output)
			.contains("Recurring work 'report' has failed at attempt 3, and runs again at 2026-01-10T13:00:00Z: reason",
					"java.lang.IllegalArgumentException: expected")
			.contains(
					"Recurring work 'report' has failed at attempt 4, and runs again at 2026-01-10T13:00:00Z: reason");
	}

	@Test
	void aRunWhoseFailureCannotSayItsMessageIsFollowedByTheNextTime() {
		assertThat(lastFailed(this.item, new SilentException())).isEqualTo("2026-01-10T13:00:00Z");
	}

	@Test
	void anItemThatTheApplicationHasEnqueuedIsDeadAfterItsLastAttempt() {
		assertThat(lastFailed(this.item.key("now"), null)).isNull();
		assertThat(lastFailed(this.item.key(null), null)).isNull();
	}

	private @Nullable Instant lastFailed(WorkItem item, @Nullable Throwable failure) {
		return handler((handled) -> WorkOutcome.done()).lastFailed(item, "reason", failure);
	}

	private static WorkOutcome again(String dueAt) {
		return WorkOutcome.again(Instant.parse(dueAt));
	}

	private WorkOutcome handle(WorkOutcome outcome, WorkItem item) throws Exception {
		return handler((handled) -> outcome).handle(item);
	}

	private WorkOutcome handle(Throwable failure, WorkItem item) throws Exception {
		return handler((handled) -> {
			if (failure instanceof Error error) {
				throw error;
			}
			throw (Exception) failure;
		}).handle(item);
	}

	private RecurringHandler handler(WorkHandler handler) {
		return new RecurringHandler(HOURLY, handler, () -> System.nanoTime() + this.took.toNanos());
	}

	@SuppressWarnings("serial")
	private static final class SilentException extends RuntimeException {

		@Override
		public String getMessage() {
			throw new IllegalArgumentException("It has none");
		}

	}

}
