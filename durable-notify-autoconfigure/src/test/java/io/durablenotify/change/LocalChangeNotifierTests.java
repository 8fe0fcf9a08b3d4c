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

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.observation.Observations;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.ForeignTransactionManager;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.TransactionSystemException;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link LocalChangeNotifier}.
 */
class LocalChangeNotifierTests extends ChangeNotifierContract {

	private static Instance instance;

	@BeforeAll
	static void start() {
		instance = Instance.start(new TestDatabase("jdbc:h2:mem:changes"));
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	@Override
	Instance startAnother() {
		return Instance.start(new TestDatabase("jdbc:h2:mem:another"));
	}

	@Override
	ChangeNotifier notifier() {
		return instance.bean(ChangeNotifier.class);
	}

	@Override
	PlatformTransactionManager transactionManager() {
		return instance.bean(PlatformTransactionManager.class);
	}

	@Test
	void warnsOnceOfWhatItCannotDo(CapturedOutput output) {
		int before = output.getOut().length();
		try (Instance other = Instance.start(new TestDatabase("jdbc:h2:mem:warning"))) {
			other.bean(ChangeNotifier.class).publish("a", "b");
			assertThat(output.getOut().substring(before).lines().filter((line) -> line.contains("WARN")))
				.singleElement()
				.asString()
				.contains("The DataSource is H2 2.")
				.contains("not PostgreSQL: changes are delivered within this JVM only, not to other instances")
				.contains("To run several instances, use PostgreSQL");
		}
	}

	@Test
	void aChangeInTheTransactionOfAnotherManagerIsNotReceivedIfThatRollsBack() {
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		RecordingChangeHandler handler = new RecordingChangeHandler();
		notifier.subscribe("a", handler);
		new TransactionTemplate(new ForeignTransactionManager()).executeWithoutResult((status) -> {
			notifier.publish("a", "never");
			status.setRollbackOnly();
		});
		assertThat(handler.changes()).isEmpty();
	}

	@Test
	void aChangeIsReceivedIfItIsUnknownWhetherItsTransactionCommitted() {
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		RecordingChangeHandler handler = new RecordingChangeHandler();
		notifier.subscribe("a", handler);
		assertThatExceptionOfType(TransactionException.class)
			.isThrownBy(() -> new TransactionTemplate(new ForeignTransactionManager() {

				@Override
				protected void doCommit(DefaultTransactionStatus status) {
					throw new TransactionSystemException("Expected");
				}

			}).executeWithoutResult((status) -> notifier.publish("a", "b")));
		assertThat(handler.keys()).containsExactly("b");
	}

	@Test
	void nothingIsLeftBoundAfterATransaction() {
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		TransactionTemplate transaction = new TransactionTemplate(new ForeignTransactionManager());
		transaction.executeWithoutResult((status) -> {
			notifier.publish("a", "b");
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void afterCommit() {
					notifier.publish("a", "c");
				}

			});
			assertThat(TransactionSynchronizationManager.getResourceMap()).containsKey(notifier);
		});
		assertThat(TransactionSynchronizationManager.getResourceMap()).isEmpty();
	}

	@Test
	void aChangeInResponseToAnotherIsReceivedAfterThatOne() {
		// Gives the first subscriber a head start, until its answer waits for the others
		LocalChangeNotifier notifier = notifier(
				(task) -> Background.run(task).completeOnTimeout(null, 200, TimeUnit.MILLISECONDS).join());
		List<RecordingChangeHandler> handlers = Stream.generate(() -> new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				super.onChange(change);
				if (change.key().equals("question")) {
					notifier.publish("a", "answer");
				}
			}

		}).limit(3).map(RecordingChangeHandler.class::cast).toList();
		handlers.forEach((handler) -> notifier.subscribe("a", handler));
		notifier.publish("a", "question");
		for (RecordingChangeHandler handler : handlers) {
			assertThat(handler.awaitChanges(4).keys()).containsExactly("question", "answer", "answer", "answer");
		}
	}

	@Test
	void moreThanIsKeptForASlowHandlerBecomesAGap() throws Exception {
		ChangeNotifier notifier = notifier();
		CountDownLatch called = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		RecordingChangeHandler slow = new RecordingChangeHandler() {

			@Override
			public void onChange(Change change) throws Exception {
				called.countDown();
				release.await();
				super.onChange(change);
			}

		};
		notifier.subscribe("overflow", slow);
		RecordingChangeHandler quick = new RecordingChangeHandler();
		notifier.subscribe("overflow", quick);
		notifier.publish("overflow", "first");
		called.await();
		IntStream.range(0, LocalChangeNotifier.CAPACITY).forEach((n) -> {
			notifier.publish("overflow", "waiting-" + n);
			if (n % 1_000 == 0) {
				quick.awaitKey("waiting-" + n);
			}
		});
		notifier.publish("overflow", "too many");
		notifier.publish("overflow", "behind");
		release.countDown();
		assertThat(slow.awaitKey("behind").keys()).containsExactly("first", "behind");
		assertThat(slow.gaps()).containsExactly(ChangeGap.Reason.OVERFLOW);
		quick.awaitKey("behind");
		assertThat(quick.changes()).hasSize(LocalChangeNotifier.CAPACITY + 3);
		assertThat(quick.gaps()).isEmpty();
	}

	@Test
	void aChangeIsNumberedAndTimedWhenItIsPublished() {
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		RecordingChangeHandler handler = new RecordingChangeHandler();
		notifier.subscribe("a", handler);
		new TransactionTemplate(new ForeignTransactionManager()).executeWithoutResult((status) -> {
			notifier.publish("a", "first");
			notifier.publish("other", "second");
			notifier.publish("a", "third", "me");
		});
		assertThat(handler.changes()).containsExactly(new Change("a", "first", null, true, 1, Instant.EPOCH),
				new Change("a", "third", "me", true, 3, Instant.EPOCH));
	}

	@Test
	void aHandlerThatBlocksThePublishingThreadHoldsUpNoOther() throws Exception {
		CountDownLatch blocked = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		notifier.subscribe("slow", (change) -> {
			blocked.countDown();
			release.await();
		});
		RecordingChangeHandler handler = new RecordingChangeHandler();
		notifier.subscribe("quick", handler);
		CompletableFuture<Void> slow = Background.run(() -> notifier.publish("slow", "a"));
		assertThat(blocked.await(30, TimeUnit.SECONDS)).isTrue();
		Background.run(() -> notifier.publish("quick", "b")).get(30, TimeUnit.SECONDS);
		assertThat(handler.keys()).containsExactly("b");
		assertThat(slow).isNotDone();
		release.countDown();
		slow.get(30, TimeUnit.SECONDS);
	}

	@Test
	void nothingIsKeptOfSubscriptionsThatAreCancelled() {
		LocalChangeNotifier notifier = notifier((task) -> task.run());
		List<Subscription> subscriptions = IntStream.range(0, 10)
			.mapToObj((n) -> notifier.subscribe("topic-" + n % 2, new RecordingChangeHandler()))
			.toList();
		assertThat(notifier.topics()).containsExactlyInAnyOrder("topic-0", "topic-1");
		subscriptions.forEach(Subscription::cancel);
		assertThat(notifier.topics()).isEmpty();
	}

	private static LocalChangeNotifier notifier(Executor executor) {
		return new LocalChangeNotifier("H2 2.4", executor, Clock.fixed(Instant.EPOCH, ZoneOffset.UTC),
				Observations.NONE);
	}

}
