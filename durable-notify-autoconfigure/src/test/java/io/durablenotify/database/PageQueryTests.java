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

package io.durablenotify.database;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link PageQuery} and for what is read by one: the server must not plan each
 * execution again, near the end of a log neither, where planning took longer than
 * reading.
 */
class PageQueryTests {

	/**
	 * So many times PostgreSQL plans for the values at hand before it compares.
	 */
	private static final int CUSTOM_PLANS = 5;

	private static final int ROWS = 20_000;

	private static final int TIMES = 30;

	@Fixture
	private static TestDatabase database;

	/**
	 * With one connection, so that all its prepared statements can be seen.
	 */
	@Fixture(properties = { "spring.datasource.hikari.maximum-pool-size=1", "durable-notify.listener.enabled=false",
			"durable-notify.poll.interval=1h", "durable-notify.poll.degraded-interval=1h" })
	private static Instance instance;

	@BeforeAll
	static void start() {
		instance.writer().append("log", "first");
		instance.events().append(NewEvent.of("log", "step_completed"));
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
					+ "SELECT s.stream_id, i, 'x' FROM durable_notify.streams s, generate_series(1, ? - 1) AS i", ROWS);
		database.jdbc()
			.update("INSERT INTO durable_notify.workflow_events (run_id, sequence, event_id, type) "
					+ "SELECT 'log', i, gen_random_uuid(), 'step_completed' FROM generate_series(2, ?) AS i", ROWS);
		database.jdbc()
			.update("INSERT INTO durable_notify.changes (topic, key) SELECT 'other', i FROM generate_series(1, ?) AS i",
					ROWS);
		database.jdbc().execute("ANALYZE");
	}

	@ParameterizedTest
	@CsvSource({ "1, 1", "2, 2", "3, 4", "4, 4", "1000, 1024", "1024, 1024", "1025, 2048", "1048576, 1048576",
			"1048577, 1048576", "2147483647, 1048576" })
	void theLimitIsAPowerOfTwo(int limit, int expected) {
		assertThat(new PageQuery("LIMIT ${limit}").sql(limit)).isEqualTo("LIMIT " + expected);
	}

	@Test
	void aLimitIsRequired() {
		assertThatIllegalArgumentException().isThrownBy(() -> new PageQuery("SELECT 1"));
		assertThatIllegalArgumentException().isThrownBy(() -> new PageQuery("LIMIT ${limit}").sql(0));
	}

	@Test
	void pagesOfStreamsArePlannedOnce() {
		for (int i = 0; i < TIMES; i++) {
			assertThat(instance.reader().page("log", StreamPosition.at(ROWS - 5), 10_000).chunks()).hasSize(5);
			assertThat(instance.reader().page("log", StreamPosition.last(5), 10_000).chunks()).hasSize(5);
		}
		assertPlannedOnce("stream_chunks", 2);
	}

	@Test
	void whatReadersOfStreamsFetchIsPlannedOnce() {
		AtomicLong received = new AtomicLong();
		for (int i = 1; i <= TIMES; i++) {
			Subscription subscription = instance.reader()
				.subscribe("log", StreamPosition.at(ROWS - 5), (chunk) -> received.incrementAndGet());
			awaitAtLeast(received, 5L * i);
			subscription.cancel();
		}
		AtomicLong live = new AtomicLong();
		instance.reader().subscribe("live", StreamPosition.start(), (chunk) -> live.incrementAndGet());
		for (int i = 1; i <= TIMES; i++) {
			// A transaction's chunks are not handed over: the reader fetches
			instance.transaction().executeWithoutResult((status) -> instance.writer().append("live", "next"));
			awaitAtLeast(live, i);
		}
		assertPlannedOnce("stream_chunks", 2);
	}

	@Test
	void whatFollowersOfRunsFetchIsPlannedOnce() {
		AtomicLong received = new AtomicLong();
		for (int i = 1; i <= TIMES; i++) {
			Subscription subscription = instance.events()
				.follow("log", ROWS - 5, (event) -> received.incrementAndGet());
			awaitAtLeast(received, 5L * i);
			subscription.cancel();
		}
		assertPlannedOnce("workflow_events", 1);
	}

	@Test
	void looksAtChangesArePlannedOnce() {
		ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
		AtomicLong received = new AtomicLong();
		notifier.subscribe("topic", (change) -> received.incrementAndGet());
		for (int i = 1; i <= TIMES; i++) {
			notifier.publish("topic", "key");
			awaitAtLeast(received, i);
		}
		assertPlannedOnce("pg_snapshot_xmax", 1);
	}

	private static void awaitAtLeast(AtomicLong received, long expected) {
		Awaitility.await()
			.atMost(Duration.ofSeconds(30))
			.pollInterval(Duration.ofMillis(1))
			.until(() -> received.get() >= expected);
	}

	private static void assertPlannedOnce(String table, int atLeast) {
		List<Map<String, Object>> often = instance.jdbc()
			.queryForList("SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements "
					+ "WHERE statement LIKE '%' || ? || '%' AND statement NOT LIKE '%INSERT%' "
					+ "AND generic_plans + custom_plans > 2 * ?", table, CUSTOM_PLANS);
		assertThat(often).hasSizeGreaterThanOrEqualTo(atLeast)
			.allSatisfy(
					(statement) -> assertThat((Long) statement.get("custom_plans")).isLessThanOrEqualTo(CUSTOM_PLANS));
	}

}
