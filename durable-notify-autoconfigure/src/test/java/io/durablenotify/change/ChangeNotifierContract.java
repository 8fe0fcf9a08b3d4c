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

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.ForeignTransactionManager;
import io.durablenotify.testsupport.Instance;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What every {@link ChangeNotifier} has to do within one instance.
 */
@ExtendWith(OutputCaptureExtension.class)
abstract class ChangeNotifierContract {

	private static final String TOO_LONG = "x".repeat(1_025);

	private final String topic = "topic-" + System.nanoTime();

	private final RecordingChangeHandler handler = new RecordingChangeHandler();

	private ChangeNotifier notifier;

	/**
	 * Return the notifier, that of an application context.
	 */
	abstract ChangeNotifier notifier();

	/**
	 * Start another application context.
	 */
	abstract Instance startAnother();

	/**
	 * Return the manager of transactions on the notifier's DataSource.
	 */
	abstract PlatformTransactionManager transactionManager();

	@BeforeEach
	void subscribe() {
		this.notifier = notifier();
		this.notifier.subscribe(this.topic, this.handler);
	}

	@Test
	void aChangeIsReceivedByAllSubscribersToItsTopic() {
		List<RecordingChangeHandler> handlers = Stream.generate(RecordingChangeHandler::new).limit(5).toList();
		handlers.forEach((handler) -> this.notifier.subscribe(this.topic, handler));
		this.notifier.publish(this.topic, "a");
		handlers.forEach((handler) -> assertThat(handler.awaitKey("a").keys()).containsExactly("a"));
		assertThat(this.handler.awaitKey("a").keys()).containsExactly("a");
	}

	@Test
	void aChangeIsReceivedByNoOthers() {
		RecordingChangeHandler other = new RecordingChangeHandler();
		this.notifier.subscribe(this.topic + "/other", other);
		this.notifier.publish(this.topic, "a");
		this.notifier.publish(this.topic + "/unheard", "b");
		this.notifier.publish(this.topic + "/other", "c");
		this.notifier.publish(this.topic, "d");
		assertThat(other.awaitKey("c").keys()).containsExactly("c");
		assertThat(this.handler.awaitKey("d").keys()).containsExactly("a", "d");
	}

	@Test
	void aChangeHasWhatWasPublished() {
		this.notifier.publish(this.topic, "a key", "client 7");
		this.notifier.publish(this.topic, "another");
		this.notifier.publish(this.topic, "a third", null);
		List<Change> changes = this.handler.awaitChanges(3).changes();
		assertThat(changes).extracting(Change::topic).containsOnly(this.topic);
		assertThat(changes).extracting(Change::key).containsExactly("a key", "another", "a third");
		assertThat(changes).extracting(Change::originator).containsExactly("client 7", null, null);
		assertThat(changes).allMatch(Change::local);
		assertThat(changes).extracting(Change::id).doesNotHaveDuplicates().isSorted();
		assertThat(changes).extracting(Change::createdAt)
			.allMatch((time) -> Duration.between(time, Instant.now()).abs().compareTo(Duration.ofMinutes(5)) < 0);
	}

	@ParameterizedTest
	@ValueSource(strings = { "ä", "\u20ac \ud83d\ude00", "tab\tand\nline", "'; --", "{\"json\": true}", " " })
	void aKeyAndAnOriginatorComeBackAsTheyWere(String text) {
		this.notifier.publish(this.topic, text, text);
		Change change = this.handler.awaitChanges(1).changes().get(0);
		assertThat(change.key()).isEqualTo(text);
		assertThat(change.originator()).isEqualTo(text);
	}

	@Test
	void aChangeInATransactionIsReceivedAfterItsCommit() {
		inTransaction((status) -> {
			this.notifier.publish(this.topic, "a");
			Background.run(() -> this.notifier.publish(this.topic, "outside")).join();
			assertThat(this.handler.awaitKey("outside").keys()).containsExactly("outside");
		});
		assertThat(this.handler.awaitKey("a").keys()).containsExactly("outside", "a");
	}

