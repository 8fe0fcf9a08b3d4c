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

import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.HierarchicalBeanFactory;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.config.SingletonBeanRegistry;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.core.Ordered;
import org.springframework.core.PriorityOrdered;
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
public final class CommitListener implements BeanPostProcessor, BeanFactoryAware, TransactionExecutionListener {

	/**
	 * Return whether a listener is called before the current transaction commits.
	 */
	static boolean isComing() {
		Mark mark = current();
		return mark != null && mark.transaction != null;
	}

	/**
	 * Take note when the current transaction is suspended, also if its manager is no
	 * bean.
	 */
	static void mark() {
		if (current() == null) {
			new Mark(null).register();
		}
	}

	/**
	 * Return whether the current transaction has come to its commit.
	 */
	static boolean isPast() {
		Mark mark = current();
		return mark != null && mark.past;
	}

	/**
	 * Bound, since a transaction may have very many synchronizations.
	 */
	private static @Nullable Mark current() {
		Mark mark = (Mark) TransactionSynchronizationManager.getResource(Mark.class);
		return (mark != null && !mark.over) ? mark : null;
	}

	@Override
	public Object postProcessBeforeInitialization(Object bean, String beanName) {
		if (bean instanceof ConfigurableTransactionManager manager) {
			listenTo(manager);
		}
		return bean;
	}

	/**
	 * The managers of parent contexts are there already, and may be in use; one that is
	 * not, since it is lazy, is not created for this. They keep the listener when this
	 * context is closed, since it has no state and transactions may count on it.
	 */
	@Override
	public void setBeanFactory(BeanFactory beanFactory) {
		BeanFactory ancestor = parent(beanFactory);
		while (ancestor instanceof ListableBeanFactory beans) {
			for (String name : beans.getBeanNamesForType(ConfigurableTransactionManager.class, false, false)) {
				if (!(beans instanceof SingletonBeanRegistry registry) || registry.containsSingleton(name)) {
					listenTo(beans.getBean(name, ConfigurableTransactionManager.class));
				}
			}
			ancestor = parent(ancestor);
		}
	}

	private static @Nullable BeanFactory parent(BeanFactory beanFactory) {
		return (beanFactory instanceof HierarchicalBeanFactory child) ? child.getParentBeanFactory() : null;
	}

	private void listenTo(ConfigurableTransactionManager manager) {
		Collection<TransactionExecutionListener> listeners = manager.getTransactionExecutionListeners();
		if (listeners.stream().noneMatch(CommitListener.class::isInstance)) {
			List<TransactionExecutionListener> extended = new CopyOnWriteArrayList<>(listeners);
			extended.add(this);
			manager.setTransactionExecutionListeners(extended);
		}
	}

	/**
	 * Called for savepoints too, and for transactions that are not synchronized and begin
	 * within one that is.
	 */
	@Override
	public void afterBegin(TransactionExecution transaction, @Nullable Throwable failure) {
		if (failure == null && TransactionSynchronizationManager.isSynchronizationActive() && current() == null) {
			new Mark(transaction).register();
		}
	}

	@Override
	public void beforeCommit(TransactionExecution transaction) {
		Mark mark = current();
		if (mark != null && mark.transaction == transaction) {
			CommitWrites.writeAll();
			mark.past = true;
		}
	}

	@Override
	public void afterCommit(TransactionExecution transaction, @Nullable Throwable failure) {
		FinishedConnections.remove(transaction);
	}

	@Override
	public void afterRollback(TransactionExecution transaction, @Nullable Throwable failure) {
		FinishedConnections.remove(transaction);
	}

	/**
	 * Registered with each transaction that is listened to, and with one of a manager
	 * that is no bean once it has a content. Called before the application's callbacks:
	 * the next transaction may begin in one of them.
	 */
	private static final class Mark implements TransactionSynchronization, PriorityOrdered {

		/**
		 * The one that is listened to, or {@code null}.
		 */
		private final @Nullable TransactionExecution transaction;

		private boolean past;

		/**
		 * Set by another thread where that completes the transaction.
		 */
		private volatile boolean over;

		private Mark(@Nullable TransactionExecution transaction) {
			this.transaction = transaction;
		}

		private void register() {
			TransactionSynchronizationManager.registerSynchronization(this);
			bind();
		}

		private void bind() {
			TransactionSynchronizationManager.unbindResourceIfPossible(Mark.class);
			TransactionSynchronizationManager.bindResource(Mark.class, this);
		}

		@Override
		public int getOrder() {
			return Ordered.HIGHEST_PRECEDENCE;
		}

		@Override
		public void suspend() {
			TransactionSynchronizationManager.unbindResourceIfPossible(Mark.class);
			SuspendedTransaction.suspend(this.past);
		}

		@Override
		public void resume() {
			SuspendedTransaction.resume();
			bind();
		}

		@Override
		public void afterCompletion(int status) {
			this.over = true;
			if (TransactionSynchronizationManager.getResource(Mark.class) == this) {
				TransactionSynchronizationManager.unbindResource(Mark.class);
				// The listener may not be called after an unknown outcome
				if (this.transaction != null && status != STATUS_UNKNOWN) {
					FinishedConnections.add(this.transaction);
				}
			}
		}

	}

}
