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

import java.time.Duration;

import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.loop.Delays;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Gathers the wake-ups of one transaction and sends them after its commit.
 * <p>
 * What is written in an {@code afterCommit} callback runs on a transaction that is over:
 * it is committed by the clean-up after all callbacks, and its wake-up has to come later
 * still.
 */
final class TransactionWakeups implements TransactionBuffer.Content {

	private static final Log logger = LogFactory.getLog(Wakeups.class);

	private static final long[] LATE_MILLIS = { 50, 500 };

	private final Sender sender;

	private final WakeupBatch gathered = new WakeupBatch();

	private final WakeupBatch late = new WakeupBatch();

	private boolean completing;

	/**
	 * What is written from now on is not part of the transaction.
	 */
	private boolean committed;

	TransactionWakeups(Sender sender) {
		this.sender = sender;
	}

	void add(String topic, Wakeup wakeup) {
		if (this.committed) {
			this.late.add(topic, wakeup);
			return;
		}
		this.gathered.add(topic, wakeup);
	}

	@Override
	public void beforeCompletion() {
		this.completing = true;
	}

	@Override
	public void afterCommit() {
		this.committed = true;
	}

	@Override
	public void afterCompletion(int status) {
		if (status == TransactionSynchronization.STATUS_ROLLED_BACK) {
			return;
		}
		if (status == TransactionSynchronization.STATUS_COMMITTED && !this.completing && !this.committed) {
			// Registered in an afterCommit callback
			this.late.addAll(this.gathered);
		}
		else {
			this.sender.send(this.gathered);
		}
		if (!this.late.isEmpty()) {
			this.sender.commitLate();
			logger
				.warn("An afterCommit callback has written after its transaction was over. The write is stored and no "
						+ "rollback undoes it: use a new transaction (Propagation.REQUIRES_NEW)");
			for (long delay : LATE_MILLIS) {
				Delays.ofJvm().after(Duration.ofMillis(delay), () -> this.sender.send(this.late));
			}
		}
	}

	/**
	 * Sends the wake-ups of transactions.
	 */
	interface Sender {

		/**
		 * Send wake-ups after the transaction has, or may have, committed.
		 */
		void send(WakeupBatch batch);

		/**
		 * Commit what was written on the transaction's connection after its commit. The
		 * clean-up does that only for pools whose connections are in autocommit.
		 */
		void commitLate();

	}

}
