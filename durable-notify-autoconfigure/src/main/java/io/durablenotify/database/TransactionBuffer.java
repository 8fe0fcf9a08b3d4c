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
import java.util.List;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import org.springframework.core.Ordered;
import org.springframework.core.PriorityOrdered;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Binds a content to each transaction that Spring synchronizes, with any transaction
 * manager. Creates it on first use, sets it aside while the transaction is suspended,
 * cuts it back with the transaction's savepoints, and unbinds it when the transaction is
 * over. Of a database, the content is that of the transaction whose connection is bound.
 *
 * @param <T> the type of the content
 */
public final class TransactionBuffer<T extends TransactionBuffer.Content> {

	private final Object key;

	private final Supplier<T> create;

	private final @Nullable ApplicationDatabase database;

	/**
	 * Create a new instance for what is written to a database.
	 * @param database the database
	 * @param key what the content is bound to: buffers with the same key share it
	 * @param create creates an empty content
	 */
	public TransactionBuffer(ApplicationDatabase database, Object key, Supplier<T> create) {
		this(key, create, database);
	}

	/**
	 * Create a new instance for what is in memory only.
	 * @param key what the content is bound to: buffers with the same key share it
	 * @param create creates an empty content
	 */
	public TransactionBuffer(Object key, Supplier<T> create) {
		this(key, create, null);
	}

	private TransactionBuffer(Object key, Supplier<T> create, @Nullable ApplicationDatabase database) {
		this.key = key;
		this.create = create;
		this.database = database;
	}

	/**
	 * Return whether the calling thread is in a transaction whose callbacks are still to
	 * come. In an {@code afterCompletion} callback it is not.
	 * @return whether it is
	 */
	public static boolean isAvailable() {
		return TransactionSynchronizationManager.isSynchronizationActive()
				&& TransactionSynchronizationManager.isActualTransactionActive();
	}

	/**
	 * Return whether the current transaction is read-only.
	 * @return whether there is one, and it is
	 */
	public static boolean isReadOnly() {
		return TransactionSynchronizationManager.isActualTransactionActive()
				&& TransactionSynchronizationManager.isCurrentTransactionReadOnly();
	}

	/**
	 * Return the content of the current transaction, which is created if it has none.
	 * @return the content
	 * @throws IllegalStateException if there is no transaction
	 */
	public T current() {
		Object current = TransactionSynchronizationManager.getResource(this.key);
		return cast((current != null) ? current : unbound().content);
	}

	private LifeCycle unbound() {
		SuspendedTransaction suspended = (this.database != null) ? this.database.suspended() : null;
		if (suspended != null) {
			return suspended.content(this.key, () -> new LifeCycle(this.key, this.create.get()));
		}
		CommitListener.mark();
		LifeCycle created = new LifeCycle(this.key, this.create.get());
		created.register();
		return created;
	}

	@SuppressWarnings("unchecked")
	private T cast(Object content) {
		return (T) content;
	}

	/**
	 * Return the contents of a type that the current transaction has, by any buffer.
	 * @param <C> the type of the contents
	 * @param type the type of the contents
	 * @return the contents
	 * @throws IllegalStateException if there is no transaction
	 */
	public static <C extends Content> List<C> contents(Class<C> type) {
		List<C> contents = new ArrayList<>();
		for (TransactionSynchronization synchronization : TransactionSynchronizationManager.getSynchronizations()) {
			if (synchronization instanceof LifeCycle lifeCycle && type.isInstance(lifeCycle.content)) {
				contents.add(type.cast(lifeCycle.content));
			}
		}
		return contents;
	}

	/**
	 * What one transaction keeps in memory until it is over. Called by the transaction's
	 * thread only. No callback comes to a content that is created in the same callback of
	 * another, but {@link #afterCompletion} comes to all.
	 */
	public interface Content {

		/**
		 * Return how many entries there are that a savepoint goes back to.
		 * @return the number of entries, 0 where it makes no difference
		 */
		default int size() {
			return 0;
		}

		/**
		 * Remove the latest entries: the transaction was rolled back to a savepoint.
		 * @param size how many entries stay
		 */
		default void truncate(int size) {
		}

		/**
		 * Called before the commit, and not before a rollback.
		 */
		default void beforeCommit() {
		}

		/**
		 * Called before the commit or the rollback, with the transaction still open.
		 */
		default void beforeCompletion() {
		}

		/**
		 * Called after the commit, before any other {@code afterCommit} callback.
		 */
		default void afterCommit() {
		}

		/**
		 * Called when the transaction is over and the content is bound to it no more.
		 * @param status the outcome, one of the constants of
		 * {@link TransactionSynchronization}
		 */
		void afterCompletion(int status);

	}

	/**
	 * Hands the callbacks of a transaction to its content.
	 */
	static final class LifeCycle implements TransactionSynchronization {

		private final Object key;

		private final Content content;

		/**
		 * The savepoints that have entries before them, the latest last.
		 */
		private final List<Savepoint> savepoints = new ArrayList<>();

		private LifeCycle(Object key, Content content) {
			this.key = key;
			this.content = content;
		}

		Object key() {
			return this.key;
		}

		void register() {
			TransactionSynchronizationManager.registerSynchronization(this);
			TransactionSynchronizationManager.registerSynchronization(new First());
			TransactionSynchronizationManager.bindResource(this.key, this.content);
		}

		@Override
		public void suspend() {
			TransactionSynchronizationManager.unbindResource(this.key);
		}

		@Override
		public void resume() {
			TransactionSynchronizationManager.bindResource(this.key, this.content);
		}

		@Override
		public void savepoint(Object savepoint) {
			if (this.content.size() > 0) {
				this.savepoints.add(new Savepoint(savepoint, this.content.size()));
			}
		}

		@Override
		public void savepointRollback(Object savepoint) {
			int index = this.savepoints.size() - 1;
			while (index >= 0 && this.savepoints.get(index).savepoint() != savepoint) {
				index--;
			}
			// One that is unknown is older than the first entry
			int size = (index >= 0) ? this.savepoints.get(index).size() : 0;
			this.content.truncate(Math.min(size, this.content.size()));
			this.savepoints.subList(index + 1, this.savepoints.size()).clear();
		}

		@Override
		public void beforeCommit(boolean readOnly) {
			this.content.beforeCommit();
		}

		@Override
		public void beforeCompletion() {
			this.content.beforeCompletion();
		}

		@Override
		public void afterCompletion(int status) {
			this.content.afterCompletion(status);
		}

		/**
		 * Called before the application's callbacks.
		 */
		private final class First implements TransactionSynchronization, PriorityOrdered {

			@Override
			public int getOrder() {
				return Ordered.HIGHEST_PRECEDENCE;
			}

			@Override
			public void afterCommit() {
				LifeCycle.this.content.afterCommit();
			}

			/**
			 * A transaction that a callback begins now must not find the content: Spring
			 * does not suspend this one's callbacks any more.
			 */
			@Override
			public void afterCompletion(int status) {
				// Another thread may call, on which nothing is bound
				TransactionSynchronizationManager.unbindResourceIfPossible(LifeCycle.this.key);
			}

		}

	}

	/**
	 * What {@code Connection.rollback(Savepoint)} goes back to.
	 *
	 * @param savepoint the savepoint
	 * @param size how many entries there were
	 */
	private record Savepoint(Object savepoint, int size) {
	}

}
