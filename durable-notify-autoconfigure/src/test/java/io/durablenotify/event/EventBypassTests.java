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
import java.util.function.Supplier;
import java.util.stream.Stream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.dao.ConcurrencyFailureException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for appends beside writers that do not lock the run.
 */
class EventBypassTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static EventLog log;

	static Stream<NewEvent> events() {
		return Stream.of(NewEvent.of("correlated", "step_created").correlationId("a"),
				NewEvent.of("uncorrelated", "step_created"),
				NewEvent.of("keyed", "step_started").correlationId("a").idempotencyKey("k"),
				NewEvent.of("all", "step_created").correlationId("a").idempotencyKey("k"));
	}

	@ParameterizedTest
	@MethodSource("events")
	void whatAnotherWriterInsertsInBetweenIsADuplicate(NewEvent event) {
		NewEvent mine = inRun(event, "/apart");
		raceWithInsert(mine, () -> log.append(mine));
	}

	@ParameterizedTest
	@MethodSource("events")
	void inATransactionTooWhichStaysUsable(NewEvent event) {
		NewEvent mine = inRun(event, "/joined");
		raceWithInsert(mine, () -> instance.transaction().execute((status) -> {
			AppendResult result = log.append(mine);
			log.append(NewEvent.of("usable", "step_started"));
			return result;
		}));
	}

	@ParameterizedTest
	@MethodSource("events")
	void inAListTheRestIsStored(NewEvent event) {
		NewEvent mine = inRun(event, "/list");
		NewEvent rest = NewEvent.of(mine.runId(), "step_failed");
		raceWithInsert(mine, () -> log.appendAll(mine.runId(), List.of(rest, mine, rest)).get(1));
		assertThat(log.read(mine.runId(), 1, 10).events()).extracting(StoredEvent::type)
			.containsExactly(mine.type(), "step_failed", "step_failed");
	}

	@ParameterizedTest
	@MethodSource("events")
	void inAListInATransactionToo(NewEvent event) {
		NewEvent mine = inRun(event, "/list-joined");
		NewEvent rest = NewEvent.of(mine.runId(), "step_failed");
		raceWithInsert(mine, () -> instance.transaction().execute((status) -> {
			log.append(NewEvent.of("before", "step_started"));
			return log.appendAll(mine.runId(), List.of(rest, mine, rest)).get(1);
		}));
	}

	@Test
	void anAppendWhoseSequenceWasTakenInBetweenTakesTheNext() {
		NewEvent mine = NewEvent.of("taken", "step_started");
		log.append(mine);
		CompletableFuture<AppendResult> append = instance.transaction().execute((status) -> {
			insert(NewEvent.of("taken", "theirs"), 2);
			CompletableFuture<AppendResult> waiting = Background.supply(() -> log.append(mine));
			database.awaitLockWait();
			return waiting;
		});
		assertThat(append.join().sequence()).isEqualTo(3);
	}

	@Test
	void inATransactionItIsARetryableFailure() {
		NewEvent mine = NewEvent.of("taken-joined", "step_started");
		log.append(mine);
		CompletableFuture<Void> append = instance.transaction().execute((status) -> {
			insert(NewEvent.of("taken-joined", "theirs"), 2);
			CompletableFuture<Void> waiting = Background.run(() -> instance.transaction()
				.executeWithoutResult((inner) -> assertThatExceptionOfType(ConcurrencyFailureException.class)
					.isThrownBy(() -> log.append(mine))
					.satisfies((ex) -> inner.setRollbackOnly())));
			database.awaitLockWait();
			return waiting;
		});
		append.join();
		assertThat(log.append(mine).sequence()).isEqualTo(3);
	}

	@Test
	void aRunWithoutAHeadGetsOne() {
		insert(NewEvent.of("headless", "step_created").correlationId("a"), 1);
		assertThat(log.append(NewEvent.of("headless", "step_created").correlationId("a")).outcome())
			.isEqualTo(Outcome.DUPLICATE);
		assertThat(log.append(NewEvent.of("headless", "step_started")).sequence()).isEqualTo(2);
	}

	private static NewEvent inRun(NewEvent event, String suffix) {
		NewEvent mine = NewEvent.of(event.runId() + suffix, event.type());
		if (event.correlationId() != null) {
			mine = mine.correlationId(event.correlationId());
		}
		return (event.idempotencyKey() != null) ? mine.idempotencyKey(event.idempotencyKey()) : mine;
	}

	/**
	 * The insert comes before ours, and is committed when ours waits for that.
	 */
	private static void raceWithInsert(NewEvent event, Supplier<AppendResult> append) {
		log.append(NewEvent.of(event.runId(), "first"));
		CompletableFuture<AppendResult> appended = instance.transaction().execute((status) -> {
			insert(event, 2);
			CompletableFuture<AppendResult> waiting = Background.supply(append);
			database.awaitLockWait();
			return waiting;
		});
		StoredEvent inserted = log.read(event.runId(), 1, 1).events().get(0);
		assertThat(appended.join()).isEqualTo(new AppendResult(Outcome.DUPLICATE, inserted.eventId(), 2));
	}

	private static void insert(NewEvent event, long sequence) {
		instance.jdbc()
			.update("INSERT INTO durable_notify.workflow_events "
					+ "(run_id, sequence, event_id, type, correlation_id, idempotency_key) "
					+ "VALUES (?, ?, gen_random_uuid(), ?, ?, ?)", event.runId(), sequence, event.type(),
					event.correlationId(), event.idempotencyKey());
	}

}
