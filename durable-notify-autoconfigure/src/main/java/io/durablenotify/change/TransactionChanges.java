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

import io.durablenotify.database.TransactionBuffer;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * The changes of one transaction, kept in memory until it has committed.
 * <p>
 * If it is unknown whether the transaction committed, its changes are delivered: a change
 * too many costs a read, a missing one leaves a cache stale.
 */
final class TransactionChanges implements TransactionBuffer.Content {

	private final Consumer<List<Change>> deliver;

	private final List<Change> changes = new ArrayList<>();

	/**
	 * Create a new instance.
	 * @param deliver takes the changes when the transaction has, or may have, committed
	 */
	TransactionChanges(Consumer<List<Change>> deliver) {
		this.deliver = deliver;
	}

	void add(Change change) {
		this.changes.add(change);
	}

	@Override
	public int size() {
		return this.changes.size();
	}

	@Override
	public void truncate(int size) {
		this.changes.subList(size, this.changes.size()).clear();
	}

	/**
	 * Used instead of afterCommit(), which is not called for changes that a callback has
	 * published in its own afterCommit().
	 */
	@Override
	public void afterCompletion(int status) {
		if (status != TransactionSynchronization.STATUS_ROLLED_BACK) {
			this.deliver.accept(this.changes);
		}
	}

}
