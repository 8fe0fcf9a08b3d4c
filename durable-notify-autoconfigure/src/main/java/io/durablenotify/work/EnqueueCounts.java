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

import java.util.ArrayList;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.measure.Tally;
import org.jspecify.annotations.Nullable;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Counts the new items that are stored: those of a transaction after its commit.
 */
final class EnqueueCounts {

	private final WorkMeasures measures;

	private final TransactionBuffer<Uncommitted> transactions;

	EnqueueCounts(ApplicationDatabase database, WorkMeasures measures) {
		this.measures = measures;
		this.transactions = new TransactionBuffer<>(database, this, Uncommitted::new);
	}

	/**
	 * Items were stored.
	 * @param stored what was stored of each, {@code null} where nothing was
	 * @param joined whether that is in the caller's transaction
	 */
	void stored(List<NewItem> items, List<? extends @Nullable StoredItem> stored, boolean joined) {
		for (int i = 0; i < items.size(); i++) {
			StoredItem item = stored.get(i);
			if (item != null && !item.coalesced()) {
				Tally enqueued = this.measures.enqueued(items.get(i).queue());
				if (joined) {
					this.transactions.current().tallies.add(enqueued);
				}
				else {
					enqueued.increment();
				}
			}
		}
	}

	/**
	 * What a transaction has stored.
	 */
	private static final class Uncommitted implements TransactionBuffer.Content {

		/**
		 * One for each item: a savepoint may take the latest back.
		 */
		private final List<Tally> tallies = new ArrayList<>();

		@Override
		public int size() {
			return this.tallies.size();
		}

		@Override
		public void truncate(int size) {
			this.tallies.subList(size, this.tallies.size()).clear();
		}

		@Override
		public void afterCompletion(int status) {
			if (status == TransactionSynchronization.STATUS_COMMITTED) {
				this.tallies.forEach(Tally::increment);
			}
		}

	}

}
