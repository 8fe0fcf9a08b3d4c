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
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.SettleSql.Released;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Gives back claims that this instance does not know: their answers were lost, or a stop
 * has left them.
 */
final class UnknownClaims implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * How long to wait for a claim that is under way after the stop.
	 */
	private static final Duration INTERVAL = Duration.ofSeconds(1);

	private final ApplicationDatabase database;

	private final ClaimSql claimSql;

	private final SettleSql settleSql;

	private final Wakeups wakeups;

	/**
	 * Gives back what the stop has left. Guarded by the caller.
	 */
	private @Nullable BackgroundLoop left;

	UnknownClaims(ApplicationDatabase database, ClaimSql claimSql, SettleSql settleSql, Wakeups wakeups) {
		this.database = database;
		this.claimSql = claimSql;
		this.settleSql = settleSql;
		this.wakeups = wakeups;
	}

	/**
	 * Give back claims. Those that are locked hold up no other, and neither do items that
	 * cannot be changed.
	 * @param unknown which claims of the lease's holder are to be given back; asked after
	 * all of them have been read
	 */
	void release(Connection connection, Lease lease, Predicate<Claim> unknown) throws SQLException {
		SQLException locked = null;
		for (Claim claim : this.claimSql.claims(connection, lease.instanceId())) {
			try {
				if (unknown.test(claim)) {
					release(connection, claim);
				}
			}
			catch (SQLException ex) {
				if (SqlErrors.isRefusedWrite(ex) && !SqlErrors.isInvalidStatement(ex)) {
					logRefused(ex);
				}
				else if (SqlErrors.isLockTimeout(ex)) {
					locked = ex;
				}
				else {
					throw ex;
				}
			}
		}
		if (locked != null) {
			throw locked;
		}
	}

	private void release(Connection connection, Claim claim) throws SQLException {
		Released released = this.settleSql.release(connection, claim);
		this.wakeups.send(WorkTopics.QUEUES, WorkTopics.due(claim.queueId(), released.dueMicros()));
		if (released.refused() != null) {
			logRefused(released.refused());
		}
	}

	private static void logRefused(SQLException failure) {
		logger.error(
				"The database refuses to give back items of a claim. No instance handles them until it allows that",
				failure);
	}

	/**
	 * Give back claims by a connection of the pool.
	 * @param lease the last lease, or {@code null}
	 * @return whether there are none any more
	 */
	boolean giveBack(@Nullable Lease lease, Predicate<Claim> unknown) {
		if (lease == null || !lease.isHeld()) {
			return lease == null || lease.isLost();
		}
		this.database.executeSeparately("give back work", ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
			release(connection, lease, unknown);
			return lease;
		});
		return true;
	}

	/**
	 * Have what the stop has left given back, which a context that is only paused would
	 * hold with its lease.
	 * @param giveBack gives back, and returns whether nothing is left
	 */
	void giveBackLater(BooleanSupplier giveBack) {
		BackgroundLoop left = new BackgroundLoop("durable-notify-work-left",
				new FailureLog(logger, "Failed to give back work after the stop of its listeners",
						"Work of listeners that were stopped is given back"),
				() -> (giveBack.getAsBoolean()) ? Next.IDLE : Next.after(INTERVAL));
		this.left = left;
		left.signal();
	}

	/**
	 * Leave what the stop has left to others, or to the listeners that start.
	 */
	@Override
	public void close() {
		if (this.left != null) {
			this.left.close();
			this.left = null;
		}
	}

}
