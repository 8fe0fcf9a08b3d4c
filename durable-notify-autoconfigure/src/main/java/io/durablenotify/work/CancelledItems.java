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

/**
 * The items that a transaction has cancelled, of which one may be that of its handler.
 */
final class CancelledItems implements TransactionBuffer.Content {

	private final List<Long> ids = new ArrayList<>();

	/**
	 * Return those of the current transaction.
	 */
	static CancelledItems current(ApplicationDatabase database) {
		return new TransactionBuffer<>(database, new Key(database), CancelledItems::new).current();
	}

	void add(long itemId) {
		this.ids.add(itemId);
	}

	boolean contains(long itemId) {
		return this.ids.contains(itemId);
	}

	@Override
	public int size() {
		return this.ids.size();
	}

	@Override
	public void truncate(int size) {
		this.ids.subList(size, this.ids.size()).clear();
	}

	@Override
	public void afterCompletion(int status) {
	}

	/**
	 * Contexts that share a transaction may have databases of their own.
	 */
	private record Key(ApplicationDatabase database) {
	}

}
