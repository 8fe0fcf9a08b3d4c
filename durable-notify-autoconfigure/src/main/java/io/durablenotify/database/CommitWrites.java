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
import java.util.Comparator;
import java.util.List;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Gathers what a transaction writes when nothing but its commit remains. It holds the
 * rows that this locks for no longer than that.
 *
 * @param <T> the type of what is gathered
 */
public abstract class CommitWrites<T> implements TransactionBuffer.Content {

	/**
	 * The rank of streams, whose rows all transactions lock first.
	 */
	public static final int STREAMS = 1;

	/**
	 * The rank of work.
	 */
	public static final int WORK = 2;

	private final int rank;

	private final long capacity;

	private final List<T> gathered = new ArrayList<>();

	private long size;

	private boolean committing;

	/**
	 * Create a new instance.
	 * @param rank the place among what one transaction gathers: all transactions lock
	 * rows in this order
	 * @param capacity how much one transaction may gather, in the unit of {@link #sizeOf}
	 */
	protected CommitWrites(int rank, long capacity) {
		this.rank = rank;
		this.capacity = capacity;
	}

	/**
	 * Write entries in the transaction.
	 * @param entries the entries, in the order in which they were added
	 */
	protected abstract void write(List<T> entries);

	/**
	 * Return how much of the capacity an entry takes.
	 * @param entry the entry
	 * @return its size
	 */
	protected abstract long sizeOf(T entry);

	/**
	 * Create what is thrown for an entry for which there is no room.
	 * @param size how much is gathered
	 * @return the exception
	 */
	protected abstract TaskRejectedException full(long size);

	/**
	 * Called after entries were written when the transaction was over, since they were
	 * added so late.
	 */
	protected abstract void writtenLate();

	/**
	 * Add to what the transaction writes. While it commits, the entry is written at once.
	 * @param entry the entry
	 * @throws TaskRejectedException if the transaction has gathered too much
	 */
	public final void add(T entry) {
		long size = sizeOf(entry);
		if (!this.gathered.isEmpty() && this.size + size > this.capacity) {
			throw full(this.size);
		}
		this.gathered.add(entry);
		this.size += size;
		if (this.committing) {
			writeGathered();
		}
	}

	private void writeGathered() {
		if (!this.gathered.isEmpty()) {
			List<T> entries = List.copyOf(this.gathered);
			truncate(0);
			write(entries);
		}
	}

	@Override
	public final int size() {
		return this.gathered.size();
	}

	@Override
	public final void truncate(int size) {
		List<T> dropped = this.gathered.subList(size, this.gathered.size());
		dropped.forEach((entry) -> this.size -= sizeOf(entry));
		dropped.clear();
	}

	/**
	 * Without a {@link CommitListener} other callbacks may come later.
	 */
	@Override
	public final void beforeCommit() {
		if (!CommitListener.isComing()) {
			writeAll();
		}
	}

	/**
	 * Write what the current transaction has gathered by any of these, and from now on at
	 * once.
	 */
	static void writeAll() {
		List<CommitWrites<?>> all = all();
		if (all.stream().anyMatch((writes) -> writes.size() > 0)) {
			PersistenceContexts.flush();
			// An entity's listener may have been the first to add to one of them
			all = all();
		}
		all.forEach((writes) -> writes.committing = true);
		all.forEach(CommitWrites::writeGathered);
	}

	private static List<CommitWrites<?>> all() {
		List<CommitWrites<?>> all = new ArrayList<>();
		TransactionBuffer.contents(CommitWrites.class).forEach(all::add);
		all.sort(Comparator.comparingInt((writes) -> writes.rank));
		return all;
	}

	@Override
	public final void afterCompletion(int status) {
		if (status == TransactionSynchronization.STATUS_COMMITTED && !this.gathered.isEmpty()) {
			// Registered so late that nothing was called before the commit
			writeGathered();
			writtenLate();
		}
	}

}
