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

import java.util.function.Consumer;

import io.durablenotify.Subscription;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What all {@link Wakeups} have to do.
 */
@ExtendWith(OutputCaptureExtension.class)
abstract class WakeupsContract {

	private final String topic = "topic-" + System.nanoTime();

	private final RecordingWakeupHandler handler = new RecordingWakeupHandler();

	private Wakeups wakeups;

	abstract Wakeups wakeups();

	abstract PlatformTransactionManager transactionManager();

	@BeforeEach
	void subscribe() {
		this.wakeups = wakeups();
		this.wakeups.subscribe(this.topic, this.handler);
	}

	@Test
	void sendDeliversAtOnce() {
		this.wakeups.send(this.topic, Wakeup.moved(1, 1));
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1));
		inTransaction((status) -> {
			this.wakeups.send(this.topic, Wakeup.moved(1, 2));
			assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1), Wakeup.moved(1, 2));
		});
	}

	@Test
	void topicsAreDeliveredSeparately() {
		RecordingWakeupHandler other = new RecordingWakeupHandler();
		this.wakeups.subscribe(this.topic + "-other", other);
		this.wakeups.send(this.topic, Wakeup.moved(1, 1));
		this.wakeups.send(this.topic + "-other", Wakeup.moved(2, 2));
		this.wakeups.send(this.topic + "-unheard", Wakeup.moved(3, 3));
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1));
		assertThat(other.wakeups()).containsExactly(Wakeup.moved(2, 2));
	}

	@Test
	void sendAfterCommitDeliversAfterTheCommit() {
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			onTransaction(new TransactionSynchronization() {

				@Override
				public void beforeCommit(boolean readOnly) {
					assertThat(WakeupsContract.this.handler.wakeups()).isEmpty();
				}

			});
			assertThat(this.handler.wakeups()).isEmpty();
		});
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1));
	}

	@Test
	void sendAfterCommitDeliversNothingAfterARollback() {
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			status.setRollbackOnly();
		});
		inTransaction((status) -> this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 2)));
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(2, 2));
	}

	@Test
	void manyForOneIdBecomeOneThatSaysWhatAllSaid() {
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 3));
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 5).created("name"));
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 1));
			this.wakeups.sendAfterCommit(this.topic, Wakeup.ended(1));
			this.wakeups.sendAfterCommit(this.topic, new Wakeup(1, 4, false, true, null));
		});
		assertThat(this.handler.wakeups()).containsExactly(new Wakeup(1, 5, true, true, "name"), Wakeup.moved(2, 1));
	}

	@Test
	void moreThanCanBeRememberedBecomesAResyncOfTheTopic() {
		RecordingWakeupHandler other = new RecordingWakeupHandler();
		this.wakeups.subscribe(this.topic + "-other", other);
		inTransaction((status) -> {
			for (int id = 0; id <= WakeupBatch.MAX_PER_TOPIC; id++) {
				this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(id, 1));
			}
			this.wakeups.sendAfterCommit(this.topic + "-other", Wakeup.moved(1, 1));
		});
		assertThat(this.handler.wakeups()).isEmpty();
		assertThat(this.handler.resyncs()).isOne();
		assertThat(other.wakeups()).containsExactly(Wakeup.moved(1, 1));
		assertThat(other.resyncs()).isZero();
	}

	@Test
	void anInnerTransactionThatCommitsWakesAndTheOuterOneThatRollsBackDoesNot() {
		inTransaction((outer) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			inNewTransaction((inner) -> this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 2)));
			assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(2, 2));
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(3, 3));
			outer.setRollbackOnly();
		});
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(2, 2));
	}

	@Test
	void anInnerTransactionThatRollsBackDoesNotWakeAndTheOuterOneThatCommitsDoes() {
		inTransaction((outer) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			inNewTransaction((inner) -> {
				this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 2));
				inner.setRollbackOnly();
			});
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(3, 3));
			assertThat(this.handler.wakeups()).isEmpty();
		});
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1), Wakeup.moved(3, 3));
	}

	@Test
	void whatIsSentInABeforeCommitCallbackIsDelivered() {
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			onTransaction(new TransactionSynchronization() {

				@Override
				public void beforeCommit(boolean readOnly) {
					WakeupsContract.this.wakeups.sendAfterCommit(WakeupsContract.this.topic, Wakeup.moved(2, 2));
				}

			});
		});
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(1, 1), Wakeup.moved(2, 2));
	}

	@Test
	void whatIsSentInAnAfterCommitCallbackIsDeliveredALittleLaterWithAWarning(CapturedOutput output) {
		inTransaction((status) -> onTransaction(afterCommit(Wakeup.moved(1, 1))));
		this.handler.await(Wakeup.moved(1, 1));
		assertThat(output).contains("afterCommit callback").contains("Propagation.REQUIRES_NEW");
	}

	@Test
	void whatIsSentInOneOfSeveralAfterCommitCallbacksIsDeliveredToo(CapturedOutput output) {
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1));
			onTransaction(afterCommit(Wakeup.moved(2, 2)));
		});
		assertThat(this.handler.wakeups()).contains(Wakeup.moved(1, 1));
		this.handler.await(Wakeup.moved(2, 2));
		assertThat(output).contains("afterCommit callback");
	}

	private TransactionSynchronization afterCommit(Wakeup wakeup) {
		return new TransactionSynchronization() {

			@Override
			public void afterCommit() {
				WakeupsContract.this.wakeups.sendAfterCommit(WakeupsContract.this.topic, wakeup);
			}

		};
	}

	@Test
	void sendAfterCommitNeedsATransaction() {
		assertThatIllegalStateException()
			.isThrownBy(() -> this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 1)));
		inTransaction((status) -> this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 2)));
		assertThat(this.handler.wakeups()).containsExactly(Wakeup.moved(2, 2));
	}

	@Test
	void aHandlerThatThrowsDisturbsNeitherAnotherNorTheSender(CapturedOutput output) {
		Subscription throwing = this.wakeups.subscribe(this.topic, new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
				if (wakeup.position() == 1) {
					throw new StackOverflowError("Expected");
				}
				throw new IllegalStateException("Expected");
			}

			@Override
			public void onResync() {
				throw new IllegalStateException("Expected");
			}

		});
		RecordingWakeupHandler last = new RecordingWakeupHandler();
		this.wakeups.subscribe(this.topic, last);
		this.wakeups.send(this.topic, Wakeup.moved(1, 1));
		inTransaction((status) -> {
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(1, 2));
			this.wakeups.sendAfterCommit(this.topic, Wakeup.moved(2, 2));
		});
		assertThat(this.handler.wakeups()).hasSize(3);
		assertThat(last.wakeups()).isEqualTo(this.handler.wakeups());
		assertThat(output).contains("Handler of topic '" + this.topic + "' failed");
		throwing.cancel();
	}

	@Test
	void cancelEndsTheCalls() {
		RecordingWakeupHandler cancelled = new RecordingWakeupHandler();
		Subscription subscription = this.wakeups.subscribe(this.topic, cancelled);
		assertThat(subscription.isActive()).isTrue();
		subscription.cancel();
		subscription.cancel();
		assertThat(subscription.isActive()).isFalse();
		this.wakeups.send(this.topic, Wakeup.moved(1, 1));
		assertThat(cancelled.wakeups()).isEmpty();
		assertThat(this.handler.wakeups()).hasSize(1);
	}

	private void inTransaction(Consumer<TransactionStatus> action) {
		new TransactionTemplate(transactionManager()).executeWithoutResult(action);
	}

	private void inNewTransaction(Consumer<TransactionStatus> action) {
		TransactionTemplate transaction = new TransactionTemplate(transactionManager());
		transaction.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
		transaction.executeWithoutResult(action);
	}

	private static void onTransaction(TransactionSynchronization synchronization) {
		TransactionSynchronizationManager.registerSynchronization(synchronization);
	}

}
