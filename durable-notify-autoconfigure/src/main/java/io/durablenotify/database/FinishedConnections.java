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

import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;

import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.datasource.JdbcTransactionObjectSupport;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * The connections of transactions that are over, and that are bound until their callbacks
 * have returned. A transaction that such a callback begins, of another manager or by
 * joining the one that is over, does not commit what is written on them.
 */
final class FinishedConnections {

	private static final Object KEY = FinishedConnections.class;

	/**
	 * Weak: a transaction listener of the application that throws prevents the removal.
	 */
	private final Set<ConnectionHolder> connections = Collections.newSetFromMap(new WeakHashMap<>());

	private FinishedConnections() {
	}

	/**
	 * Called when a transaction is over, before its callbacks.
	 */
	static void add(TransactionExecution transaction) {
		ConnectionHolder connection = connection(transaction);
		if (connection == null) {
			return;
		}
		FinishedConnections finished = current();
		if (finished == null) {
			finished = new FinishedConnections();
			TransactionSynchronizationManager.bindResource(KEY, finished);
		}
		finished.connections.add(connection);
	}

	/**
	 * Called when its callbacks have returned.
	 */
	static void remove(TransactionExecution transaction) {
		FinishedConnections finished = current();
		if (finished != null) {
			finished.connections.remove(connection(transaction));
			if (finished.connections.isEmpty()) {
				TransactionSynchronizationManager.unbindResource(KEY);
			}
		}
	}

	static boolean contains(@Nullable ConnectionHolder connection) {
		FinishedConnections finished = current();
		return finished != null && finished.connections.contains(connection);
	}

	private static @Nullable FinishedConnections current() {
		return (FinishedConnections) TransactionSynchronizationManager.getResource(KEY);
	}

	private static @Nullable ConnectionHolder connection(TransactionExecution transaction) {
		return (transaction instanceof DefaultTransactionStatus status && status.isNewTransaction()
				&& status.getTransaction() instanceof JdbcTransactionObjectSupport jdbc && jdbc.hasConnectionHolder())
						? jdbc.getConnectionHolder() : null;
	}

}
