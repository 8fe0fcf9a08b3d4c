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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ChangeSql}, whose two ways to read must find the same.
 */
class ChangeSqlTests {

	private static final int STEPS = 400;

	private static final List<List<String>> TOPICS = List.of(List.of("topic"), List.of("topic", "more"));

	@Fixture
	private TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private Instance instance;

	private final List<Connection> writers = new ArrayList<>();

	private final List<ChangePosition> positions = new ArrayList<>();

	private final List<Watermark> watermarks = new ArrayList<>();

	private int pages;

	private int changes;

	/**
	 * Transactions that are open, roll back, and get lost, and changes that are deleted
	 * because of their age. Each position is read from with each watermark.
	 */
	@ParameterizedTest
	@ValueSource(longs = { 1, 2, 3 })
	void whatIsNewIsReadAsFromAnyPosition(long seed) throws SQLException {
		Random random = new Random(seed);
		ChangeSql sql = this.instance.bean(ChangeSql.class);
		ChangeCleanupSql cleanup = new ChangeCleanupSql(this.instance.bean(Schema.class).name());
		try (Connection connection = connect(); Connection reading = connect()) {
			for (int i = 0; i < 3; i++) {
				this.writers.add(connect());
			}
			begin(sql, connection);
			reading.setAutoCommit(false);
			reading.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
			for (int step = 0; step < STEPS; step++) {
				Connection writer = this.writers.get(random.nextInt(this.writers.size()));
				switch (random.nextInt(40)) {
					case 0 -> cleanup.clean(connection, Duration.ZERO, Duration.ZERO);
					case 1 -> lose(connection);
					case 2 -> connection.createStatement().execute("SELECT pg_current_xact_id()");
					case 25 -> note(connection);
					case 3, 4 -> publish(connection, random, random.nextInt(2 * ChangeSql.FEW));
					case 5, 6, 7 -> end(writer, false);
					case 8, 9, 10, 11, 12, 13, 14, 15 -> end(writer, true);
					case 16, 17, 18, 19 -> {
						writer.setAutoCommit(false);
						publish(writer, random, 1 + random.nextInt(2));
					}
					case 20, 21, 22, 23, 24 -> publish(connection, random, 1);
					default -> readOn(sql, reading, connection, random);
				}
			}
		}
		finally {
			for (Connection writer : this.writers) {
				writer.close();
			}
		}
		assertThat(this.pages).isGreaterThan(20);
		assertThat(this.changes).isGreaterThan(20);
	}

	private Connection connect() throws SQLException {
		return this.database.jdbc().getDataSource().getConnection();
	}

	private void begin(ChangeSql sql, Connection connection) throws SQLException {
		CurrentPosition current = sql.currentPosition(connection);
		this.positions.add(current.position());
		this.watermarks.add(current.watermark());
	}

	private static void publish(Connection connection, Random random, int count) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(
				"INSERT INTO durable_notify.changes (topic, key) SELECT ?, n FROM generate_series(1, ?) n")) {
			statement.setString(1, List.of("topic", "more", "other").get(random.nextInt(3)));
			statement.setInt(2, count);
			statement.executeUpdate();
		}
	}

	private static void end(Connection writer, boolean commit) throws SQLException {
		if (writer.getAutoCommit()) {
			return;
		}
		if (commit) {
			writer.commit();
		}
		else {
			writer.rollback();
		}
		writer.setAutoCommit(true);
	}

	/**
	 * Lose the last change, as a crash may.
	 */
	private static void lose(Connection connection) throws SQLException {
		connection.createStatement().execute("""
				DELETE FROM durable_notify.changes WHERE (xact, id) IN (
					SELECT xact, id FROM durable_notify.changes ORDER BY xact DESC, id DESC LIMIT 1)
				""");
	}

	/**
	 * Note what may be deleted, of which one slice after the other is.
	 */
	private static void note(Connection connection) throws SQLException {
		connection.createStatement().execute("UPDATE durable_notify.change_log SET deleted = pg_current_snapshot()");
	}

	private void readOn(ChangeSql sql, Connection reading, Connection connection, Random random) throws SQLException {
		ChangePosition position = last(this.positions);
		Watermark watermark = last(this.watermarks);
		ChangePage page = read(sql, reading, position, watermark, random);
		for (int i = 0; i < 3; i++) {
			Watermark other = any(this.watermarks, random);
			ChangePosition from = any(this.positions, random);
			read(sql, reading, from, other, random);
			read(sql, reading, from.afterCrash(from.server(), other.durable()), other, random);
		}
		if (page.lost() || page.expired()) {
			begin(sql, connection);
			return;
		}
		this.positions
			.add((page.end() != null) ? position.within(page.target(), page.end()) : position.after(page.target()));
		this.watermarks.add(watermark.and(page.watermark()));
	}

	private static <T> T last(List<T> list) {
		return list.get(list.size() - 1);
	}

	private static <T> T any(List<T> list, Random random) {
		return list.get(list.size() - 1 - random.nextInt(Math.min(10, list.size())));
	}

	/**
	 * Read both ways in one snapshot.
	 */
	private ChangePage read(ChangeSql sql, Connection connection, ChangePosition position, Watermark watermark,
			Random random) throws SQLException {
		List<String> topics = TOPICS.get(random.nextInt(TOPICS.size()));
		int limit = (random.nextBoolean()) ? ChangeReader.PAGE : 1 + random.nextInt(5);
		ChangePage fresh = sql.readNew(connection, position, watermark, topics, limit);
		ChangePage page = sql.readAny(connection, position, watermark, null, topics, limit);
		connection.commit();
		if (fresh != null) {
			assertThat(fresh).as("%s, %s", position, watermark).isEqualTo(page);
			this.pages++;
			this.changes += fresh.rows().size();
		}
		return page;
	}

}
