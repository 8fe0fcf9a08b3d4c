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

package io.durablenotify.wakeup;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.Ordered;
import org.springframework.core.PriorityOrdered;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Gathers the wake-ups of one transaction and lets them go when it has committed.
 * <p>
 * What is written in an {@code afterCommit} callback runs on a transaction that is over:
 * it is committed by the clean-up behind all callbacks, and its wake-up has to come later
 * still.
 */
final class TransactionWakeups implements TransactionSynchronization {

	private static final Log logger = LogFactory.getLog(Wakeups.class);

	private static final long[] LATE_MILLIS = { 50, 500 };

	private final Carrier carrier;

	private final WakeupBatch gathered = new WakeupBatch();

	private final WakeupBatch late = new WakeupBatch();

	/**
	 * Set by {@link #beforeCommit}, which does not come to what another's registers.
	 */
	private boolean committing;

	/**
	 * Set by {@link #beforeCompletion}, which does not come to what another's registers.
	 */
	private boolean completing;

	/**
	 * Set before any other {@code afterCommit}, none of which comes to what another's
	 * registers: what is written from now on is not part of the transaction.
	 */
	private boolean committed;

	private TransactionWakeups(Carrier carrier) {
		this.carrier = carrier;
	}

	/**
	 * Return those of the current transaction.
	 * @param carrier who sends; the transaction's wake-ups are bound to it
	 */
	static TransactionWakeups current(Carrier carrier) {
		TransactionWakeups current = (TransactionWakeups) TransactionSynchronizationManager.getResource(carrier);
		if (current == null) {
			current = new TransactionWakeups(carrier);
			TransactionSynchronizationManager.registerSynchronization(current);
			TransactionSynchronizationManager.registerSynchronization(current.new Committed());
			TransactionSynchronizationManager.bindResource(carrier, current);
		}
		return current;
	}

	void add(String topic, Wakeup wakeup) {
		if (this.committed) {
			this.late.add(topic, wakeup);
			return;
		}
		this.gathered.add(topic, wakeup);
		if (this.committing) {
			WakeupBatch single = new WakeupBatch();
			single.add(topic, wakeup);
			this.carrier.beforeCommit(single);
		}
	}

	@Override
	public void suspend() {
		TransactionSynchronizationManager.unbindResource(this.carrier);
	}

	@Override
	public void resume() {
		TransactionSynchronizationManager.bindResource(this.carrier, this);
	}

	@Override
	public void beforeCommit(boolean readOnly) {
		this.committing = true;
		this.carrier.beforeCommit(this.gathered);
	}

	@Override
	public void beforeCompletion() {
		this.completing = true;
	}

	@Override
	public void afterCompletion(int status) {
		TransactionSynchronizationManager.unbindResourceIfPossible(this.carrier);
		if (status == STATUS_ROLLED_BACK) {
			return;
		}
		if (status == STATUS_COMMITTED && !this.completing && !this.committed) {
			// Registered in an afterCommit callback
			this.late.addAll(this.gathered);
		}
		else if (this.committing) {
			this.carrier.afterCommit(this.gathered);
		}
		else {
			this.carrier.behindCommit(this.gathered);
		}
		if (!this.late.isEmpty()) {
			this.carrier.commitLate();
			logger.warn("Written in an afterCommit callback, on a transaction that is over. It is stored and readers "
					+ "are woken, but nothing rolls it back: use a new transaction there (Propagation.REQUIRES_NEW)");
			for (long delay : LATE_MILLIS) {
				CompletableFuture.delayedExecutor(delay, TimeUnit.MILLISECONDS, Runnable::run)
					.execute(() -> this.carrier.behindCommit(this.late));
			}
		}
	}

	/**
	 * Notes the commit before any other callback can write after it.
	 */
	private final class Committed implements TransactionSynchronization, PriorityOrdered {

		@Override
		public int getOrder() {
			return Ordered.HIGHEST_PRECEDENCE;
		}

		@Override
		public void afterCommit() {
			TransactionWakeups.this.committed = true;
		}

	}

	/**
	 * Carries the wake-ups of transactions.
	 */
	interface Carrier {

		/**
		 * Take wake-ups in the transaction, shortly before the commit.
		 */
		void beforeCommit(WakeupBatch batch);

		/**
		 * Take wake-ups once the transaction has, or may have, committed.
		 */
		void afterCommit(WakeupBatch batch);

		/**
		 * Take wake-ups that were too late for {@link #beforeCommit}.
		 */
		void behindCommit(WakeupBatch batch);

		/**
		 * Commit what was written on the transaction's connection behind its commit. The
		 * clean-up does that only for pools whose connections are in autocommit.
		 */
		void commitLate();

	}

}
