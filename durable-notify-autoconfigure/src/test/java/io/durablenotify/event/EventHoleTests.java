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

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for followers and pages of runs that have lost events which the API never
 * removes.
 */
class EventHoleTests {

	private static final int EVENTS = 5_000;

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static EventLog log;

	@Fixture(properties = "durable-notify.poll.interval=200ms")
	private static Instance instance;

	private static void store(String run, int bytes) {
		database.jdbc().update("INSERT INTO durable_notify.workflow_runs (run_id) VALUES (?)", run);
		database.jdbc()
			.update("INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type, payload) "
					+ "SELECT ?, i, gen_random_uuid(), 'step', to_json(repeat('x', ?)) FROM generate_series(1, ?) AS i",
					run, bytes, EVENTS);
	}

	private static void remove(String run, int first, int last) {
		assertThat(database.jdbc()
			.update("DELETE FROM durable_notify.workflow_events WHERE run_id = ? AND sequence BETWEEN ? AND ?", run,
					first, last))
			.isEqualTo(last - first + 1);
	}

	@ParameterizedTest
	@CsvSource({ "5, 5", "1, 1", "1, 4499", "1, 4999", "1025, 2048", "1000, 4499", "1000, 4999", "4999, 4999" })
	void aHoleIsAnErrorToFollowersAndPages(int first, int last) {
		String run = "hole/" + first + "/" + last;
		store(run, 10);
		remove(run, first, last);
		String message = "Run '%s' has lost events: expected sequence %d, but %d was found".formatted(run, first,
				last + 1);
		RecordingEventHandler handler = new RecordingEventHandler();
		log.follow(run, 0, handler);
		RecordingEventHandler atTheHole = new RecordingEventHandler();
		log.follow(run, first - 1, atTheHole);
		assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class).hasMessageContaining(message);
		assertThat(handler.events()).hasSize(first - 1);
		assertThat(atTheHole.awaitError()).isInstanceOf(RunTruncatedException.class).hasMessageContaining(message);
		assertThat(atTheHole.events()).isEmpty();
		for (int limit : List.of((first < 10) ? 1 : 50, 100, 10_000)) {
			List<Long> sequences = new ArrayList<>();
			while (sequences.size() < first - 1) {
				EventPage page = log.read(run, sequences.size(), limit);
				assertThat(page.events()).isNotEmpty();
				assertThat(page.hasMore()).isTrue();
				page.events().forEach((event) -> sequences.add(event.sequence()));
				assertThat(page.afterSequence()).isEqualTo(sequences.size());
			}
			assertThat(sequences).hasSize(first - 1).doesNotHaveDuplicates().isSorted();
			assertThatExceptionOfType(RunTruncatedException.class).isThrownBy(() -> log.read(run, first - 1, limit))
				.withMessageContaining(message);
		}
		assertThat(log.read(run, last, 10_000).events()).hasSize(EVENTS - last);
	}

	@Test
	void aTailThatIsRemovedIsAnErrorToAFollowerThatHasReceivedIt() {
		store("tail", 10);
		RecordingEventHandler handler = new RecordingEventHandler();
		log.follow("tail", 0, handler);
		handler.awaitEvents(EVENTS);
		remove("tail", 10, EVENTS);
		assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class)
			.hasMessageContaining("expected sequence 5001, but the run ends at 10");
	}

	@Test
	void aHoleThatAppearsWhileAFollowerWaitsIsAnErrorWhenItGetsThere() {
		store("later", 10);
		RecordingEventHandler handler = new RecordingEventHandler();
		log.follow("later", 0, handler);
		handler.awaitEvents(EVENTS);
		database.jdbc()
			.update("INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type) "
					+ "VALUES ('later', 9000, gen_random_uuid(), 'step')");
		assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class)
			.hasMessageContaining("expected sequence 5001, but 9000 was found");
		assertThat(handler.events()).hasSize(EVENTS);
	}

	@Test
	void aPageIsCutByTheSumOfItsPayloadsOnly() {
		store("sizes", 10);
		database.jdbc()
			.update("UPDATE durable_notify.workflow_events SET payload = to_json(repeat('x', 1000000)) "
					+ "WHERE run_id = 'sizes' AND sequence IN (2, 4, 6)");
		assertThat(log.read("sizes", 0, 10_000).events()).hasSize(EVENTS);
		database.jdbc()
			.update("UPDATE durable_notify.workflow_events SET payload = to_json(repeat('x', 1200000)) "
					+ "WHERE run_id = 'sizes' AND sequence IN (8, 10)");
		assertThat(log.read("sizes", 0, 10_000).events()).hasSize(8);
		assertThat(log.read("sizes", 7, 1).events()).hasSize(1);
	}

}
