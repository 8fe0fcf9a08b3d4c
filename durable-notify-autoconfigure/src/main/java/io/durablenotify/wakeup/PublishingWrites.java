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

package io.durablenotify.wakeup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.SessionWork;
import org.jspecify.annotations.Nullable;

/**
 * Runs a write and publishes its wake-ups after the commit. That is the caller's where
 * the caller has a transaction, else the write's own.
 */
public final class PublishingWrites {

	private final Wakeups wakeups;

	/**
	 * Create a new instance.
	 * @param wakeups carries the wake-ups
	 */
	public PublishingWrites(Wakeups wakeups) {
		this.wakeups = wakeups;
	}

	/**
	 * Run a write that is a single round trip.
	 * @param <T> the result's type
	 * @param topic the topic of the wake-ups
	 * @param connection the connection
	 * @param joined whether the connection is in the caller's transaction; else it is in
	 * autocommit
	 * @param work the statements
	 * @return the result of what was written
	 * @throws SQLException if the database fails
	 */
	public <T> T run(String topic, Connection connection, boolean joined, SessionWork<Written<T>> work)
			throws SQLException {
		if (joined) {
			return woken(topic, work.run(connection, true), this.wakeups::sendAfterCommit);
		}
		return woken(topic, work.run(connection, false), this.wakeups::send);
	}

	/**
	 * Run a write that takes several round trips, in a separate transaction.
	 * @param <T> the result's type
	 * @param topic the topic of the wake-ups
	 * @param connection the connection, in autocommit
	 * @param work the statements
	 * @return the result of what was written
	 * @throws SQLException if the database fails
	 */
	public <T> T runInTransaction(String topic, Connection connection, SessionWork<Written<T>> work)
			throws SQLException {
		return woken(topic, OneTransaction.run(connection, work), this.wakeups::send);
	}

	/**
	 * Prepare for writes that come with the commit of the current transaction.
	 */
	public void joinTransaction() {
		this.wakeups.joinTransaction();
	}

	private static <T> T woken(String topic, Written<T> written, BiConsumer<String, Wakeup> sender) {
		written.wakeups().forEach((wakeup) -> sender.accept(topic, wakeup));
		written.others().forEach((other, wakeups) -> wakeups.forEach((wakeup) -> sender.accept(other, wakeup)));
		return written.result();
	}

	/**
	 * What was written.
	 *
	 * @param <T> the result's type
	 * @param result the result for the caller
	 * @param wakeups the wake-ups to publish
	 * @param others by topic, wake-ups to publish for other topics
	 */
	public record Written<T>(T result, Collection<Wakeup> wakeups, Map<String, Collection<Wakeup>> others) {

		/**
		 * Create with wake-ups of one topic.
		 * @param result the result for the caller
		 * @param wakeups the wake-ups to publish
		 */
		public Written(T result, Collection<Wakeup> wakeups) {
			this(result, wakeups, Map.of());
		}

		/**
		 * Create from at most one wake-up.
		 * @param <T> the result's type
		 * @param result the result for the caller
		 * @param wakeup the wake-up, or {@code null} if there is no reader to wake
		 * @return what was written
		 */
		public static <T> Written<T> of(T result, @Nullable Wakeup wakeup) {
			return new Written<>(result, (wakeup != null) ? List.of(wakeup) : List.of());
		}

	}

}
