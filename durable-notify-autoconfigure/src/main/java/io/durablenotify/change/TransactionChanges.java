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

package io.durablenotify.change;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * The changes of one transaction, kept in memory until it has committed: of any
 * transaction that Spring synchronizes, whichever manager it belongs to.
 * <p>
 * If it is unknown whether the transaction committed, its changes are given: one too many
 * costs a look, one too few leaves a cache stale.
 */
final class TransactionChanges implements TransactionSynchronization {

	private final Object owner;

	private final Consumer<List<Change>> afterCommit;

	private final List<Change> changes = new ArrayList<>();

	/**
	 * Those created since the first change, the latest last.
	 */
	private final List<Savepoint> savepoints = new ArrayList<>();

	private TransactionChanges(Object owner, Consumer<List<Change>> afterCommit) {
		this.owner = owner;
		this.afterCommit = afterCommit;
	}

	/**
	 * Return whether there is a transaction whose end is told. In an afterCompletion
	 * callback there is none any more.
	 */
	static boolean isJoinable() {
		return TransactionSynchronizationManager.isSynchronizationActive()
				&& TransactionSynchronizationManager.isActualTransactionActive();
	}

	/**
	 * Return those of the current transaction.
	 * @param owner what they are bound to
	 * @param afterCommit takes them when the transaction has, or may have, committed
	 */
	static TransactionChanges current(Object owner, Consumer<List<Change>> afterCommit) {
		TransactionChanges current = (TransactionChanges) TransactionSynchronizationManager.getResource(owner);
		if (current == null) {
			current = new TransactionChanges(owner, afterCommit);
			TransactionSynchronizationManager.registerSynchronization(current);
			TransactionSynchronizationManager.bindResource(owner, current);
		}
		return current;
	}

	void add(Change change) {
		this.changes.add(change);
	}

	@Override
	public void savepoint(Object savepoint) {
		this.savepoints.add(new Savepoint(savepoint, this.changes.size()));
	}

	@Override
	public void savepointRollback(Object savepoint) {
		int index = this.savepoints.size() - 1;
		while (index >= 0 && this.savepoints.get(index).savepoint() != savepoint) {
			index--;
		}
		// One that was not told here is older than the first change
		int kept = (index >= 0) ? this.savepoints.get(index).size() : 0;
		this.changes.subList(kept, this.changes.size()).clear();
		this.savepoints.subList(index + 1, this.savepoints.size()).clear();
	}

	@Override
	public void suspend() {
		TransactionSynchronizationManager.unbindResource(this.owner);
	}

	@Override
	public void resume() {
		TransactionSynchronizationManager.bindResource(this.owner, this);
	}

	/**
	 * Not in afterCommit(), which does not come to what was registered in another's
	 * afterCommit().
	 */
	@Override
	public void afterCompletion(int status) {
		TransactionSynchronizationManager.unbindResourceIfPossible(this.owner);
		if (status != STATUS_ROLLED_BACK) {
			this.afterCommit.accept(this.changes);
		}
	}

	/**
	 * What {@code Connection.rollback(Savepoint)} goes back to.
	 *
	 * @param savepoint the savepoint
	 * @param size how many changes there were
	 */
	private record Savepoint(Object savepoint, int size) {
	}

}
