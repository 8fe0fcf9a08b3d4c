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

package io.durablenotify.actuate;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

import io.durablenotify.actuate.DatabaseSample.Queue;
import io.durablenotify.actuate.DatabaseSample.Queues;
import io.durablenotify.actuate.DatabaseSample.Table;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.work.QueueBacklog;
import io.durablenotify.work.WorkBacklog;
import io.durablenotify.work.WorkMeasures;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.Lifecycle;

/**
 * Asks the database what meters show of it, as long as they are read. A registry that
 * reads them gets the last answer and waits for nothing; the next one comes on a thread
 * that ends some time after the last reading.
 */
final class DatabaseSampler implements Lifecycle, AutoCloseable {

	private static final Log logger = LogFactory.getLog(DatabaseSampler.class);

	private static final Duration INTERVAL = Duration.ofSeconds(15);

	/**
	 * The server examines each file of a table for its size.
	 */
	private static final Duration TABLES_INTERVAL = Duration.ofMinutes(5);

	/**
	 * For how long the database is asked after the meters were read. The next reading
	 * finds an answer that is not old.
	 */
	private static final Duration READ_LATELY = Duration.ofMinutes(10);

	/**
	 * An older answer is none: another instance may have had one since.
	 */
	private static final Duration MAX_AGE = Duration.ofMinutes(2);

	private static final int MAX_DELETED = 10_000;

	/**
	 * Without {@code pg_read_all_stats} only the role's own sessions show it.
	 */
	private static final String OLDEST_TRANSACTION = """
			SELECT coalesce(date_part('epoch', max(clock_timestamp() - a.xact_start)), 0) FROM pg_stat_activity a
			WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
			""";

	private static final String DELETED_STREAMS = """
			SELECT count(*) FROM (SELECT FROM ${schema}.deleted_streams LIMIT ${limit}) d
			""";

	private static final String TABLES = """
			SELECT c.relname, pg_total_relation_size(c.oid), pg_stat_get_dead_tuples(c.oid)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r'
			""";

	private final ApplicationDatabase database;

	private final SchemaName schema;

	private final WorkBacklog work;

	private final WorkMeasures labels;

	private final ServerWatch server;