	@Test
	void aChangeIsNotReceivedIfItsTransactionRollsBack() {
		inTransaction((status) -> {
			this.notifier.publish(this.topic, "never");
			status.setRollbackOnly();
		});
		assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> inTransaction((status) -> {
			this.notifier.publish(this.topic, "never");
			throw new ArithmeticException("Expected");
		}));
		this.notifier.publish(this.topic, "a");
		inTransaction((status) -> this.notifier.publish(this.topic, "b"));
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void anInnerTransactionThatCommitsIsReceivedAndTheOuterOneThatRollsBackIsNot() {
		inTransaction((outer) -> {
			this.notifier.publish(this.topic, "never");
			inNewTransaction((inner) -> this.notifier.publish(this.topic, "a"));
			assertThat(this.handler.awaitKey("a").keys()).containsExactly("a");
			this.notifier.publish(this.topic, "never");
			outer.setRollbackOnly();
		});
		this.notifier.publish(this.topic, "b");
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void anInnerTransactionThatRollsBackIsNotReceivedAndTheOuterOneThatCommitsIs() {
		inTransaction((outer) -> {
			this.notifier.publish(this.topic, "a");
			inNewTransaction((inner) -> {
				this.notifier.publish(this.topic, "never");
				inner.setRollbackOnly();
			});
			this.notifier.publish(this.topic, "b");
		});
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void whatIsRolledBackToASavepointIsNotReceived() {
		inTransaction((outer) -> {
			this.notifier.publish(this.topic, "a");
			nested((inner) -> {
				this.notifier.publish(this.topic, "never");
				nested((innermost) -> this.notifier.publish(this.topic, "never"));
				inner.setRollbackOnly();
			});
			nested((inner) -> {
				this.notifier.publish(this.topic, "b");
				nested((innermost) -> {
					this.notifier.publish(this.topic, "never");
					innermost.setRollbackOnly();
				});
				this.notifier.publish(this.topic, "c");
			});
			this.notifier.publish(this.topic, "d");
		});
		assertThat(this.handler.awaitKey("d").keys()).containsExactly("a", "b", "c", "d");
	}

	@Test
	void whatIsRolledBackToASavepointIsNotReceivedWhereItCameFirst() {
		inTransaction((outer) -> {
			nested((inner) -> {
				this.notifier.publish(this.topic, "never");
				nested((innermost) -> this.notifier.publish(this.topic, "never"));
				inner.setRollbackOnly();
			});
			this.notifier.publish(this.topic, "a");
		});
		inTransaction((outer) -> nested((inner) -> {
			this.notifier.publish(this.topic, "never");
			inner.setRollbackOnly();
		}));
		this.notifier.publish(this.topic, "b");
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void aSavepointCanBeRolledBackToMoreThanOnce() {
		inTransaction((status) -> {
			this.notifier.publish(this.topic, "a");
			Object savepoint = status.createSavepoint();
			this.notifier.publish(this.topic, "never");
			status.rollbackToSavepoint(savepoint);
			this.notifier.publish(this.topic, "never");
			status.createSavepoint();
			this.notifier.publish(this.topic, "never");
			status.rollbackToSavepoint(savepoint);
			this.notifier.publish(this.topic, "b");
			status.releaseSavepoint(savepoint);
		});
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void changesOfTransactionsThatFollowOneAnotherAreReceivedInThatOrderAndOnce() {
		List<String> published = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			List<String> keys = IntStream.range(0, i % 4).mapToObj((n) -> published.size() + n + "").toList();
			inTransaction((status) -> keys.forEach((key) -> this.notifier.publish(this.topic, key)));
			published.addAll(keys);
			if (i % 3 == 0) {
				published.add("outside-" + i);
				this.notifier.publish(this.topic, "outside-" + i);
			}
		}
		this.notifier.publish(this.topic, "last");
		published.add("last");
		assertThat(this.handler.awaitKey("last").keys()).containsExactlyElementsOf(published);
	}

	@Test
	void changesOfManyThreadsAreAllReceivedOnceAndThoseOfOneThreadInOrder() {
		int threads = 8;
		int count = 50;
		CompletableFuture
			.allOf(IntStream.range(0, threads)
				.mapToObj((thread) -> Background.run(() -> IntStream.range(0, count)
					.forEach((n) -> this.notifier.publish(this.topic, "key-%03d".formatted(n), "thread-" + thread))))
				.toArray(CompletableFuture<?>[]::new))
			.join();
		this.notifier.publish(this.topic, "last");
		assertThat(this.handler.awaitKey("last").keys()).hasSize(threads * count + 1);
		for (int i = 0; i < threads; i++) {
			String originator = "thread-" + i;
			assertThat(this.handler.changes().stream().filter((change) -> originator.equals(change.originator())))
				.extracting(Change::key)
				.hasSize(count)
				.isSorted()
				.doesNotHaveDuplicates();
		}
	}

	@Test
	void aChangeWithoutATransactionWhereOneIsSupportedIsReceived() {
		TransactionTemplate supports = new TransactionTemplate(transactionManager());
		supports.setPropagationBehavior(TransactionDefinition.PROPAGATION_SUPPORTS);
		supports.executeWithoutResult((status) -> {
			this.notifier.publish(this.topic, "a");
			assertThat(this.handler.awaitKey("a").keys()).containsExactly("a");
		});
	}

	@Test
	void aChangeInTheTransactionOfAnotherManagerIsReceivedAfterItsCommit() {
		new TransactionTemplate(new ForeignTransactionManager())
			.executeWithoutResult((status) -> this.notifier.publish(this.topic, "a"));
		this.notifier.publish(this.topic, "b");
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
	}

	@Test
	void changesInCallbacksOfATransactionAreReceived() {
		inTransaction((status) -> {
			this.notifier.publish(this.topic, "in the transaction");
			publishInCallbacks();
		});
		inTransaction((status) -> publishInCallbacks());
		this.handler.awaitChanges(9);
		this.notifier.publish(this.topic, "last");
		assertThat(this.handler.awaitKey("last").keys()).containsExactlyInAnyOrder("in the transaction", "beforeCommit",
				"beforeCompletion", "afterCommit", "afterCompletion", "beforeCommit", "beforeCompletion", "afterCommit",
				"afterCompletion", "last");
	}

	private void publishInCallbacks() {
		TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

			@Override
			public void beforeCommit(boolean readOnly) {
				publish("beforeCommit");
			}

			@Override
			public void beforeCompletion() {
				publish("beforeCompletion");
			}

			@Override
			public void afterCommit() {
				publish("afterCommit");
			}

			@Override
			public void afterCompletion(int status) {
				publish("afterCompletion");
			}

			private void publish(String key) {
				ChangeNotifierContract.this.notifier.publish(ChangeNotifierContract.this.topic, key);
			}

		});
	}

	/**
	 * The logger asks it for its message.
	 */
	@Test
	void aFailureThatCannotSayItsMessageKeepsNoChangeBack() {
		CountDownLatch waiting = new CountDownLatch(1);
		RecordingChangeHandler throwing = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				super.onChange(change);
				waiting.await();
				throw new Exception() {

					@Override
					public String getMessage() {
						throw new IllegalStateException("Expected");
					}

				};
			}

		};
		this.notifier.subscribe(this.topic, throwing);
		for (String key : List.of("a", "b", "c", "d")) {
			this.notifier.publish(this.topic, key);
		}
		this.handler.awaitKey("d");
		waiting.countDown();
		assertThat(throwing.awaitKey("d").keys()).containsExactly("a", "b", "c", "d");
	}

	@Test
	void aHandlerThatThrowsGoesOnAndDisturbsNoOther(CapturedOutput output) {
		RecordingChangeHandler throwing = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				super.onChange(change);
				if (changes().size() % 2 == 0) {
					throw new StackOverflowError("Expected");
				}
				throw new Exception("Expected");
			}

		};
		Subscription subscription = this.notifier.subscribe(this.topic, throwing);
		RecordingChangeHandler last = new RecordingChangeHandler();
		this.notifier.subscribe(this.topic, last);
		for (String key : List.of("a", "b", "c")) {
			this.notifier.publish(this.topic, key);
		}
		assertThat(this.handler.awaitKey("c").keys()).containsExactly("a", "b", "c");
		assertThat(last.awaitKey("c").keys()).containsExactly("a", "b", "c");
		assertThat(throwing.awaitKey("c").keys()).containsExactly("a", "b", "c");
		assertThat(subscription.isActive()).isTrue();
		Eventually.await(() -> output.getOut().split("Expected", -1).length > 3, output::toString);
		assertThat(output).contains("of topic '" + this.topic + "'");
	}

	@Test
	void aHandlerThatBlocksDisturbsNoOther() {
		CountDownLatch release = new CountDownLatch(1);
		RecordingChangeHandler blocking = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				release.await();
				super.onChange(change);
			}

		};
		this.notifier.subscribe(this.topic, blocking);
		RecordingChangeHandler last = new RecordingChangeHandler();
		this.notifier.subscribe(this.topic, last);
		List<String> keys = IntStream.range(0, 200).mapToObj(Integer::toString).toList();
		keys.forEach((key) -> this.notifier.publish(this.topic, key));
		assertThat(this.handler.awaitKey("199").keys()).isEqualTo(keys);
		assertThat(last.awaitKey("199").keys()).isEqualTo(keys);
		assertThat(blocking.changes()).isEmpty();
		release.countDown();
		assertThat(blocking.awaitKey("199").keys()).isEqualTo(keys);
	}

	@Test
	void aHandlerMayPublishAndSubscribe() {
		RecordingChangeHandler second = new RecordingChangeHandler();
		this.notifier.subscribe(this.topic, (change) -> {
			if (change.key().equals("a")) {
				this.notifier.subscribe(this.topic, second);
				this.notifier.publish(this.topic, "b");
			}
		});
		this.notifier.publish(this.topic, "a");
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
		second.awaitKey("b");
	}

	@Test
	void nothingIsReceivedAfterCancel() {
		RecordingChangeHandler cancelled = new RecordingChangeHandler();
		Subscription subscription = this.notifier.subscribe(this.topic, cancelled);
		this.notifier.publish(this.topic, "a");
		cancelled.awaitKey("a");
		assertThat(subscription.isActive()).isTrue();
		subscription.cancel();
		subscription.cancel();
		assertThat(subscription.isActive()).isFalse();
		this.notifier.publish(this.topic, "b");
		assertThat(this.handler.awaitKey("b").keys()).containsExactly("a", "b");
		assertThat(cancelled.keys()).containsExactly("a");
	}

	@Test
	void nothingIsReceivedAfterCancelInTheCallback() {
		AtomicReference<@Nullable Subscription> subscription = new AtomicReference<>();
		CountDownLatch subscribed = new CountDownLatch(1);
		RecordingChangeHandler cancelling = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				super.onChange(change);
				subscribed.await();
				subscription.get().cancel();
			}

		};
		subscription.set(this.notifier.subscribe(this.topic, cancelling));
		List.of("a", "b", "c").forEach((key) -> this.notifier.publish(this.topic, key));
		assertThat(this.handler.awaitKey("c").keys()).containsExactly("a", "b", "c");
		subscribed.countDown();
		Eventually.await(() -> !subscription.get().isActive(), cancelling::toString);
		this.notifier.publish(this.topic, "d");
		this.handler.awaitKey("d");
		assertThat(cancelling.keys()).containsExactly("a");
	}

	@Test
	void aContextThatHasClosedHasNoSubscriptions() {
		Instance closing = startAnother();
		ChangeNotifier closed = closing.bean(ChangeNotifier.class);
		RecordingChangeHandler handler = new RecordingChangeHandler();
		Subscription subscription = closed.subscribe(this.topic, handler);
		closing.close();
		assertThat(subscription.isActive()).isFalse();
		assertThatIllegalStateException().isThrownBy(() -> closed.subscribe(this.topic, handler))
			.withMessageContaining("the application context is closed");
		this.notifier.publish(this.topic, "a");
		this.handler.awaitKey("a");
		assertThat(handler.changes()).isEmpty();
	}

	@Test
	void aHandlerCanSubscribeTwice() {
		Subscription second = this.notifier.subscribe(this.topic, this.handler);
		this.notifier.publish(this.topic, "a");
		assertThat(this.handler.awaitChanges(2).keys()).containsExactly("a", "a");
		second.cancel();
		this.notifier.publish(this.topic, "b");
		this.notifier.publish(this.topic, "c");
		assertThat(this.handler.awaitKey("c").keys()).containsExactly("a", "a", "b", "c");
	}

	@ParameterizedTest
	@MethodSource("badArguments")
	void badArgumentsAreRefusedAndNothingIsPublished(String topic, String key, @Nullable String originator) {
		String actualTopic = topic.replace("good", this.topic);
		assertThatIllegalArgumentException().isThrownBy(() -> this.notifier.publish(actualTopic, key, originator))
			.withMessageContaining("must have 1 to ");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> inTransaction((status) -> this.notifier.publish(actualTopic, key, originator)))
			.withMessageContaining("must have 1 to ");
		inTransaction((status) -> {
			assertThatIllegalArgumentException().isThrownBy(() -> this.notifier.publish(actualTopic, key, originator));
			this.notifier.publish(this.topic, "last");
		});
		assertThat(this.handler.awaitKey("last").keys()).containsExactly("last");
	}

	static Stream<Arguments> badArguments() {
		String tooLong = TOO_LONG.substring(0, 256);
		return Stream.of(Arguments.of("", "a", null), Arguments.of("a b", "a", null),
				Arguments.of("a\u0001", "a", null), Arguments.of(tooLong, "a", null), Arguments.of("good", "", null),
				Arguments.of("good", TOO_LONG, null), Arguments.of("good", "a\u0000", null),
				Arguments.of("good", "a\ud83d", null), Arguments.of("good", "a", ""),
				Arguments.of("good", "a", tooLong), Arguments.of("good", "a", "a\u0000"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "a b", "a\tb" })
	void aBadTopicCannotBeSubscribedTo(String topic) {
		assertThatIllegalArgumentException().isThrownBy(() -> this.notifier.subscribe(topic, this.handler))
			.withMessageContaining("Topic '");
	}

	@Test
	void nothingIsPublishedInAReadOnlyTransaction() {
		TransactionTemplate readOnly = new TransactionTemplate(transactionManager());
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> this.notifier.publish(this.topic, "never"))
			.withMessageContaining("in a read-only transaction"));
		this.notifier.publish(this.topic, "a");
		assertThat(this.handler.awaitKey("a").keys()).containsExactly("a");
	}

	@Test
	void handlersAreCalledByTheTaskExecutor() {
		this.notifier.publish(this.topic, "a");
		inTransaction((status) -> this.notifier.publish(this.topic, "b"));
		this.handler.awaitKey("b");
		assertThat(this.handler.threads()).allMatch((name) -> name.matches("durable-notify-\\d+"));
	}

	private void inTransaction(Consumer<TransactionStatus> action) {
		new TransactionTemplate(transactionManager()).executeWithoutResult(action);
	}

	private void inNewTransaction(Consumer<TransactionStatus> action) {
		transaction(TransactionDefinition.PROPAGATION_REQUIRES_NEW, action);
	}

	private void nested(Consumer<TransactionStatus> action) {
		transaction(TransactionDefinition.PROPAGATION_NESTED, action);
	}

	private void transaction(int propagation, Consumer<TransactionStatus> action) {
		TransactionTemplate transaction = new TransactionTemplate(transactionManager());
		transaction.setPropagationBehavior(propagation);
		transaction.executeWithoutResult(action);
	}

}
