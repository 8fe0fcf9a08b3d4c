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

package io.durablenotify.stream.append;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.StreamDeletion;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.Interleavings;
import io.durablenotify.testsupport.Interleavings.Step;
import io.durablenotify.testsupport.Interleavings.Transaction;
import io.durablenotify.testsupport.TestDatabase;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what protects an append: its statements, and those that end and delete a
 * stream, in every order that the server permits.
 */
class AppendInterleavingsTests {

	private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(30);

	private static final SchemaName SCHEMA = new SchemaName("durable_notify");

	private static final UnaryOperator<String> NOT_AT_ALL = (sql) -> sql;

	private static final Log logger = LogFactory.getLog(AppendInterleavingsTests.class);

	private static final AtomicInteger created = new AtomicInteger();

	private static final StreamEndSql ends = new StreamEndSql(SCHEMA);

	@Fixture
	private static TestDatabase database;

	private static Interleavings interleavings;

	/**
	 * Outside the transactions: sees what is committed.
	 */
	private static Connection observer;

	@BeforeAll
	static void start() throws SQLException {
		// For the tables. Nothing else is to happen in the database
		Instance.start(database).close();
		interleavings = new Interleavings(database, 4);
		observer = DriverManager.getConnection(database.url());
	}

	@AfterAll
	static void stop() throws SQLException {
		interleavings.close();
		observer.close();
	}

	@Test
	void twoWritersAnEndAndADeletion() throws SQLException {
		assertSafe((stream) -> stream.appendsNext("A", 1).locks("B").ends("C").deletes("D"));
	}

	@Test
	void writersOfWhichOneKnowsTheEnd() throws SQLException {
		assertSafe((stream) -> stream.appendsNext("A", 1).appendsNext("B", 2).locks("C"));
	}

	@Test
	void aWriterThatRollsBack() throws SQLException {
		assertSafe((stream) -> stream.appendsNext("A", 1).rollsBack("B").locks("C"));
	}

	@Test
	void aLastChunk() throws SQLException {
		assertSafe((stream) -> stream.appendsNext("A", 1).appendsLast("B").locksUnlocked("C"));
	}

	@Test
	void twoWritersThatWaitForADeletion() throws SQLException {
		assertSafe((stream) -> stream.locks("A").locks("B").deletes("C"));
	}

	/**
	 * In a transaction with one snapshot, an append may fail and must store nothing then.
	 */
	@Test
	void aWriterWithTheSnapshotOfItsTransaction() throws SQLException {
		assertSafe((stream) -> stream.locksBySnapshot("A").appendsNext("B", 1).ends("C"));
		assertSafe((stream) -> stream.locksBySnapshot("A").appendsNext("B", 1).deletes("C"));
	}

	private static void assertSafe(UnaryOperator<StreamScenario> transactions) throws SQLException {
		int orders = interleavings.explore(() -> transactions.apply(new StreamScenario(NOT_AT_ALL)));
		logger.info(orders + " orders");
		assertThat(orders).isGreaterThan(20);
	}

	@Test
	void withoutTheLockAChunkFollowsTheEnd() {
		assertThatUnsafe(weaken(AppendSql.APPEND_NEXT, "FOR NO KEY UPDATE SKIP LOCKED", ""),
				(stream) -> stream.ends("A").appendsNext("B", 1), """
						A: END ended
						B: APPEND_NEXT at 1 stored at 1
						A: COMMIT
						B: COMMIT""");
		assertThatUnsafe(weaken(AppendSql.LOCK, "FOR NO KEY UPDATE", ""), (stream) -> stream.ends("A").locks("B"), """
				A: END ended
				B: LOCK found
				B: APPEND stored at 1
				A: COMMIT
				B: COMMIT""");
	}

	@Test
	void withoutTheLockAChunkFollowsTheDeletion() {
		assertThatUnsafe(weaken(AppendSql.APPEND_NEXT, "FOR NO KEY UPDATE SKIP LOCKED", ""),
				(stream) -> stream.deletes("A").appendsNext("B", 1), """
						A: DELETE deleted
						B: APPEND_NEXT at 1 stored at 1
						A: COMMIT
						B: COMMIT""");
	}

	@Test
	void withoutALookAtTheEndAChunkFollowsIt() {
		assertThatUnsafe(weaken(AppendSql.APPEND_NEXT, "AND s.ended_at IS NULL", ""),
				(stream) -> stream.ends("A").appendsNext("B", 1), """
						A: END ended
						A: COMMIT
						B: APPEND_NEXT at 1 stored at 1
						B: COMMIT""");
		assertThatUnsafe(weaken(AppendSql.APPEND_TO_ONE, "AND s.ended_at IS NULL", ""),
				(stream) -> stream.ends("A").locks("B"), """
						A: END ended
						A: COMMIT
						B: LOCK found nothing
						B: APPEND stored at 1
						B: COMMIT""");
	}

