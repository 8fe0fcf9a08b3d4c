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

import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Has {@link CommitWrites} write what they have gathered, after all synchronization
 * callbacks of the transaction in any order. The application's transaction managers call
 * their listeners last.
 */
public final class CommitListener implements BeanPostProcessor, TransactionExecutionListener {

	/**
	 * Return whether a listener is called before the current transaction commits.
	 */
	static boolean isComing() {
		return marks().anyMatch((mark) -> mark.listened);
	}

	/**
	 * Take note when the current transaction is suspended, also if its manager is no
	 * bean.
	 */
	static void mark() {
		if (marks().findAny().isEmpty()) {
			TransactionSynchronizationManager.registerSynchronization(new Mark(false));
		}
	}

	/**
	 * Return whether the current transaction has come to its commit.
	 */
	static boolean isPast() {
		return marks().anyMatch((mark) -> mark.past);
	}

	private static Stream<Mark> marks() {
		return TransactionSynchronizationManager.getSynchronizations()
			.stream()
			.filter(Mark.class::isInstance)
			.map(Mark.class::cast);
	}

	@Override
	public Object postProcessBeforeInitialization(Object bean, String beanName) {
		if (bean instanceof ConfigurableTransactionManager manager) {
			manager.addListener(this);
		}
		return bean;
	}

	@Override
	public void afterBegin(TransactionExecution transaction, @Nullable Throwable failure) {
		if (failure == null && TransactionSynchronizationManager.isSynchronizationActive()) {
			TransactionSynchronizationManager.registerSynchronization(new Mark(true));
		}
	}

	/**
	 * Called for nested transactions too, with which nothing is committed yet.
	 */
	@Override
	public void beforeCommit(TransactionExecution transaction) {
		if (transaction.isNewTransaction() && !transaction.isNested()
				&& TransactionSynchronizationManager.isSynchronizationActive()) {
			CommitWrites.writeAll();
			marks().forEach((mark) -> mark.past = true);
		}
	}

	/**
	 * Registered with each transaction that is listened to, and with one of a manager
	 * that is no bean once it has a content.
	 */
	private static final class Mark implements TransactionSynchronization {

		private final boolean listened;

		private boolean past;

		private Mark(boolean listened) {
			this.listened = listened;
		}

		@Override
		public void suspend() {
			SuspendedTransaction.suspend(this.past);
		}

		@Override
		public void resume() {
			SuspendedTransaction.resume();
		}

	}

}
