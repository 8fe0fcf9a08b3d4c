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

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Interleavings;
import io.durablenotify.testsupport.Interleavings.Step;
import io.durablenotify.testsupport.Interleavings.Transaction;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Why an append locks its stream: a candidate without the lock, in every order that the
 * server permits. The end of a stream is a row at the next index there, and an append
 * whose row before is no chunk stores nothing. See {@code docs/internals.md}.
 */
class LockFreeAppendTests {

	private static final AtomicInteger created = new AtomicInteger();

	@Fixture
	private static TestDatabase database;

	private static Interleavings interleavings;

	/**
	 * Outside the transactions: sees what is committed.
	 */
	private static Connection observer;

	@BeforeAll
	static void start() throws SQLException {
		interleavings = new Interleavings(database, 4);
		observer = DriverManager.getConnection(database.url());
		try (Statement statement = observer.createStatement()) {
			statement.execute("CREATE TABLE candidate_streams (stream_id int PRIMARY KEY, ended boolean NOT NULL)");
			statement.execute("CREATE TABLE candidate_rows (stream_id int, row_index int, kind text NOT NULL, "
					+ "PRIMARY KEY (stream_id, row_index))");
		}
	}

	@AfterAll
	static void stop() throws SQLException {
		interleavings.close();
		observer.close();
	}

	@Test
	void twoWritersAnEndAndADeletionThatKeepsItsMarkerAreSafe() throws SQLException {
		assertSafe((stream) -> stream.appends("A").appends("B").ends("C").deletes("D", true));
		assertSafe((stream) -> stream.appendsBySnapshot("A").appends("B").ends("C"));
		assertSafe((stream) -> stream.appendsBySnapshot("A").deletes("B", true).cleans("C", "chunk"));
	}

	@Test
	void aDeletionWithoutAMarkerLeavesAChunk() {
		assertThatUnsafe((stream) -> stream.appends("A").deletes("D", false).cleans("J", "chunk"), """
				A: APPEND stored
				D: DELETE 1
				D: COMMIT
				J: CLEAN 0
				A: COMMIT
				J: COMMIT""");
	}

	@Test
	void aDeletionWhoseMarkerIsCleanedUpLeavesAChunk() {
		assertThatUnsafe((stream) -> stream.appendsBySnapshot("A").deletes("D", true).cleans("J", "deleted"), """
				A: SNAPSHOT taken
				D: MARK marked
				D: DELETE 1
				D: COMMIT
				J: CLEAN 1
				A: APPEND waits
				J: COMMIT
				A: APPEND stored
				A: COMMIT""");
	}

	@Test
	void anEndByTheVersionBeforeIsPassed() {
		assertThatUnsafe((stream) -> stream.appends("A").endsAsBefore("E"), """
				A: APPEND stored
				E: END 1
				E: COMMIT
				A: COMMIT""");
	}

	private static void assertSafe(UnaryOperator<Candidate> transactions) throws SQLException {
		assertThat(interleavings.explore(() -> transactions.apply(new Candidate()))).isGreaterThan(5);
	}

	private static void assertThatUnsafe(UnaryOperator<Candidate> transactions, String order) {
		assertThatExceptionOfType(AssertionError.class)
			.isThrownBy(() -> interleavings.explore(() -> transactions.apply(new Candidate())))
			.withMessageEndingWith("in the order\n" + order);
	}

	/**
	 * A stream with one chunk, and what must be visible of it.
	 */
	private static final class Candidate implements Interleavings.Scenario {

		private static final String INSERT = """
				INSERT INTO candidate_rows SELECT last.stream_id, last.row_index + 1, ?
				FROM (SELECT * FROM candidate_rows WHERE stream_id = ? ORDER BY row_index DESC LIMIT 1) last
				WHERE last.kind = 'chunk' ON CONFLICT DO NOTHING
				""";

		private static final String VISIBLE = """
				SELECT EXISTS (SELECT FROM candidate_streams WHERE stream_id = ?),
					ARRAY(SELECT row_index || ':' || kind FROM candidate_rows WHERE stream_id = ? ORDER BY row_index)::text
				""";

		private final int id = created.incrementAndGet();

		private final List<Transaction> transactions = new ArrayList<>();

		private boolean ended;

		private boolean cleaned;