	/**
	 * As after a failover to a server that lagged: the writer knows a chunk that is lost.
	 */
	@Test
	void withoutALookAtTheChunkBeforeThereIsAGap() {
		assertThatUnsafe(
				weaken(AppendSql.APPEND_NEXT, "JOIN ${schema}.stream_chunks c ON c.stream_id = ? AND c.chunk_index = ?",
						"JOIN (SELECT ?::bigint AS stream_id, ?::bigint AS chunk_index) c ON true"),
				(stream) -> stream.appendsNext("A", 2), """
						A: APPEND_NEXT at 2 stored at 2
						A: COMMIT""");
	}

	private static UnaryOperator<String> weaken(String statement, String protection, String instead) {
		assertThat(statement).contains(protection);
		return (sql) -> (sql.equals(statement)) ? sql.replace(protection, instead) : sql;
	}

	private static void assertThatUnsafe(UnaryOperator<String> weaken, UnaryOperator<StreamScenario> transactions,
			String order) {
		assertThatExceptionOfType(AssertionError.class)
			.isThrownBy(() -> interleavings.explore(() -> transactions.apply(new StreamScenario(weaken))))
			.withMessageEndingWith("in the order\n" + order);
	}

	/**
	 * A stream with one chunk, and what must be visible of it.
	 */
	private static final class StreamScenario implements Interleavings.Scenario {

		private static final String CREATE = """
				WITH created AS (INSERT INTO durable_notify.streams (name) VALUES (?) RETURNING stream_id)
				INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data)
				SELECT stream_id, 0, 'first' FROM created RETURNING stream_id
				""";

		private static final String VISIBLE = """
				SELECT CASE WHEN EXISTS (SELECT FROM durable_notify.deleted_streams WHERE stream_id = ?) THEN 'deleted' ELSE
						coalesce((SELECT CASE WHEN ended_at IS NULL THEN 'open' ELSE 'ended' END
							FROM durable_notify.streams WHERE stream_id = ?), 'lost') END,
					ARRAY(SELECT chunk_index || ':' || convert_from(data, 'UTF8') FROM durable_notify.stream_chunks
						WHERE stream_id = ? ORDER BY chunk_index)::text
				""";

		private final UnaryOperator<String> weaken;

		private final long id;

		private final String name;

		private final List<Transaction> transactions = new ArrayList<>();

		/**
		 * Whether two writers may get the same index, so that one fails and is repeated.
		 */
		private boolean mayConflict;

		private String state = "open";

		private final List<String> chunks = new ArrayList<>(List.of("0:first"));