	private final String deletedStreams;

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-metrics",
			new FailureLog(logger, "Failed to ask the database for what meters show",
					"Meters show again what the database says", Duration.ofMinutes(1)),
			this::sample);

	private volatile DatabaseSample last = DatabaseSample.NONE;

	/**
	 * When meters were read last, by {@link System#nanoTime()}.
	 */
	private volatile long readAt;

	/**
	 * When meters were read for the first time.
	 */
	private volatile @Nullable Long firstReadAt;

	/**
	 * When the last sample was taken. Written by the loop's thread.
	 */
	private volatile @Nullable Long sampledAt;

	private volatile boolean refreshRequested;

	private volatile boolean stopped;

	/**
	 * When the tables were sampled last. Owned by the loop's thread.
	 */
	private @Nullable Long tablesAt;

	DatabaseSampler(ApplicationDatabase database, SchemaName schema, WorkBacklog work, WorkMeasures labels,
			ServerWatch server) {
		this.database = database;
		this.schema = schema;
		this.work = work;
		this.labels = labels;
		this.server = server;
		this.deletedStreams = schema.qualify(DELETED_STREAMS.replace("${limit}", Integer.toString(MAX_DELETED)));
	}

	/**
	 * Return the last sample, and have another one taken if it is old. Never waits.
	 * @return the sample, {@link DatabaseSample#NONE} in place of one that is too old
	 */
	DatabaseSample last() {
		long now = System.nanoTime();
		this.readAt = now;
		if (this.firstReadAt == null) {
			this.firstReadAt = now;
		}
		Long sampledAt = this.sampledAt;
		if (sampledAt == null || now - sampledAt >= INTERVAL.toNanos()) {
			this.loop.signal();
		}
		return (sampledAt != null && now - sampledAt < MAX_AGE.toNanos()) ? this.last : DatabaseSample.NONE;
	}

	/**
	 * Have a sample taken soon, however old the last one is. Returns at once.
	 */
	void refresh() {
		this.refreshRequested = true;
		this.loop.signal();
	}

	/**
	 * Return how long ago the database has answered, in seconds; before it has, how long
	 * ago meters were read for the first time, or not a number if they were not.
	 */
	double age() {
		Long sampledAt = this.sampledAt;
		Long since = (sampledAt != null) ? sampledAt : this.firstReadAt;
		return (since != null) ? (System.nanoTime() - since) / 1e9 : Double.NaN;
	}

	private Next sample() {
		if (this.stopped) {
			return Next.IDLE;
		}
		long now = System.nanoTime();
		Long before = this.sampledAt;
		boolean refresh = this.refreshRequested;
		if (refresh) {
			this.refreshRequested = false;
		}
		if (refresh || before == null || now - before >= INTERVAL.toNanos()) {
			boolean tables = this.tablesAt == null || now - this.tablesAt >= TABLES_INTERVAL.toNanos();
			this.last = this.database.executeSeparately("sample the database", ApplicationDatabase.SOCKET_TIMEOUT,
					(connection, joined) -> sample(connection, tables));
			this.sampledAt = now;
			this.tablesAt = (tables) ? Long.valueOf(now) : this.tablesAt;
		}
		return (now - this.readAt < READ_LATELY.toNanos()) ? Next.after(INTERVAL) : Next.IDLE;
	}

	private DatabaseSample sample(Connection connection, boolean tables) throws SQLException {
		return new DatabaseSample(this.server.check(connection), ask(connection, OLDEST_TRANSACTION),
				ask(connection, this.deletedStreams), (tables) ? tables(connection) : this.last.tables(),
				queues(connection));
	}

	private @Nullable Queues queues(Connection connection) throws SQLException {
		Map<String, Queue> stored = new HashMap<>();
		Set<String> probed = new HashSet<>();
		try {
			for (QueueBacklog queue : this.work.read(connection)) {
				stored.merge(this.labels.knownLabel(queue.queue()), stored(queue), Queue::with);
				if (queue.probed()) {
					probed.add(queue.queue());
				}
			}
			return new Queues(stored, probed);
		}
		catch (SQLException ex) {
			tolerate(ex);
			return null;
		}
	}

	private static Queue stored(QueueBacklog queue) {
		return new Queue(queue.pending(), queue.due(), queue.running(), queue.dead(), seconds(queue.oldestDue()),
				seconds(queue.oldest()));
	}

	private static double seconds(@Nullable Duration duration) {
		return (duration != null) ? MeterSource.seconds(duration) : 0;
	}

	private static double ask(Connection connection, String sql) throws SQLException {
		Double number = ServerWatch.number(connection, sql);
		return (number != null) ? number : Double.NaN;
	}

	private static void tolerate(SQLException failure) throws SQLException {
		if (SqlErrors.isConnectionLost(failure)) {
			throw failure;
		}
		logger.debug("The server refuses what a meter would show", failure);
	}

	private Map<String, Table> tables(Connection connection) throws SQLException {
		Map<String, Table> tables = new HashMap<>();
		try (PreparedStatement statement = connection.prepareStatement(TABLES)) {
			statement.setString(1, this.schema.value());
			ResultSet result = statement.executeQuery();
			while (result.next()) {
				tables.put(result.getString(1), new Table(result.getDouble(2), result.getDouble(3)));
			}
		}
		catch (SQLException ex) {
			tolerate(ex);
		}
		return tables;
	}

	@Override
	public void start() {
		this.stopped = false;
	}

	/**
	 * Ask no more, read or not, until the next start.
	 */
	@Override
	public void stop() {
		this.stopped = true;
	}

	@Override
	public boolean isRunning() {
		return !this.stopped;
	}

	@Override
	public void close() {
		this.loop.close();
	}

}