		Candidate() {
			try {
				execute(observer, "INSERT INTO candidate_streams VALUES (?, false)");
				execute(observer, "INSERT INTO candidate_rows VALUES (?, 0, 'chunk')");
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

		Candidate appends(String name) {
			boolean[] stored = { false };
			return add(name, List.of(append(stored)), () -> assertOpen(stored[0]));
		}

		/**
		 * Add a writer in a transaction whose statements share a snapshot.
		 */
		Candidate appendsBySnapshot(String name) {
			boolean[] stored = { false };
			return add(name, List.of(new Step("SNAPSHOT", (connection) -> {
				try (Statement statement = connection.createStatement()) {
					statement.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
					return statement.executeQuery("SELECT 1").next() ? "taken" : "";
				}
			}), append(stored)), () -> assertOpen(stored[0]));
		}

		private Step append(boolean[] stored) {
			return new Step("APPEND", (connection) -> {
				stored[0] = insert(connection, "chunk");
				return (stored[0]) ? "stored" : "stored nothing";
			});
		}

		Candidate ends(String name) {
			return add(name, List.of(new Step("END", (connection) -> insert(connection, "end") ? "ended" : "nothing")),
					() -> {
					});
		}

		/**
		 * Add an end by an instance of the version before, which knows of no such rows.
		 */
		Candidate endsAsBefore(String name) {
			return add(name,
					List.of(new Step("END",
							(connection) -> execute(connection,
									"UPDATE candidate_streams SET ended = true WHERE stream_id = ?"))),
					() -> this.ended = true);
		}

		/**
		 * Add a deletion.
		 * @param marked whether it ends the stream by a row that it keeps
		 */
		Candidate deletes(String name, boolean marked) {
			Step delete = new Step("DELETE", (connection) -> {
				execute(connection, "DELETE FROM candidate_rows WHERE stream_id = ? AND kind <> 'deleted'");
				return execute(connection, "DELETE FROM candidate_streams WHERE stream_id = ?");
			});
			return add(name, (marked) ? List.of(new Step("MARK", this::mark), delete) : List.of(delete), () -> {
			});
		}

		/**
		 * The row goes after the end, and is repeated after a chunk that came first.
		 */
		private String mark(Connection connection) throws SQLException {
			String last = INSERT.replace("last.kind = 'chunk'", "last.kind <> 'deleted'");
			while (!insert(connection, last, "deleted")) {
				// Another snapshot
			}
			return "marked";
		}

		/**
		 * Add the clean-up, which removes rows of a kind that have no stream.
		 */
		Candidate cleans(String name, String kind) {
			boolean[] gone = { false };
			return add(name, List.of(new Step("CLEAN", (connection) -> {
				gone[0] = !exists(connection);
				return (!gone[0]) ? "nothing" : execute(connection,
						"DELETE FROM candidate_rows WHERE stream_id = ? AND kind IN ('chunk', '%s')".formatted(kind));
			})), () -> this.cleaned = gone[0]);
		}

		private Candidate add(String name, List<Step> steps, Runnable committed) {
			this.transactions.add(new Transaction(name, steps, committed));
			return this;
		}

		private void assertOpen(boolean stored) {
			assertThat(this.ended && stored).as("chunk after the end").isFalse();
		}

		private boolean insert(Connection connection, String kind) throws SQLException {
			return insert(connection, INSERT, kind);
		}

		private boolean insert(Connection connection, String sql, String kind) throws SQLException {
			try (PreparedStatement statement = connection.prepareStatement(sql)) {
				statement.setString(1, kind);
				statement.setInt(2, this.id);
				return statement.executeUpdate() == 1;
			}
		}

		private boolean exists(Connection connection) throws SQLException {
			try (PreparedStatement statement = connection
				.prepareStatement("SELECT FROM candidate_streams WHERE stream_id = ?")) {
				statement.setInt(1, this.id);
				return statement.executeQuery().next();
			}
		}

		private int execute(Connection connection, String sql) throws SQLException {
			try (PreparedStatement statement = connection.prepareStatement(sql)) {
				statement.setInt(1, this.id);
				return statement.executeUpdate();
			}
		}

		@Override
		public List<Transaction> transactions() {
			return this.transactions;
		}

		@Override
		public void check() throws SQLException {
			try (PreparedStatement statement = observer.prepareStatement(VISIBLE)) {
				statement.setInt(1, this.id);
				statement.setInt(2, this.id);
				ResultSet result = statement.executeQuery();
				result.next();
				boolean exists = result.getBoolean(1);
				String rows = result.getString(2);
				if (exists) {
					assertThat(rows).matches("\\{0:chunk(,1:chunk)?(,2:chunk)?(,[123]:end)?}");
				}
				else if (this.cleaned) {
					assertThat(rows).as("rows of a stream that is gone").doesNotContain("chunk");
				}
			}
		}

		@Override
		public void failed(SQLException failure) {
			assertThat(failure.getSQLState()).as(failure.getMessage()).isEqualTo("40001");
		}

	}

}
