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

package io.durablenotify.testsupport;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * Runs transactions on a real server, statement by statement, in every order that the
 * server permits. A statement that waits for another transaction is continued by the
 * server when that ends; until then the others have their turns. A race within a
 * statement that does not wait is not seen.
 */
public final class Interleavings implements AutoCloseable {

	private static final String COUNT_BLOCKED = """
			SELECT count(*) FROM unnest(?::int[]) AS session(pid) WHERE cardinality(pg_blocking_pids(pid)) > 0
			""";

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private final Connection monitor;

	private final List<Connection> connections = new ArrayList<>();

	/**
	 * Create a new instance.
	 * @param transactions how many transactions a scenario has at most
	 */
	public Interleavings(TestDatabase database, int transactions) throws SQLException {
		this.monitor = DriverManager.getConnection(database.url());
		for (int i = 0; i < transactions; i++) {
			Connection connection = DriverManager.getConnection(database.url());
			connection.setAutoCommit(false);
			this.connections.add(connection);
		}
	}

	/**
	 * Run a scenario in every order, depth first, until one violates an assertion.
	 * @param scenarios creates the scenario anew
	 * @return how many orders there are
	 */
	public int explore(Supplier<Scenario> scenarios) throws SQLException {
		List<Choice> path = new ArrayList<>();
		int orders = 0;
		do {
			new Run(scenarios.get()).run(path);
			orders++;
			while (!path.isEmpty() && path.get(path.size() - 1).isLast()) {
				path.remove(path.size() - 1);
			}
			if (!path.isEmpty()) {
				path.add(path.remove(path.size() - 1).next());
			}
		}
		while (!path.isEmpty());
		return orders;
	}

	@Override
	public void close() throws SQLException {
		this.executor.shutdownNow();
		for (Connection connection : this.connections) {
			connection.close();
		}
		this.monitor.close();
	}

	/**
	 * What is run in every order.
	 */
	public interface Scenario {

		List<Transaction> transactions();

		/**
		 * Check what is visible, after each commit.
		 */
		void check() throws SQLException;

		/**
		 * Note that a statement has failed. Its transaction is rolled back next.
		 */
		void failed(SQLException failure);

	}

	/**
	 * A transaction of a scenario.
	 *
	 * @param committed called after the commit, or {@code null} if it is rolled back
	 */
	public record Transaction(String name, List<Step> steps, @Nullable Runnable committed) {
	}

	/**
	 * A statement of a transaction.
	 */
	public record Step(String name, Work work) {
	}

	/**
	 * What a step does.
	 */
	public interface Work {

		/**
		 * Execute it.
		 * @return what it found, for the description of the order
		 */
		Object execute(Connection connection) throws SQLException;

	}

	/**
	 * Which of the possible steps was taken.
	 */
	private record Choice(int index, int count) {

		boolean isLast() {
			return this.index == this.count - 1;
		}

		Choice next() {
			return new Choice(this.index + 1, this.count);
		}

	}

	/**
	 * One order.
	 */
	private final class Run {

		private final Scenario scenario;

		private final List<Session> sessions = new ArrayList<>();

		private final List<String> order = new ArrayList<>();

		Run(Scenario scenario) {
			this.scenario = scenario;
			for (Transaction transaction : scenario.transactions()) {
				this.sessions.add(new Session(transaction, Interleavings.this.connections.get(this.sessions.size())));
			}
		}

		void run(List<Choice> path) throws SQLException {
			try {
				for (int depth = 0; !isOver(); depth++) {
					List<Session> possible = this.sessions.stream().filter(Session::isReady).toList();
					if (possible.isEmpty()) {
						throw new AssertionError("The transactions wait for each other");
					}
					if (depth == path.size()) {
						path.add(new Choice(0, possible.size()));
					}
					if (path.get(depth).count() != possible.size()) {
						throw new AssertionError("The same steps led to another state before");
					}
					take(possible.get(path.get(depth).index()));
				}
			}
			catch (AssertionError ex) {
				throw new AssertionError(
						"%s\nin the order\n%s".formatted(ex.getMessage(), String.join("\n", this.order)), ex);
			}
			finally {
				rollBack();
			}
		}

		private boolean isOver() {
			return this.sessions.stream().allMatch(Session::isOver);
		}

