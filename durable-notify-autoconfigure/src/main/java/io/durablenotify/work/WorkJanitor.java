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
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.ServerWatch;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.work.TakeOverSql.TakenOver;
import io.durablenotify.work.WorkAdminSql.FoundQueue;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Takes over claims of instances that do not exist. Gives back those that this instance
 * has, but does not know of, and deletes what was finished, or died, long ago. Also looks
 * for queues that no instance handles. Runs about once a minute in every instance.
 * <p>
 * Also has the server asked what needs attention, so that this is logged without metrics.
 */
final class WorkJanitor extends PeriodicTask {

	private static final Log logger = LogFactory.getLog(WorkQueue.class);

	static final Duration INTERVAL = Duration.ofMinutes(1);

	/**
	 * How many items of a queue are deleted at once.
	 */
	private static final int SLICE = 1_000;

	/**
	 * For how long an item has been due that no instance handles.
	 */
	private static final Duration UNHANDLED = Duration.ofMinutes(1);

	private final ApplicationDatabase database;

	private final WorkAdminSql sql;

	private final TakeOverSql takeOver;

	private final PublishingWrites writes;

	private final @Nullable Duration deadRetention;

	private final QueueWatch watch;

	private final ServerWatch server;

	private final Runnable giveBackUnknown;

	WorkJanitor(ApplicationDatabase database, WorkAdminSql sql, TakeOverSql takeOver, PublishingWrites writes,
			@Nullable Duration deadRetention, QueueWatch watch, ServerWatch server, Runnable giveBackUnknown,
			Duration interval) {
		super("work", "durable-notify-work-janitor", interval, new FailureLog(logger,
				"Failed to clean up finished and dead work", "Finished and dead work is cleaned up again"));
		this.database = database;
		this.sql = sql;
		this.takeOver = takeOver;
		this.writes = writes;
		this.deadRetention = deadRetention;
		this.watch = watch;
		this.server = server;
		this.giveBackUnknown = giveBackUnknown;
	}

	@Override
	protected boolean run() {
		Failures failures = new Failures();
		execute(this.server::check);
		for (long instanceId : execute(this.takeOver::orphans)) {
			failures.run(() -> takeOver(instanceId));
		}
		this.watch.update(execute((connection) -> this.sql.unhandledQueues(connection, UNHANDLED)));
		this.watch.updateProbed(execute(this.sql::probedQueues));
		this.watch.updateSearches(execute((connection) -> this.sql.searches(connection, QueueWatch.QUICK)));
		int expired = execute((connection) -> this.sql.expire(connection, SLICE));
		removed(expired);
		failures.run(this.giveBackUnknown);
		boolean more = expired >= SLICE;
		if (this.deadRetention != null) {
			more |= purge(this.deadRetention, failures);
		}
		failures.rethrow();
		return more;
	}

	/**
	 * Return whether there are more to delete.
	 */
	private boolean purge(Duration retention, Failures failures) {
		List<String> full = new ArrayList<>();
		for (String queue : execute((connection) -> this.sql.queuesWithOldDead(connection, retention))) {
			failures.run(() -> {
				int purged = execute((connection) -> this.writes.run(WorkTopics.QUEUES, connection, false,
						(session, joined) -> purge(session, queue, retention)));
				if (purged >= SLICE) {
					full.add(queue);
				}
			});
		}
		return !full.isEmpty();
	}

	private Written<Integer> purge(Connection connection, String queue, Duration retention) throws SQLException {
		// An ordering key may wait for one of them, and is due after this time
		FoundQueue found = this.sql.find(connection, queue);
		int purged = this.sql.purge(connection, queue, null, retention, SLICE);
		removed(purged);
		return Written.of(purged, (found != null) ? WorkTopics.due(found.queueId(), found.nowMicros()) : null);
	}

	/**
	 * An instance of the version before has removed it, and does not know of work.
	 */
	private void takeOver(long instanceId) {
		int items;
		do {
			items = execute((connection) -> this.writes.runInTransaction(WorkTopics.QUEUES, connection,
					(session, joined) -> takeOver(session, instanceId)));
			if (items > 0) {
				logger.info("Took over %d items of work of instance %d, which does not exist any more".formatted(items,
						instanceId));
			}
		}
		while (items > 0);
	}

	private Written<Integer> takeOver(Connection connection, long instanceId) throws SQLException {
		ReadCommitted.begin(connection);
		int items = 0;
		List<Wakeup> wakeups = new ArrayList<>();
		for (TakenOver taken : this.takeOver.takeOver(connection, instanceId)) {
			items += taken.items();
			if (taken.dueMicros() != DatabaseMicros.NEVER) {
				wakeups.add(WorkTopics.due(taken.queueId(), taken.dueMicros()));
			}
		}
		return new Written<>(items, wakeups);
	}

	private <T> T execute(Statements<T> statements) {
		return this.database.executeSeparately("clean up work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> statements.run(connection));
	}

	/**
	 * Failures at rows that another transaction has locked, or that a trigger keeps from
	 * being changed. They hold up nothing else.
	 */
	private static final class Failures {

		private @Nullable RuntimeException first;

		void run(Runnable step) {
			try {
				step.run();
			}
			catch (RuntimeException ex) {
				if (!SqlErrors.isLockTimeout(ex) && !SqlErrors.isRefusedWrite(ex)) {
					throw ex;
				}
				this.first = (this.first != null) ? this.first : ex;
			}
		}

		void rethrow() {
			if (this.first != null) {
				throw this.first;
			}
		}

	}

	/**
	 * Statements on a connection in autocommit.
	 *
	 * @param <T> the result's type
	 */
	@FunctionalInterface
	private interface Statements<T> {

		T run(Connection connection) throws SQLException;

	}

}
