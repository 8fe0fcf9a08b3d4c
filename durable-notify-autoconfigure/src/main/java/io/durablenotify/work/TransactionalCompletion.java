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

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.work.HeldItem.Completion;
import io.durablenotify.work.QueueMeasures.Finish;
import io.durablenotify.work.Returned.Kind;
import io.durablenotify.work.Settlement.Leave;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Completes items in the transaction in which their handler runs.
 */
final class TransactionalCompletion implements HeldItem.InTransaction {

	private final ApplicationDatabase database;

	private final SettleSql sql;

	private final Settlements settlements;

	TransactionalCompletion(ApplicationDatabase database, SettleSql sql, Settlements settlements) {
		this.database = database;
		this.sql = sql;
		this.settlements = settlements;
	}

	@Override
	public void complete(HeldItem item) {
		write(item, "complete", Finish.DONE,
				(connection, done) -> complete(connection, done, item.claim().queue().isKeepingFinished()));
	}

	@Override
	public void postpone(HeldItem item, Duration delay) {
		write(item, "postpone", Finish.POSTPONED, (connection, done) -> this.sql.postpone(connection, done, delay));
	}

	/**
	 * Write an outcome that a handler has returned.
	 */
	void write(HeldItem item, WorkOutcome outcome) {
		if (outcome instanceof WorkOutcome.Postpone postpone) {
			postpone(item, postpone.delay());
		}
		else if (outcome instanceof WorkOutcome.Again again) {
			write(item, "complete", Finish.DONE, (connection, done) -> this.sql.rearm(connection, done, again.dueAt()));
		}
		else {
			complete(item);
		}
	}

	private Returned complete(Connection connection, Done done, boolean keeping) throws SQLException {
		if (this.sql.completeInTransaction(connection, done, keeping)) {
			return new Returned(Kind.DONE, done.claim().queueId(), DatabaseMicros.NEVER);
		}
		return this.sql.again(connection, done);
	}

	private void write(HeldItem item, String what, Finish finish, Statement statement) {
		if (!this.database.isTransactionOpen()) {
			throw new IllegalStateException(("Item %d of queue '%s' can be %sd in a transaction only. Call it in one, "
					+ "or return a WorkOutcome from the handler")
				.formatted(item.id(), item.queue(), what));
		}
		if (item.completion() != Completion.NONE && item.completion() != Completion.ROLLED_BACK) {
			throw new IllegalStateException("The %s is completed or postponed already".formatted(item));
		}
		this.database.execute(what + " work", (connection, joined) -> {
			if (!joined) {
				throw new IllegalStateException(
						"The transaction of the handler must be one of the DataSource that durable-notify uses");
			}
			Returned returned = statement.run(connection, item.done());
			if (returned.kind() == Kind.LOST && isCancelledHere(item)) {
				Returned gone = new Returned(Kind.DONE, returned.queueId(), DatabaseMicros.NEVER);
				item.returned(gone, Finish.DONE);
				return gone;
			}
			if (returned.kind() == Kind.LOST) {
				item.lose();
				throw new WorkLeaseLostException(
						("The %s was cancelled, or another instance has taken it over. The transaction must roll back")
							.formatted(item));
			}
			item.returned(returned, finish);
			return returned;
		});
		item.completion(Completion.OPEN);
		new TransactionBuffer<>(this.database, item, () -> new Outcome(item, this.settlements)).current();
	}

	/**
	 * Return whether this transaction has cancelled the item, as a handler may do that
	 * needs it no more, or sets a timer again.
	 */
	private boolean isCancelledHere(HeldItem item) {
		return !item.isInLane() && CancelledItems.current(this.database).contains(item.id());
	}

	/**
	 * A statement for an item.
	 */
	private interface Statement {

		Returned run(Connection connection, Done done) throws SQLException;

	}

	/**
	 * Waits for the end of the transaction.
	 */
	private record Outcome(HeldItem item, Settlements settlements) implements TransactionBuffer.Content {

		/**
		 * What a rollback to a savepoint takes away.
		 */
		@Override
		public int size() {
			return (this.item.completion() == Completion.OPEN) ? 1 : 0;
		}

		@Override
		public void truncate(int size) {
			if (size == 0 && this.item.completion() == Completion.OPEN) {
				this.item.completion(Completion.ROLLED_BACK);
			}
		}

		@Override
		public void afterCompletion(int status) {
			if (this.item.completion() != Completion.OPEN) {
				return;
			}
			this.item.completion(switch (status) {
				case TransactionSynchronization.STATUS_COMMITTED -> Completion.COMMITTED;
				case TransactionSynchronization.STATUS_ROLLED_BACK -> Completion.ROLLED_BACK;
				default -> Completion.UNKNOWN;
			});
			if (this.item.completion() != Completion.COMMITTED) {
				return;
			}
			this.settlements.outcomes().count(this.item.claim(), this.item.finish());
			Returned returned = this.item.returned();
			if (returned != null && returned.kind() == Kind.AGAIN) {
				this.settlements.add(new Leave(this.item, returned));
			}
		}

	}

}
