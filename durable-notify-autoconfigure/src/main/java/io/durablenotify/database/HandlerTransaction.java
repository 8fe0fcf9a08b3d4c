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

package io.durablenotify.database;

import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.TransactionOperations;

/**
 * Runs calls of handlers, which may throw checked exceptions, in transactions.
 */
public final class HandlerTransaction {

	private HandlerTransaction() {
	}

	/**
	 * Run a call in a transaction, which rolls back with any exception.
	 * @param transactions the transactions
	 * @param call the call
	 * @throws Exception what the call has thrown, or why the transaction could not begin
	 * or commit
	 */
	public static void run(TransactionOperations transactions, Call call) throws Exception {
		try {
			transactions.executeWithoutResult((status) -> runUnchecked(call, status));
		}
		catch (CheckedException ex) {
			throw ex.exception;
		}
	}

	private static void runUnchecked(Call call, TransactionStatus status) {
		try {
			call.run(status);
		}
		catch (RuntimeException | Error ex) {
			throw ex;
		}
		catch (Exception ex) {
			throw new CheckedException(ex);
		}
	}

	/**
	 * A call in a transaction.
	 */
	@FunctionalInterface
	public interface Call {

		/**
		 * Run it.
		 * @param status the transaction
		 * @throws Exception has the transaction roll back
		 */
		void run(TransactionStatus status) throws Exception;

	}

	/**
	 * Carries a checked exception out of a transaction, which it rolls back.
	 */
	@SuppressWarnings("serial")
	private static final class CheckedException extends RuntimeException {

		private final Exception exception;

		private CheckedException(Exception exception) {
			super(exception);
			this.exception = exception;
		}

	}

}
