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

package io.durablenotify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeHandler;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for an application that goes on while its tables are emptied, or a part of them
 * is restored.
 */
class TouchedTablesTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	@Fixture
	private TestDatabase database;

	@Fixture(properties = NO_POLL)
	private Instance instance;

	@Fixture(properties = { NO_POLL, "durable-notify.changes.retention=1s" })
	private Instance other;

	private final Received ofInstance = new Received();

	private final Received ofOther = new Received();

	private void subscribe() {
		this.instance.bean(ChangeNotifier.class).subscribe("topic", this.ofInstance);
		this.other.bean(ChangeNotifier.class).subscribe("topic", this.ofOther);
	}

	private void publish(String key) {
		this.instance.bean(ChangeNotifier.class).publish("topic", key);
	}

	private void await(String received) {
		for (Received handler : List.of(this.ofInstance, this.ofOther)) {
			Eventually.await(() -> handler.received.contains(received),
					() -> received + " is missing from " + handler.received);
		}
	}

	private void emptyAllTables() {
		JdbcTemplate jdbc = this.database.jdbc();
		String tables = jdbc
			.queryForObject("SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
					+ "WHERE schemaname = 'durable_notify' AND tablename <> 'schema_history'", String.class);
		jdbc.execute("TRUNCATE " + tables + " RESTART IDENTITY");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whereAllTablesAreEmptiedEverythingGoesOnAndHandlersOfChangesHearOfAGap(boolean published) {
		subscribe();
		if (published) {
			publish("before");
			await("before");
		}
		this.instance.writer().append("stream", "before");
		this.instance.events().append(NewEvent.of("run", "before"));
		for (int round = 0; round < 2; round++) {
			emptyAllTables();
			publish("API " + round);
			await("FAILOVER");
			await("API " + round);
			this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'SQL %d')".formatted(round));
			await("SQL " + round);
			RecordingHandler chunks = new RecordingHandler();
			this.other.reader().subscribe("stream", StreamPosition.start(), chunks);
			assertThat(this.instance.writer().append("stream", "after")).isZero();
			assertThat(chunks.awaitChunks(1).texts()).containsExactly("after");
			assertThat(this.instance.events().append(NewEvent.of("run", "after")).sequence()).isEqualTo(1);
			assertThat(this.ofInstance.received).doesNotHaveDuplicates();
			this.ofInstance.received.remove("FAILOVER");
			this.ofOther.received.remove("FAILOVER");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "change_log", "change_lifetime", "change_snapshots", "instances", "deleted_streams" })
	void whereTheRowsOfOneTableAreDeletedChangesGoOn(String table) {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("DELETE FROM durable_notify." + table);
		publish("after");
		await("after");
		this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'SQL')");
		await("SQL");
		for (Received handler : List.of(this.ofInstance, this.ofOther)) {
			assertThat(handler.received).filteredOn((received) -> !received.equals("FAILOVER"))
				.containsExactly("before", "after", "SQL");
			assertThat(handler.received.contains("FAILOVER")).isEqualTo(table.equals("change_log"));
		}
	}

	@Test
	void whereChangesAreDeletedThatWereReadHandlersHearOfAGapAndOfWhatComes() {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("DELETE FROM durable_notify.changes");
		publish("after");
		await("after");
		await("FAILOVER");
	}

	@Test
	void withoutReadersOldChangesAreDeletedAllTheSame() {
		publish("before");
		this.database.jdbc().execute("DELETE FROM durable_notify.change_log");
		publish("after");
		Eventually.await(() -> stored() == 0, this::stored);
	}

	private int stored() {
		return this.database.jdbc().queryForObject("SELECT count(*) FROM durable_notify.changes", Integer.class);
	}

	/**
	 * As a part of a dump does that was made on another server.
	 */
	@Test
	void aReaderOfARestoredNoteOfTheFutureGetsAGapAndAllChangesAfterIt() {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("UPDATE durable_notify.change_log SET deleted = '4000000:4000000:'");
		Eventually.await(() -> this.ofOther.received.contains("EXPIRED"), () -> this.ofOther.received);
		publish("after");
		await("after");
	}

	private static final class Received implements ChangeHandler {

		private final List<String> received = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onChange(Change change) {
			this.received.add(change.key());
		}

		@Override
		public void onGap(ChangeGap gap) {
			this.received.add(gap.reason().name());
		}

	}

}
