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

package io.durablenotify.event;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.LongStream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what an instance remembers of runs, and others have changed since.
 */
class EventAppendHintTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture
	private static Instance other;

	@Test
	void followersReceiveWhatIsAppendedByTheShortestStatement() {
		RecordingEventHandler near = new RecordingEventHandler();
		RecordingEventHandler far = new RecordingEventHandler();
		append(instance, "followed");
		instance.events().follow("followed", 0, near);
		other.events().follow("followed", 0, far);
		for (int i = 2; i <= 10; i++) {
			append(instance, "followed");
			near.awaitEvents(i);
			far.awaitEvents(i);
		}
		near.assertGapFree(1, 10);
		far.assertGapFree(1, 10);
	}

	@Test
	void anotherInstanceAppendsInBetween() {
		known("in-turns");
		assertThat(append(other, "in-turns")).isEqualTo(6);
		assertThat(append(instance, "in-turns")).isEqualTo(7);
		assertThat(append(other, "in-turns")).isEqualTo(8);
		assertThat(append(instance, "in-turns")).isEqualTo(9);
		assertThat(append(instance, "in-turns")).isEqualTo(10);
		assertGapFree("in-turns", 10);
	}

	@Test
	void theLastEventsAreGoneAsAfterAFailover() {
		known("truncated");
		delete("truncated", 3);
		assertThat(append(instance, "truncated")).isEqualTo(3);
		delete("truncated", 3);
		assertThat(append(other, "truncated")).isEqualTo(3);
		assertThat(append(instance, "truncated")).isEqualTo(4);
		assertGapFree("truncated", 4);
	}

	@Test
	void anExpectedSequenceIsHeldAgainstTheTableNotAgainstWhatIsRemembered() {
		known("expected");
		delete("expected", 3);
		NewEvent event = NewEvent.of("expected", "event");
		assertThatExceptionOfType(StaleRunException.class).isThrownBy(() -> instance.events().append(event, 5));
		assertThat(instance.events().append(event, 2).sequence()).isEqualTo(3);
		assertThat(instance.events().append(event, 3).sequence()).isEqualTo(4);
		assertThat(instance.events().append(event, 4).sequence()).isEqualTo(5);
		assertThatExceptionOfType(StaleRunException.class).isThrownBy(() -> instance.events().append(event, 4));
		assertGapFree("expected", 5);
	}

	@Test
	void itWasDeletedAndCreatedAgainByAnotherInstance() {
		known("recreated");
		other.events().delete("recreated");
		for (int i = 1; i <= 5; i++) {
			append(other, "recreated");
		}
		RecordingEventHandler handler = new RecordingEventHandler();
		instance.events().follow("recreated", 0, handler);
		handler.awaitEvents(5);
		assertThat(append(instance, "recreated")).isEqualTo(6);
		handler.awaitEvents(6).assertGapFree(1, 6);
		other.events().delete("recreated");
		assertThat(append(instance, "recreated")).isOne();
	}

	@Test
	void aDuplicateIsFound() {
		known("duplicates");
		NewEvent suspension = NewEvent.of("duplicates", "step_created").correlationId("a");
		AppendResult created = instance.events().append(suspension);
		assertThat(created.sequence()).isEqualTo(6);
		known("duplicates", 7);
		assertThat(instance.events().append(suspension))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, created.eventId(), created.sequence()));
		NewEvent keyed = NewEvent.of("duplicates", "event").idempotencyKey("k");
		known("duplicates", 9);
		AppendResult stored = instance.events().append(keyed);
		known("duplicates", 12);
		assertThat(instance.events().append(keyed))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), stored.sequence()));
		known("duplicates", 14);
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> instance.events().append(NewEvent.of("duplicates", "another").idempotencyKey("k")));
		NewEvent both = suspension.idempotencyKey("k");
		known("duplicates", 16);
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> instance.events().append(both));
	}

	@Test
	void aRunThatIsLockedIsWaitedFor() {
		known("locked");
		CompletableFuture<Long> waiting = instance.transaction().execute((status) -> {
			instance.jdbc().execute("SELECT FROM durable_notify.workflow_runs WHERE run_id = 'locked' FOR UPDATE");
			CompletableFuture<Long> append = Background.supply(() -> append(instance, "locked"));
			database.awaitLockWait();
			return append;
		});
		assertThat(waiting.join()).isEqualTo(6);
	}

	@Test
	void aTableThatIsLockedIsWaitedForNoLongerThanARun() {
		try (Instance hasty = Instance.start(database, "durable-notify.events.append-timeout=200ms")) {
			for (int i = 1; i <= 5; i++) {
				assertThat(append(hasty, "table")).isEqualTo(i);
			}
			instance.transaction().executeWithoutResult((status) -> {
				instance.jdbc().execute("LOCK TABLE durable_notify.workflow_events IN SHARE MODE");
				assertThatExceptionOfType(RunLockedException.class).isThrownBy(() -> append(hasty, "table"));
			});
			assertThat(append(hasty, "table")).isEqualTo(6);
			assertGapFree("table", 6);
		}
	}

	@Test
	void whatATransactionAppendedMayBeRolledBack() {
		known("rolled-back");
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(append(instance, "rolled-back")).isEqualTo(6);
			status.setRollbackOnly();
		});
		assertThat(append(instance, "rolled-back")).isEqualTo(6);
		instance.events()
			.appendAll("rolled-back", List.of(NewEvent.of("rolled-back", "a"), NewEvent.of("rolled-back", "b")));
		assertThat(append(instance, "rolled-back")).isEqualTo(9);
		assertGapFree("rolled-back", 9);
	}

	/**
	 * Append by one instance, until it knows the last event.
	 */
	private static void known(String runId) {
		for (int i = 1; i <= 5; i++) {
			assertThat(append(instance, runId)).isEqualTo(i);
		}
	}

	private static void known(String runId, long first) {
		assertThat(append(instance, runId)).isEqualTo(first);
		assertThat(append(instance, runId)).isEqualTo(first + 1);
	}

	private static long append(Instance writer, String runId) {
		return writer.events().append(NewEvent.of(runId, "event")).sequence();
	}

	private static void delete(String runId, long first) {
		database.jdbc()
			.update("DELETE FROM durable_notify.workflow_events WHERE run_id = ? AND sequence >= ?", runId, first);
	}

	private static void assertGapFree(String runId, long last) {
		assertThat(other.events().read(runId, 0, 1000).events()).extracting(StoredEvent::sequence)
			.containsExactlyElementsOf(LongStream.rangeClosed(1, last).boxed().toList());
	}

}