		private void take(Session taken) throws SQLException {
			taken.start();
			settle();
			report(taken);
			if (taken.isCommitted()) {
				taken.transaction.committed().run();
				this.scenario.check();
			}
			for (Session session : this.sessions) {
				report(session);
			}
		}

		private void report(Session session) {
			String event = session.takeEvent();
			if (event != null) {
				this.order.add(event);
			}
			SQLException failure = session.takeFailure();
			if (failure != null) {
				this.scenario.failed(failure);
			}
		}

		/**
		 * Wait until each session has either finished its statement or waits for another.
		 */
		private void settle() throws SQLException {
			List<Session> running = running();
			while (!running.isEmpty() && countBlocked(running) < running.size()) {
				running.forEach(Session::await);
				running = running();
			}
		}

		private List<Session> running() {
			return this.sessions.stream().filter(Session::isRunning).toList();
		}

		/**
		 * Which lets those that wait finish their statements, one after the other.
		 */
		private void rollBack() throws SQLException {
			List<Session> open = new ArrayList<>(this.sessions);
			while (!open.isEmpty()) {
				for (Session session : List.copyOf(open)) {
					session.await();
					if (!session.isRunning()) {
						session.connection.rollback();
						open.remove(session);
					}
				}
			}
		}

	}

	private int countBlocked(List<Session> sessions) throws SQLException {
		try (PreparedStatement statement = this.monitor.prepareStatement(COUNT_BLOCKED)) {
			statement.setObject(1, sessions.stream().mapToInt(Session::pid).toArray());
			ResultSet result = statement.executeQuery();
			result.next();
			return result.getInt(1);
		}
	}

	/**
	 * A transaction that is being run.
	 */
	private final class Session {

		private final Transaction transaction;

		private final Connection connection;

		private int next;

		private @Nullable CompletableFuture<Object> running;

		private @Nullable String event;

		private @Nullable SQLException failure;

		private boolean failed;

		Session(Transaction transaction, Connection connection) {
			this.transaction = transaction;
			this.connection = connection;
		}

		boolean isReady() {
			return this.running == null && !isOver();
		}

		boolean isRunning() {
			return this.running != null;
		}

		boolean isOver() {
			return this.next > this.transaction.steps().size();
		}

		private boolean isLast() {
			return this.next == this.transaction.steps().size();
		}

		private boolean commits() {
			return this.transaction.committed() != null && !this.failed;
		}

		boolean isCommitted() {
			return isOver() && commits();
		}

		int pid() {
			try {
				return this.connection.unwrap(PGConnection.class).getBackendPID();
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
		}

		void start() {
			this.running = CompletableFuture.supplyAsync(this::execute, Interleavings.this.executor);
			this.event = "%s: %s waits".formatted(this.transaction.name(), step());
			await();
		}

		private String step() {
			return (!isLast()) ? this.transaction.steps().get(this.next).name() : (commits()) ? "COMMIT" : "ROLLBACK";
		}

		private Object execute() {
			try {
				if (!isLast()) {
					return this.transaction.steps().get(this.next).work().execute(this.connection);
				}
				if (commits()) {
					this.connection.commit();
				}
				else {
					this.connection.rollback();
				}
				return "";
			}
			catch (SQLException ex) {
				throw new CompletionException(ex);
			}
		}

		/**
		 * Wait a moment for the statement to finish.
		 */
		void await() {
			if (this.running == null) {
				return;
			}
			String outcome;
			try {
				outcome = this.running.get(200, TimeUnit.MICROSECONDS).toString();
			}
			catch (TimeoutException ex) {
				return;
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
			catch (ExecutionException ex) {
				if (!(ex.getCause() instanceof SQLException cause)) {
					throw new IllegalStateException(ex);
				}
				outcome = "fails: " + cause.getMessage();
				this.failure = cause;
			}
			this.event = "%s: %s %s".formatted(this.transaction.name(), step(), outcome).strip();
			this.running = null;
			this.failed = this.failed || this.failure != null;
			this.next = (this.failure != null) ? this.transaction.steps().size() : this.next + 1;
		}

		@Nullable String takeEvent() {
			String event = this.event;
			this.event = null;
			return event;
		}

		@Nullable SQLException takeFailure() {
			SQLException failure = this.failure;
			this.failure = null;
			return failure;
		}

	}

}