		StreamScenario(UnaryOperator<String> weaken) {
			this.weaken = weaken;
			this.mayConflict = weaken != NOT_AT_ALL;
			this.name = "stream/" + created.incrementAndGet();
			try (PreparedStatement statement = observer.prepareStatement(CREATE)) {
				statement.setString(1, this.name);
				ResultSet result = statement.executeQuery();
				result.next();
				this.id = result.getLong(1);
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

		/**
		 * Add a writer that knows the next index, or has known another one.
		 */
		StreamScenario appendsNext(String writer, long index) {
			Appended appended = new Appended(writer, 1);
			Step step = new Step("APPEND_NEXT at " + index, (connection) -> {
				try (PreparedStatement statement = prepare(connection, AppendSql.APPEND_NEXT)) {
					statement.setBytes(1, appended.data()[0]);
					statement.setLong(2, this.id);
					statement.setString(3, this.name);
					statement.setString(4, LOCK_TIMEOUT.toMillis() + "ms");
					statement.setLong(5, this.id);
					statement.setLong(6, index - 1);
					return appended.at((statement.executeUpdate() == 1) ? index : null);
				}
			});
			return add(writer, List.of(step), () -> stored(appended));
		}

		/**
		 * Add a writer that locks the stream, waiting for others.
		 */
		StreamScenario locks(String writer) {
			Appended appended = new Appended(writer, 2);
			return add(writer, List.of(lock(AppendSql.LOCK), append(appended)), () -> {
				if (appended.index.get() == null) {
					assertThat(this.state).as("reason why nothing was stored").isNotEqualTo("open");
				}
				stored(appended);
			});
		}

		/**
		 * Add a writer in a transaction whose statements share a snapshot.
		 */
		StreamScenario locksBySnapshot(String writer) {
			Appended appended = new Appended(writer, 1);
			this.mayConflict = true;
			return add(writer, List.of(new Step("SNAPSHOT", (connection) -> {
				try (Statement statement = connection.createStatement()) {
					statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
					return statement.executeQuery("SELECT 1").next() ? "taken" : "";
				}
			}), lock(AppendSql.LOCK), append(appended)), () -> stored(appended));
		}

		/**
		 * Add a writer that locks the stream if no other transaction has locked it.
		 */
		StreamScenario locksUnlocked(String writer) {
			Appended appended = new Appended(writer, 2);
			Step lock = lock(AppendSql.LOCK_UNLOCKED);
			Step append = appendToMany(appended);
			AtomicBoolean locked = new AtomicBoolean();
			return add(writer, List.of(new Step(lock.name(), (connection) -> {
				Object found = lock.work().execute(connection);
				locked.set(found.equals("found"));
				return found;
			}), new Step(append.name(),
					(connection) -> (locked.get()) ? append.work().execute(connection) : "left out")),
					() -> stored(appended));
		}

		/**
		 * Add a writer that locks the stream, and rolls back.
		 */
		StreamScenario rollsBack(String writer) {
			return add(writer, List.of(lock(AppendSql.LOCK), append(new Appended(writer, 1))), null);
		}

		/**
		 * Add a writer of the last chunk.
		 */
		StreamScenario appendsLast(String writer) {
			Appended appended = new Appended(writer, 1);
			return add(writer, List.of(lock(AppendSql.LOCK), append(appended), end()), () -> {
				stored(appended);
				this.state = "ended";
			});
		}

		StreamScenario ends(String name) {
			return add(name, List.of(end()), () -> this.state = (this.state.equals("open")) ? "ended" : this.state);
		}

		StreamScenario deletes(String name) {
			return add(name,
					List.of(new Step("DELETE",
							(connection) -> StreamDeletion.delete(connection, this.name, LOCK_TIMEOUT).isPresent()
									? "deleted" : "found nothing")),
					() -> this.state = "deleted");
		}

		private StreamScenario add(String name, List<Step> steps, Runnable committed) {
			this.transactions.add(new Transaction(name, steps, committed));
			return this;
		}

		private Step lock(String sql) {
			return new Step("LOCK", (connection) -> {
				try (PreparedStatement statement = prepare(connection, sql)) {
					statement.setObject(1, new long[] { this.id });
					return (statement.executeQuery().next()) ? "found" : "found nothing";
				}
			});
		}

		private Step append(Appended appended) {
			return new Step("APPEND", (connection) -> {
				try (PreparedStatement statement = prepare(connection, AppendSql.APPEND_TO_ONE)) {
					statement.setLong(1, 0);
					statement.setLong(2, this.id);
					statement.setString(3, this.name);
					statement.setLong(4, 0);
					statement.setObject(5, appended.data());
					statement.setLong(6, AppendConditions.ANY);
					statement.setLong(7, AppendConditions.ANY);
					ResultSet result = statement.executeQuery();
					return appended.at((result.next()) ? result.getLong(2) : null);
				}
			});
		}

		/**
		 * By the statement that appends to several streams.
		 */
		private Step appendToMany(Appended appended) {
			return new Step("APPEND", (connection) -> {
				try (PreparedStatement statement = prepare(connection, AppendSql.APPEND)) {
					statement.setObject(1, new long[] { this.id });
					statement.setObject(2, new String[] { this.name });
					statement.setObject(3, new long[] { 0 });
					statement.setObject(4, new long[] { AppendConditions.ANY });
					statement.setObject(5, new long[] { this.id, this.id });
					statement.setObject(6, new int[] { 0, 1 });
					statement.setObject(7, appended.data());
					ResultSet result = statement.executeQuery();
					return appended.at((result.next()) ? result.getLong(2) : null);
				}
			});
		}

		private Step end() {
			return new Step("END",
					(connection) -> ends.end(connection, true, this.name, StreamEnd.COMPLETED, null, LOCK_TIMEOUT)
						.isPresent() ? "ended" : "found nothing");
		}

		private PreparedStatement prepare(Connection connection, String sql) throws SQLException {
			return connection.prepareStatement(SCHEMA.qualify(this.weaken.apply(sql)));
		}

		private void stored(Appended appended) {
			Long index = appended.index.get();
			for (int i = 0; index != null && i < appended.count; i++) {
				this.chunks.add((index + i) + ":" + appended.writer + i);
			}
			assertThat(this.state.equals("open") || index == null).as("open when a chunk is committed").isTrue();
		}

		@Override
		public List<Transaction> transactions() {
			return this.transactions;
		}

		@Override
		public void check() throws SQLException {
			for (int i = 0; i < this.chunks.size(); i++) {
				assertThat(this.chunks.get(i)).as("chunk by order of the commits").startsWith(i + ":");
			}
			try (PreparedStatement statement = observer.prepareStatement(VISIBLE)) {
				for (int parameter = 1; parameter <= 3; parameter++) {
					statement.setLong(parameter, this.id);
				}
				ResultSet result = statement.executeQuery();
				result.next();
				assertThat(result.getString(1) + " " + result.getString(2))
					.isEqualTo("%s {%s}".formatted(this.state, String.join(",", this.chunks)));
			}
		}

		@Override
		public void failed(SQLException failure) {
			if (!this.mayConflict || !AppendWrite.isConflict(failure)) {
				throw new AssertionError(failure.getMessage(), failure);
			}
		}

	}

	/**
	 * What a writer appends, and the first chunk's index once it is stored.
	 */
	private record Appended(String writer, int count, AtomicReference<Long> index) {

		Appended(String writer, int count) {
			this(writer, count, new AtomicReference<>());
		}

		byte[][] data() {
			byte[][] data = new byte[this.count][];
			for (int i = 0; i < this.count; i++) {
				data[i] = (this.writer + i).getBytes(StandardCharsets.UTF_8);
			}
			return data;
		}

		String at(Long index) {
			this.index.set(index);
			return (index != null) ? "stored at " + index : "stored nothing";
		}

	}

}
