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
package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransaction;
import io.durablenotify.database.TransactionBuffer;
import org.jspecify.annotations.Nullable;

import org.springframework.transaction.support.TransactionOperations;

/**
 * Calls the handler of a consumer and stores its positions. It does that in transactions
 * of ours, in those of the handler, or after the call.
 */
final class ConsumerWrites {

	private static final String TASK = "store the position of a consumer of streams";

	private final String consumer;

	private final ApplicationDatabase database;

	/**
	 * {@code null} if the handler is called outside a transaction.
	 */
	private final @Nullable TransactionOperations transactions;

	ConsumerWrites(String consumer, ApplicationDatabase database, @Nullable TransactionOperations transactions) {
		this.consumer = consumer;
		this.database = database;
		this.transactions = transactions;
	}

	boolean isTransactional() {
		return this.transactions != null;
	}

	/**
	 * Run calls in a transaction if they are to have one.
	 * @throws Exception what they threw, or why the transaction could not begin or commit
	 */
	void run(Calls calls) throws Exception {
		TransactionOperations transactions = this.transactions;
		if (transactions == null) {
			calls.run();
			return;
		}
		HandlerTransaction.run(transactions, (status) -> calls.run());
	}

	/**
	 * Store something: in the transaction of {@link #run} if there is one.
	 * @throws ConsumerLostException if the statement was refused
	 */
	void write(Statement statement) {
		if (this.transactions != null) {
			writeInTransaction(statement);
		}
		else if (!this.database.executeSeparately(TASK, ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> statement.run(connection))) {
			throw new ConsumerLostException(this.consumer);
		}
	}

	/**
	 * Wait for the end of the transaction in which something was stored.
	 */
	void awaitEnd(TransactionBuffer.Content outcome) {
		new TransactionBuffer<>(this.database, outcome, () -> outcome).current();
	}

	/**
	 * Store something in the current transaction.
	 * @throws ConsumerLostException if the statement was refused
	 * @throws IllegalStateException if there is no transaction
	 */
	void writeInTransaction(Statement statement) {
		if (!this.database.isTransactionOpen()) {
			throw new IllegalStateException(("The position of consumer '%s' can be stored in a transaction only. Begin "
					+ "one, or return from the handler without commit()")
				.formatted(this.consumer));
		}
		boolean written = this.database.execute(TASK, (connection, joined) -> {
			if (!joined) {
				throw new IllegalStateException(
						"The transaction must be one of the DataSource that durable-notify uses");
			}
			return statement.run(connection);
		});
		if (!written) {
			throw new ConsumerLostException(this.consumer);
		}
	}

	/**
	 * Calls of the handler, and what is stored with them.
	 */
	@FunctionalInterface
	interface Calls {

		void run() throws Exception;

	}

	/**
	 * A statement of a position.
	 */
	@FunctionalInterface
	interface Statement {

		/**
		 * Run it.
		 * @return false if it was refused
		 */
		boolean run(Connection connection) throws SQLException;

	}

}
