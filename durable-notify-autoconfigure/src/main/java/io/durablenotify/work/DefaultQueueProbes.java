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
package io.durablenotify.work;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.work.WorkAdminSql.FoundQueue;
import org.jspecify.annotations.Nullable;

/**
 * The {@link QueueProbes}, by the limit of running items that claims obey.
 */
final class DefaultQueueProbes implements QueueProbes {

	/**
	 * If the clock was set back, what was claimed before is not known: better two probes
	 * than none.
	 */
	private static final String FIND = """
			SELECT CASE WHEN p.since <= clock_timestamp() THEN ${schema}.work_micros(p.since) ELSE 0 END,
				greatest(0, ${schema}.work_micros(p.next_at) - ${schema}.work_micros(clock_timestamp())),
				q.paused_at IS NOT NULL
			FROM ${schema}.work_queues q JOIN ${schema}.work_probes p ON p.queue_id = q.queue_id WHERE q.name = ?
			""";

	private static final String BEGIN = """
			SELECT ${schema}.work_probe_begin(?, ?) WHERE set_config('lock_timeout', ?, true) IS NOT NULL
			""";

	private static final String FAILED = """
			UPDATE ${schema}.work_probes p SET failures = p.failures + 1, next_at = clock_timestamp()
				+ greatest(least(?::bigint * power(2, least(p.failures, 30)), ?::bigint), ?::bigint) * interval '1 microsecond'
			FROM ${schema}.work_queues q WHERE q.name = ? AND p.queue_id = q.queue_id
				AND set_config('lock_timeout', ?, true) IS NOT NULL
			RETURNING ${schema}.work_micros(p.next_at) - ${schema}.work_micros(clock_timestamp())
			""";

	private static final String END = """
			SELECT ${schema}.work_probe_end(?) WHERE set_config('lock_timeout', ?, true) IS NOT NULL
			""";

	/**
	 * Claims hold the queue for a few milliseconds each, transactions of
	 * {@link WorkAdmin} for longer. A handler waits, which can try again.
	 */
	private static final Duration LOCK_WAIT = Duration.ofSeconds(2);

	private final ApplicationDatabase database;

	private final PublishingWrites writes;

	private final WorkAdminSql queues;

	private final String find;

	private final String begin;

	private final String failed;

	private final String end;

	private final ReadCommitted readCommitted = new ReadCommitted();

	DefaultQueueProbes(ApplicationDatabase database, PublishingWrites writes, WorkAdminSql queues, SchemaName schema) {
		this.database = database;
		this.writes = writes;
		this.queues = queues;
		this.find = schema.qualify(FIND);
		this.begin = schema.qualify(BEGIN);
		this.failed = schema.qualify(FAILED);
		this.end = schema.qualify(END);
	}

	@Override
	public boolean isLimited(WorkItem item) {
		return item instanceof HeldItem held && held.claim().queue().isLimited();
	}

	@Override
	public @Nullable Probe find(WorkItem item) {
		return execute((connection, joined) -> find(connection, item)).orElse(null);
	}

	private Optional<Probe> find(Connection connection, WorkItem item) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, item.queue());
			ResultSet result = statement.executeQuery();
			return (result.next())
					? Optional.of(new Probe(result.getBoolean(3) || item.fencingToken() < result.getLong(1),
							Duration.of(result.getLong(2), ChronoUnit.MICROS)))
					: Optional.empty();
		}
	}

	@Override
	public boolean begin(String queue, Duration wait) {
		return execute((connection, joined) -> this.readCommitted.run(connection, (session, inside) -> {
			try (PreparedStatement statement = session.prepareStatement(this.begin)) {
				statement.setString(1, queue);
				statement.setLong(2, DatabaseMicros.of(wait));
				statement.setString(3, lockWait(session));
				ResultSet result = statement.executeQuery();
				return result.next() && result.getBoolean(1);
			}
		}));
	}

	@Override
	public Duration failed(String queue, Duration wait, Duration longest, Duration least) {
		return execute((connection, joined) -> {
			try (PreparedStatement statement = connection.prepareStatement(this.failed)) {
				statement.setLong(1, DatabaseMicros.of(wait));
				statement.setLong(2, DatabaseMicros.of(longest));
				statement.setLong(3, DatabaseMicros.of(least));
				statement.setString(4, queue);
				statement.setString(5, lockWait(connection));
				ResultSet result = statement.executeQuery();
				return (result.next()) ? Duration.of(Math.max(0, result.getLong(1)), ChronoUnit.MICROS) : least;
			}
		});
	}

	/**
	 * Wakes the instances that could not claim.
	 */
	@Override
	public boolean end(String queue) {
		return execute((connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, false,
				(session, inside) -> end(session, queue)));
	}

	private Written<Boolean> end(Connection connection, String queue) throws SQLException {
		boolean ended = this.readCommitted.run(connection, (session, joined) -> {
			try (PreparedStatement statement = session.prepareStatement(this.end)) {
				statement.setString(1, queue);
				statement.setString(2, lockWait(session));
				ResultSet result = statement.executeQuery();
				return result.next() && result.getInt(1) > 0;
			}
		});
		FoundQueue found = (ended) ? this.queues.find(connection, queue) : null;
		return Written.of(ended, (found != null) ? WorkTopics.due(found.queueId(), found.nowMicros()) : null);
	}

	private static String lockWait(Connection connection) throws SQLException {
		return LimitedStatement.limit(connection, LOCK_WAIT).toMillis() + "ms";
	}

	private <T> T execute(SessionWork<T> work) {
		return this.database.executeSeparately("probe a queue of work", ApplicationDatabase.SOCKET_TIMEOUT, work);
	}

}
