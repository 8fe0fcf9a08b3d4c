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

package io.durablenotify.stream;

import java.util.Map;

import io.durablenotify.testsupport.EntriesRead;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that what was planned for few positions of consumers does not read all of them
 * when there are many: see {@code TableGrowthTests}.
 */
class ConsumerGrowthTests {

	private static final int ROWS = 50_000;

	/**
	 * More often than the driver needs to prepare a statement on the server.
	 */
	private static final int TIMES = 12;

	@Fixture
	private TestDatabase database;

	@Fixture(properties = { "spring.datasource.hikari.maximum-pool-size=1",
			"spring.datasource.hikari.connection-init-sql=SET plan_cache_mode = force_generic_plan",
			"durable-notify.poll.interval=100ms", "durable-notify.poll.degraded-interval=100ms" })
	private Instance instance;

	private final RecordingConsumer handler = new RecordingConsumer();

	private final RecordingConsumer transactional = new RecordingConsumer();

	@BeforeEach
	void leaveTheTablesAlone() {
		for (String table : new String[] { "streams", "stream_chunks", "stream_consumer_positions" }) {
			this.database.jdbc()
				.execute("ALTER TABLE durable_notify.%s SET (autovacuum_enabled = off)".formatted(table));
		}
	}

	private void use(int round) {
		StreamWriter writer = this.instance.writer();
		for (int i = round * TIMES; i < (round + 1) * TIMES; i++) {
			int count = i + 1;
			writer.append("used/" + i, "a");
			Eventually.await(() -> this.handler.consumed().size() == count * 2 - 1
					&& this.transactional.consumed().size() == count * 2 - 1, this.handler::toString);
			writer.append("used/" + i, "b");
			Eventually.await(() -> this.handler.consumed().size() == count * 2
					&& this.transactional.consumed().size() == count * 2, this.handler::toString);
			writer.complete("used/" + i);
			Eventually.await(() -> this.handler.ends().size() == count && this.transactional.ends().size() == count,
					this.handler::toString);
			writer.delete("used/" + i);
		}
	}

	@Test
	void whatWasPlannedForFewPositionsDoesNotReadAll() {
		subscribe();
		use(0);
		this.database.jdbc().execute("VACUUM ANALYZE");
		use(1);
		grow();
		assertNoTableIsReadFromEndToEnd(2);
	}

	@Test
	void whatIsPlannedWithoutStatisticsOfManyPositionsDoesNotReadAll() {
		grow();
		subscribe();
		use(0);
		assertNoTableIsReadFromEndToEnd(1);
	}

	private void subscribe() {
		StreamReader reader = this.instance.reader();
		reader.prefixConsumer("used/", "used").subscribe(this.handler);
		reader.prefixConsumer("used/", "transactional").inTransaction().subscribe(this.transactional);
	}

	private void grow() {
		this.database.jdbc()
			.update("INSERT INTO durable_notify.streams (name) SELECT 'grown-' || i FROM generate_series(1, ?) AS i",
					ROWS);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
					+ "SELECT 1000000 + i, 0, 'x' FROM generate_series(1, ?) AS i", ROWS);
		this.database.jdbc()
			.update("INSERT INTO durable_notify.stream_consumer_positions (consumer_id, stream_id, stream_created_at, "
					+ "stream, next_index) SELECT 1000000 + i % 100, 1000000 + i, now(), 'grown-' || i, 0 "
					+ "FROM generate_series(1, ?) AS i", ROWS);
	}

	private void assertNoTableIsReadFromEndToEnd(int round) {
		Map<String, Long> before = EntriesRead.byTable(this.instance.jdbc());
		use(round);
		this.instance.bean(StreamConsumers.class).find("used");
		Map<String, Long> after = EntriesRead.byTable(this.instance.jdbc());
		assertThat(new String[] { "streams", "stream_chunks", "stream_consumer_positions" })
			.allSatisfy((table) -> assertThat(after.get(table) - before.get(table)).as(table).isLessThan(ROWS));
	}

}
