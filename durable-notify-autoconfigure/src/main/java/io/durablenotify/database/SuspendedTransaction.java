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

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import javax.sql.DataSource;

import io.durablenotify.database.TransactionBuffer.LifeCycle;
import org.jspecify.annotations.Nullable;

import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * A transaction that Spring has suspended. For a transaction of another manager it
 * suspends the callbacks only, and leaves the connection bound: what runs on it is part
 * of the suspended transaction.
 */
final class SuspendedTransaction {

	private static final Object KEY = SuspendedTransaction.class;

	/**
	 * Suspended before this one, and still.
	 */
	private final @Nullable SuspendedTransaction earlier;

	/**
	 * All that were bound, by whichever transaction, and whether each had one.
	 */
	private final Map<Object, Boolean> connections = new IdentityHashMap<>();

	private final boolean readOnly = TransactionSynchronizationManager.isCurrentTransactionReadOnly();

	private final boolean past;

	private final Map<Object, LifeCycle> contents = new HashMap<>();

	private final List<LifeCycle> added = new ArrayList<>();

	private SuspendedTransaction(@Nullable SuspendedTransaction earlier, boolean past) {
		this.earlier = earlier;
		this.past = past;
		for (Object resource : TransactionSynchronizationManager.getResourceMap().values()) {
			if (resource instanceof ConnectionHolder connection) {
				this.connections.put(connection, TransactionJoin.isActive(connection));
			}
		}
		for (TransactionSynchronization synchronization : TransactionSynchronizationManager.getSynchronizations()) {
			if (synchronization instanceof LifeCycle content) {
				this.contents.put(content.key(), content);
			}
		}
	}

	/**
	 * Called when the current transaction is being suspended.
	 * @param past whether it has come to its commit
	 */
	static void suspend(boolean past) {
		SuspendedTransaction earlier = (SuspendedTransaction) TransactionSynchronizationManager
			.unbindResourceIfPossible(KEY);
		TransactionSynchronizationManager.bindResource(KEY, new SuspendedTransaction(earlier, past));
	}

	/**
	 * Called when the transaction that was suspended last is being resumed.
	 */
	static void resume() {
		SuspendedTransaction resumed = (SuspendedTransaction) TransactionSynchronizationManager.unbindResource(KEY);
		if (resumed.earlier != null) {
			TransactionSynchronizationManager.bindResource(KEY, resumed.earlier);
		}
		resumed.added.forEach(LifeCycle::register);
	}

	/**
	 * Return the suspended transaction whose connection is bound.
	 * @return the transaction, {@code null} if the connection is of none or of the
	 * current one
	 */
	static @Nullable SuspendedTransaction of(DataSource dataSource) {
		SuspendedTransaction next = (SuspendedTransaction) TransactionSynchronizationManager.getResource(KEY);
		if (next == null) {
			return null;
		}
		SuspendedTransaction found = null;
		ConnectionHolder connection = (ConnectionHolder) TransactionSynchronizationManager.getResource(dataSource);
		while (connection != null && next != null && next.has(connection)) {
			found = next;
			next = next.earlier;
		}
		return found;
	}

	/**
	 * The connection of a JPA transaction has none until a transaction of JDBC begins on
	 * it, which is then another one.
	 */
	private boolean has(ConnectionHolder connection) {
		Boolean active = this.connections.get(connection);
		return active != null && (active || !TransactionJoin.isActive(connection));
	}

	boolean isReadOnly() {
		return this.readOnly;
	}

	/**
	 * Return whether it has come to its commit.
	 */
	boolean isPast() {
		return this.past;
	}

	/**
	 * Return the content for a key, which gets its callbacks once the transaction is
	 * resumed.
	 */
	LifeCycle content(Object key, Supplier<LifeCycle> create) {
		return this.contents.computeIfAbsent(key, (missing) -> {
			LifeCycle content = create.get();
			this.added.add(content);
			return content;
		});
	}

}
