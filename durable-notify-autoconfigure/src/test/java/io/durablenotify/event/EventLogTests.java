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

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.InvalidDataAccessResourceUsageException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link EventLog}: appending and reading.
 */
class EventLogTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.events.max-payload-size=600KB")
	private static Instance instance;

	@Fixture
	private static EventLog log;

	@Test
	void eventsAreNumberedFromOneAndComeBackAsTheyWereGiven() {
		String json = " {\"b\":1,  \"a\":[\"ä\\n😀\", \"\\u0000\\ud800\"], \"b\":2}\n";
		AppendResult first = log.append(NewEvent.of("given", "run_created"));
		AppendResult second = log
			.append(NewEvent.of("given", "step_created").correlationId("step 1").payload(json).idempotencyKey("key 1"));
		assertThat(first.outcome()).isEqualTo(Outcome.APPENDED);
		assertThat(List.of(first.sequence(), second.sequence())).containsExactly(1L, 2L);
		EventPage page = log.read("given", 0, 10);
		assertThat(page.events()).hasSize(2);
		StoredEvent created = page.events().get(0);
		assertThat(created).isEqualTo(new StoredEvent("given", 1, first.eventId(), "run_created", null, null, null,
				created.createdAt(), Map.of()));
		StoredEvent step = page.events().get(1);
		assertThat(step).isEqualTo(new StoredEvent("given", 2, second.eventId(), "step_created", "step 1", json,
				"key 1", step.createdAt(), Map.of()));
		assertThat(page.afterSequence()).isEqualTo(2);
		assertThat(page.hasMore()).isFalse();
	}

	@ParameterizedTest
	@ValueSource(strings = { "step_created", "wait_created", "hook_created", "run_created" })
	void aSuspensionIsStoredOncePerCorrelationIdAndOnceWithoutAny(String type) {
		String run = "once/" + type;
		AppendResult stored = log.append(NewEvent.of(run, type).correlationId("a"));
		assertThat(log.append(NewEvent.of(run, type).correlationId("a").payload("1")))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), 1));
		assertThat(log.append(NewEvent.of(run, type).correlationId("b")).outcome()).isEqualTo(Outcome.APPENDED);
		AppendResult uncorrelated = log.append(NewEvent.of(run, type));
		assertThat(uncorrelated.sequence()).isEqualTo(3);
		assertThat(log.append(NewEvent.of(run, type)))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, uncorrelated.eventId(), 3));
		assertThat(log.append(NewEvent.of(run + "/other", type).correlationId("a")).outcome())
			.isEqualTo(Outcome.APPENDED);
		assertThat(log.read(run, 0, 10).events()).hasSize(3);
	}

	@Test
	void suspensionsOfOneCorrelationIdThatDifferInTypeAreNoDuplicates() {
		for (String type : List.of("step_created", "wait_created", "hook_created", "run_created")) {
			assertThat(log.append(NewEvent.of("types", type).correlationId("a")).outcome()).isEqualTo(Outcome.APPENDED);
		}
	}

	@Test
	void otherTypesRepeatFreely() {
		for (int i = 1; i <= 3; i++) {
			assertThat(log.append(NewEvent.of("repeat", "step_started").correlationId("a")).sequence())
				.isEqualTo(2 * i - 1);
			assertThat(log.append(NewEvent.of("repeat", "step_retrying")).sequence()).isEqualTo(2 * i);
		}
	}

	@Test
	void anIdempotencyKeyIsStoredOncePerRun() {
		AppendResult stored = log.append(NewEvent.of("key", "hook_received").correlationId("h").idempotencyKey("k"));
		assertThat(log.append(NewEvent.of("key", "hook_received").correlationId("h").idempotencyKey("k").payload("1")))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), 1));
		assertThat(log.append(NewEvent.of("key", "hook_received").correlationId("h").idempotencyKey("l")).sequence())
			.isEqualTo(2);
		assertThat(
				log.append(NewEvent.of("key/other", "hook_received").correlationId("h").idempotencyKey("k")).outcome())
			.isEqualTo(Outcome.APPENDED);
	}

	static Stream<NewEvent> eventsOfAnotherKind() {
		return Stream.of(NewEvent.of("key-conflict", "hook_received").correlationId("other"),
				NewEvent.of("key-conflict", "hook_received"),
				NewEvent.of("key-conflict", "step_created").correlationId("h"),
				NewEvent.of("key-conflict", "step_created"), NewEvent.of("key-conflict", "step_failed"));
	}

	@ParameterizedTest
	@MethodSource("eventsOfAnotherKind")
	void aKeyOfAnEventOfAnotherKindIsRefusedAndNothingIsStored(NewEvent event) {
		log.append(NewEvent.of("key-conflict", "hook_received").correlationId("h").idempotencyKey("k"));
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> log.append(event.idempotencyKey("k")))
			.withMessageContaining(
					"Idempotency key 'k' of run 'key-conflict' was given for event '" + event.type() + "'")
			.withMessageContaining("belongs to event 'hook_received' of correlation id 'h', stored with sequence 1")
			.withMessageContaining("nothing was stored");
		assertThat(log.read("key-conflict", 0, 10).events()).hasSize(1);
	}

	@Test
	void aSuspensionThatIsThereIsADuplicateWithAnyKey() {
		AppendResult stored = log.append(NewEvent.of("both", "step_created").correlationId("a").idempotencyKey("k"));
		for (NewEvent event : List.of(NewEvent.of("both", "step_created").correlationId("a"),
				NewEvent.of("both", "step_created").correlationId("a").idempotencyKey("k"),
				NewEvent.of("both", "step_created").correlationId("a").idempotencyKey("another"))) {
			assertThat(log.append(event)).isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), 1));
		}
		// Nothing of the duplicate is left, its key included
		assertThat(log.append(NewEvent.of("both", "step_failed").idempotencyKey("another")).sequence()).isEqualTo(2);
	}

	@Test
	void anAppendIsFencedByTheSequenceThatTheCallerHasSeen() {
		assertThatExceptionOfType(StaleRunException.class)
			.isThrownBy(() -> log.append(NewEvent.of("fence", "step_failed"), 1))
			.withMessage("Run 'fence' was expected to end with sequence 1, but ends with 0; nothing was stored.");
		assertThat(log.append(NewEvent.of("fence", "run_created"), 0).sequence()).isOne();
		assertThat(log.append(NewEvent.of("fence", "step_failed"), 1).sequence()).isEqualTo(2);
		for (long seen : new long[] { 0, 1, 3 }) {
			assertThatExceptionOfType(StaleRunException.class)
				.isThrownBy(() -> log.append(NewEvent.of("fence", "step_failed"), seen))
				.satisfies((ex) -> assertThat(List.of(ex.getRunId(), ex.getExpectedSequence(), ex.getActualSequence()))
					.containsExactly("fence", seen, 2L));
		}
		assertThat(log.read("fence", 0, 10).events()).hasSize(2);
	}

	@Test
	void aRefusedFirstEventLeavesNoRunBehind() {
		// The next one is stored without a look at what is there
		log.append(NewEvent.of("before-never", "step_failed"));
		assertThatExceptionOfType(StaleRunException.class)
			.isThrownBy(() -> log.append(NewEvent.of("never", "step_failed"), 7));
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_runs WHERE run_id = 'never'", Long.class))
			.isZero();
	}

	@Test
	void aFencedAppendCanBeRepeatedThoughTheRunHasMovedOn() {
		AppendResult stored = log.append(NewEvent.of("retry", "run_created"), 0);
		AppendResult keyed = log.append(NewEvent.of("retry", "step_failed").idempotencyKey("k"), 1);
		log.append(NewEvent.of("retry", "step_failed"));
		assertThat(log.append(NewEvent.of("retry", "run_created"), 0))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, stored.eventId(), 1));
		assertThat(log.append(NewEvent.of("retry", "step_failed").idempotencyKey("k"), 1))
			.isEqualTo(new AppendResult(Outcome.DUPLICATE, keyed.eventId(), 2));
	}

	@Test
	void aListIsStoredTogetherAndItsDuplicatesNameWhatTheyDouble() {
		AppendResult there = log.append(NewEvent.of("list", "step_created").correlationId("there"));
		List<AppendResult> results = log.appendAll("list",
				List.of(NewEvent.of("list", "step_created").correlationId("a").payload("1"),
						NewEvent.of("list", "step_created").correlationId("there"),
						NewEvent.of("list", "step_created").correlationId("a").idempotencyKey("unused"),
						NewEvent.of("list", "step_started").idempotencyKey("k"), NewEvent.of("list", "step_started"),
						NewEvent.of("list", "step_started").idempotencyKey("k"), NewEvent.of("list", "run_created"),
						NewEvent.of("list", "run_created")));
		assertThat(results).extracting(AppendResult::outcome)
			.containsExactly(Outcome.APPENDED, Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.APPENDED, Outcome.APPENDED,
					Outcome.DUPLICATE, Outcome.APPENDED, Outcome.DUPLICATE);
		assertThat(results).extracting(AppendResult::sequence).containsExactly(2L, 1L, 2L, 3L, 4L, 3L, 5L, 5L);
		List<StoredEvent> events = log.read("list", 0, 100).events();
		assertThat(events).extracting(StoredEvent::sequence).containsExactly(1L, 2L, 3L, 4L, 5L);
		assertThat(results).allSatisfy(
				(result) -> assertThat(events.get((int) result.sequence() - 1).eventId()).isEqualTo(result.eventId()));
		assertThat(results.get(1).eventId()).isEqualTo(there.eventId());
		assertThat(log.appendAll("list", List.of(NewEvent.of("list", "step_created").correlationId("a"))))
			.containsExactly(new AppendResult(Outcome.DUPLICATE, results.get(0).eventId(), 2));
	}

	@Test
	void aLongListIsStoredInItsOrder() {
		List<NewEvent> events = IntStream.range(0, 3_000)
			.mapToObj((i) -> NewEvent.of("long-list", "step_created").correlationId("c" + i % 2_000))
			.toList();
		List<AppendResult> results = log.appendAll("long-list", events);
		for (int i = 0; i < 3_000; i++) {
			assertThat(results.get(i).sequence()).isEqualTo(i % 2_000 + 1);
			assertThat(results.get(i).outcome()).isEqualTo((i < 2_000) ? Outcome.APPENDED : Outcome.DUPLICATE);
			assertThat(results.get(i).eventId()).isEqualTo(results.get(i % 2_000).eventId());
		}
		assertThat(log.read("long-list", 0, 3_000).events()).extracting(StoredEvent::correlationId)
			.containsExactlyElementsOf(IntStream.range(0, 2_000).mapToObj((i) -> "c" + i).toList());
		assertThat(log.appendAll("long-list", events)).extracting(AppendResult::outcome)
			.containsOnly(Outcome.DUPLICATE);
	}

	@Test
	void anEmptyListHasNoResultsAndLeavesNoRunBehind() {
		assertThat(log.appendAll("empty-list", List.of())).isEmpty();
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_runs WHERE run_id = 'empty-list'",
					Long.class))
			.isZero();
	}

	@Test
	void aListWithAKeyOfAnotherEventIsRefusedAsAWhole() {
		log.append(NewEvent.of("list-key", "hook_received").idempotencyKey("k"));
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> log.appendAll("list-key",
					List.of(NewEvent.of("list-key", "step_started"),
							NewEvent.of("list-key", "step_started").idempotencyKey("k"))))
			.withMessageContaining("belongs to event 'hook_received' without correlation id, stored with sequence 1");
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> log.appendAll("list-key",
					List.of(NewEvent.of("list-key", "step_created"),
							NewEvent.of("list-key", "step_created").idempotencyKey("k"))))
			.withMessageContaining("stored with sequence 1");
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> log.appendAll("list-key",
					List.of(NewEvent.of("list-key", "step_started").idempotencyKey("l"),
							NewEvent.of("list-key", "step_failed").idempotencyKey("l"))))
			.withMessageContaining("belongs to event 'step_started' without correlation id of the same list");
		assertThat(log.read("list-key", 0, 10).events()).hasSize(1);
	}

	@Test
	void aListWithAnEventOfAnotherRunIsRefused() {
		assertThatIllegalArgumentException()
			.isThrownBy(() -> log.appendAll("mine", List.of(NewEvent.of("mine", "a"), NewEvent.of("theirs", "b"))))
			.withMessage("Event 'b' is of run 'theirs', not of run 'mine'");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> log.appendAll("mine",
					IntStream.rangeClosed(0, 10_000).mapToObj((i) -> NewEvent.of("mine", "a")).toList()))
			.withMessageContaining("at most 10000 events, but has 10001");
		assertThat(log.read("mine", 0, 10).events()).isEmpty();
	}

	@Test
	void aRunIsReadPageByPage() {
		log.appendAll("pages", IntStream.range(0, 25).mapToObj((i) -> NewEvent.of("pages", "e" + i)).toList());
		List<String> types = new ArrayList<>();
		EventPage page = log.read("pages", 0, 10);
		assertThat(page.events()).hasSize(10);
		while (true) {
			page.events().forEach((event) -> types.add(event.type()));
			if (!page.hasMore()) {
				break;
			}
			page = log.read("pages", page.afterSequence(), 10);
		}
		assertThat(types).containsExactlyElementsOf(IntStream.range(0, 25).mapToObj((i) -> "e" + i).toList());
		assertThat(page.afterSequence()).isEqualTo(25);
		assertThat(log.read("pages", 15, 10).hasMore()).isFalse();
		assertThat(log.read("pages", 25, 10)).isEqualTo(new EventPage(List.of(), 25, false));
		assertThat(log.read("pages", 100, 10)).isEqualTo(new EventPage(List.of(), 100, false));
		assertThat(log.read("unknown", 3, 10)).isEqualTo(new EventPage(List.of(), 3, false));
	}

	@Test
	void aPageEndsWithTheEventThatFillsIt() {
		String large = "\"" + "x".repeat(500_000) + "\"";
		for (int i = 0; i < 12; i++) {
			log.append(NewEvent.of("large", "e").payload(large).correlationId("c"));
		}
		EventPage page = log.read("large", 0, 100);
		assertThat(page.events()).hasSize(9);
		assertThat(page.hasMore()).isTrue();
		assertThat(log.read("large", page.afterSequence(), 100).events()).hasSize(3);
		assertThat(log.findByCorrelation("large", "c")).hasSize(12)
			.allSatisfy((event) -> assertThat(event.payload()).isEqualTo(large));
	}

	@Test
	void theEventsOfACorrelationIdAreFoundInOrder() {
		log.appendAll("correlated", List.of(NewEvent.of("correlated", "step_created").correlationId("a"),
				NewEvent.of("correlated", "step_created").correlationId("b"),
				NewEvent.of("correlated", "step_started").correlationId("a"), NewEvent.of("correlated", "step_started"),
				NewEvent.of("correlated", "step_completed").correlationId("a")));
		assertThat(log.findByCorrelation("correlated", "a")).extracting(StoredEvent::type)
			.containsExactly("step_created", "step_started", "step_completed");
		assertThat(log.findByCorrelation("correlated", "c")).isEmpty();
		assertThat(log.findByCorrelation("uncorrelated", "a")).isEmpty();
	}

	@Test
	void aCorrelationIdWithTooManyEventsIsLeftToPages() {
		List<NewEvent> events = IntStream.range(0, 10_000)
			.mapToObj((i) -> NewEvent.of("many", "e").correlationId("c"))
			.toList();
		log.appendAll("many", events);
		assertThat(log.findByCorrelation("many", "c")).hasSize(10_000);
		log.append(events.get(0));
		assertThatExceptionOfType(InvalidDataAccessResourceUsageException.class)
			.isThrownBy(() -> log.findByCorrelation("many", "c"))
			.withMessageContaining("more than 10000 events");
		assertThat(log.read("many", 0, 10_000).hasMore()).isTrue();
	}

	@Test
	void badArgumentsAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> log.append(NewEvent.of("bad", "a"), -1))
			.withMessageContaining("Sequence -1 is negative");
		assertThatIllegalArgumentException().isThrownBy(() -> log.read("bad", -1, 10));
		assertThatIllegalArgumentException().isThrownBy(() -> log.read("bad", 0, 0));
		assertThatIllegalArgumentException().isThrownBy(() -> log.read("bad", 0, 10_001));
		assertThatIllegalArgumentException().isThrownBy(() -> log.read("bad run", 0, 1));
		assertThatIllegalArgumentException().isThrownBy(() -> log.findByCorrelation("bad", ""));
		assertThatIllegalArgumentException().isThrownBy(() -> log.appendAll("bad run", List.of()));
		assertThatIllegalArgumentException()
			.isThrownBy(() -> log.append(NewEvent.of("bad", "a").payload("\"" + "ä".repeat(307_200) + "\"")))
			.withMessageContaining("Payload for run 'bad' must have at most 614400 bytes "
					+ "(durable-notify.events.max-payload-size), but has 614402");
		assertThat(log.read("bad", 0, 10).events()).isEmpty();
	}

	@Test
	void theLongestTextsAreStoredAndFound() {
		String character = "😀";
		String run = character.repeat(255);
		NewEvent event = NewEvent.of(run, "step_created").correlationId(random(255, 1)).idempotencyKey(random(255, 2));
		NewEvent typed = NewEvent.of(run, random(128, 3)).correlationId(random(255, 4)).idempotencyKey(random(255, 5));
		assertThat(log.append(event).outcome()).isEqualTo(Outcome.APPENDED);
		assertThat(log.append(typed).outcome()).isEqualTo(Outcome.APPENDED);
		assertThat(log.append(event).outcome()).isEqualTo(Outcome.DUPLICATE);
		assertThat(log.append(typed).outcome()).isEqualTo(Outcome.DUPLICATE);
		assertThat(log.findByCorrelation(run, String.valueOf(typed.correlationId()))).hasSize(1);
	}

	/**
	 * Of four bytes each, and not to be compressed.
	 */
	private static String random(int length, int seed) {
		return new Random(seed).ints(length, 0x20000, 0x2a6d0)
			.collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
			.toString();
	}

	@Test
	void anAppendToAKnownRunIsOneRoundTripAndTheFirstDuplicateTwo() {
		CountingDataSource counting = CountingDataSource.of(instance);
		EventLog counted = counting.eventLog();
		counted.append(NewEvent.of("trips", "run_created"));
		assertThat(counting.takeCount()).isEqualTo(2);
		counted.append(NewEvent.of("trips", "step_created").correlationId("a"));
		assertThat(counting.takeCount()).isOne();
		counted.append(NewEvent.of("trips", "step_created").correlationId("a"));
		assertThat(counting.takeCount()).isEqualTo(2);
		counted.append(NewEvent.of("trips", "step_created").correlationId("a"));
		counted.append(NewEvent.of("trips", "step_started").correlationId("a"));
		counted.append(NewEvent.of("trips", "step_started").idempotencyKey("k"), 3);
		assertThat(counting.takeCount()).isEqualTo(3);
		counted.append(NewEvent.of("trips", "step_started").idempotencyKey("k"), 3);
		counted.appendAll("trips", List.of(NewEvent.of("trips", "a"), NewEvent.of("trips", "b")));
		assertThat(counting.takeCount()).isEqualTo(3);
	}

}
