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

package io.durablenotify.event;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.ChannelTap;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.OptimisticLockingFailureException;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link EventLog#follow}.
 */
class EventFollowTests {

	@Fixture
	private static TestDatabase database;

	/**
	 * Without a poll, so that what arrives was woken.
	 */
	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.poll.degraded-interval=0" })
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	@Fixture
	private static EventLog log;

	@Test
	void historyComesFirstThenWhatHappens() {
		appendAll(log, "history", 30);
		RecordingEventHandler all = follow("history", 0);
		RecordingEventHandler some = follow("history", 28);
		RecordingEventHandler ahead = follow("history", 31);
		all.awaitEvents(30);
		some.awaitEvents(2);
		for (int i = 0; i < 5; i++) {
			other.events().append(event("history"));
			all.awaitEvents(31 + i);
		}
		log.append(event("history"));
		all.awaitEvents(36).assertGapFree(1, 36);
		some.awaitEvents(8).assertGapFree(29, 8);
		ahead.awaitEvents(5).assertGapFree(32, 5);
		assertThat(all.events()).isEqualTo(log.read("history", 0, 100).events());
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anUnknownRunIsWaitedFor(boolean elsewhere) {
		String run = "awaited/" + elsewhere;
		RecordingEventHandler handler = follow(run, 0);
		EventLog writer = ((elsewhere) ? other : instance).events();
		writer.append(event(run));
		handler.awaitEvents(1);
		appendAll(writer, run, 2);
		handler.awaitEvents(3).assertGapFree(1, 3);
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aTransactionsEventsAreReceivedAfterItsCommitAndNeverAfterARollback(boolean list) {
		String run = "tx/" + list;
		RecordingEventHandler handler = follow(run, 0);
		other.transaction().executeWithoutResult((status) -> {
			append(run, list);
			status.setRollbackOnly();
		});
		other.transaction().executeWithoutResult((status) -> {
			append(run, list);
			assertThat(handler.events()).isEmpty();
			append(run, list);
		});
		handler.awaitEvents((list) ? 4 : 2);
		assertThat(handler.events()).isEqualTo(log.read(run, 0, 10).events());
	}

	private static void append(String run, boolean list) {
		if (list) {
			appendAll(other.events(), run, 2);
		}
		else {
			other.events().append(event(run));
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void anAppendInAfterCommitIsStoredAndReceived(boolean autoCommit) {
		try (Instance late = Instance.start(database, "spring.datasource.hikari.auto-commit=" + autoCommit)) {
			String run = "after-commit/" + autoCommit;
			RecordingEventHandler handler = follow(run, 0);
			late.transaction()
				.executeWithoutResult((status) -> TransactionSynchronizationManager
					.registerSynchronization(new TransactionSynchronization() {

						@Override
						public void afterCommit() {
							late.events().append(event(run));
						}

					}));
			handler.awaitEvents(1).assertGapFree(1, 1);
		}
	}

	@Test
	void aWakeupNamesTheRunOnlyWhenItIsNewAndADuplicateSendsNone() {
		try (ChannelTap tap = ChannelTap.on(database, "durable_notify_wakeup")) {
			NewEvent created = NewEvent.of("silent", "run_created");
			log.append(created);
			tap.await(1);
			log.append(created);
			log.appendAll("silent", List.of(created, created));
			log.append(event("silent"));
			Long id = database.jdbc()
				.queryForObject("SELECT id FROM durable_notify.workflow_runs WHERE run_id = 'silent'", Long.class);
			Eventually.await(() -> tap.payloads().stream().anyMatch((payload) -> payload.contains(id + ":3")),
					() -> tap.payloads());
			assertThat(tap.payloads()).filteredOn((payload) -> payload.contains(" events "))
				.hasSize(2)
				.satisfies((payloads) -> {
					assertThat(payloads.get(0)).contains(id + ":2:c:silent");
					assertThat(payloads.get(1)).contains(id + ":3").doesNotContain("silent");
				});
		}
	}

	@Test
	void atTheSeamUnderWritersNothingIsLostOrDoubled() {
		List<CompletableFuture<Void>> writers = IntStream.range(0, 4)
			.mapToObj((i) -> Background.run(() -> IntStream.range(0, 150)
				.forEach((n) -> ((i % 2 == 0) ? log : other.events()).append(event("seam")))))
			.toList();
		List<RecordingEventHandler> handlers = new ArrayList<>();
		AtomicInteger opened = new AtomicInteger();
		while (writers.stream().anyMatch((writer) -> !writer.isDone()) && opened.get() < 200) {
			RecordingEventHandler handler = new RecordingEventHandler();
			((opened.incrementAndGet() % 2 == 0) ? log : other.events()).follow("seam", 0, handler);
			handlers.add(handler);
			handler.awaitEvents(1);
		}
		writers.forEach(CompletableFuture::join);
		assertThat(handlers).isNotEmpty();
		handlers.forEach((handler) -> handler.awaitEvents(600).assertGapFree(1, 600));
	}

	@Test
	void aListenerThatIsTerminatedLosesNothing() {
		RecordingEventHandler handler = follow("terminated", 0);
		RecordingEventHandler waiting = follow("terminated/new", 0);
		for (int i = 0; i < 3; i++) {
			database.terminate(Instance.LISTENER);
			other.events().append(event("terminated"));
			if (i == 1) {
				other.events().append(event("terminated/new"));
			}
			instance.awaitStatus(ListenerState.Status.LISTENING);
			handler.awaitEvents(i + 1);
		}
		handler.assertGapFree(1, 3);
		waiting.awaitEvents(1).assertGapFree(1, 1);
	}

	@Test
	void whatHasNoWakeupIsFoundByThePoll() {
		try (Instance polling = Instance.start(database, "durable-notify.poll.interval=200ms");
				Instance silent = Instance.start(database, "durable-notify.wakeup.mode=none")) {
			RecordingEventHandler handler = new RecordingEventHandler();
			polling.events().follow("polled", 0, handler);
			for (int i = 1; i <= 3; i++) {
				silent.events().append(event("polled"));
				handler.awaitEvents(i);
			}
			handler.assertGapFree(1, 3);
		}
	}

	@Test
	void withoutAListenerThePollDelivers() {
		try (Instance deaf = Instance.start(database, "durable-notify.listener.enabled=false",
				"durable-notify.poll.interval=200ms", "durable-notify.poll.degraded-interval=200ms")) {
			RecordingEventHandler handler = new RecordingEventHandler();
			deaf.events().follow("deaf", 0, handler);
			appendAll(other.events(), "deaf", 3);
			handler.awaitEvents(3).assertGapFree(1, 3);
		}
	}

	@ParameterizedTest
	@ValueSource(
			strings = { "spring.datasource.hikari.maximum-pool-size=1", "spring.datasource.hikari.auto-commit=false" })
	void poolsOfAllKindsDo(String property) {
		try (Instance pooled = Instance.start(database, property)) {
			String run = "pooled/" + property.length();
			RecordingEventHandler handler = new RecordingEventHandler();
			pooled.events().follow(run, 0, handler);
			pooled.events().append(event(run));
			handler.awaitEvents(1);
			appendAll(pooled.events(), run, 5);
			pooled.transaction().executeWithoutResult((status) -> pooled.events().append(event(run)));
			handler.awaitEvents(7).assertGapFree(1, 7);
		}
	}

	@Test
	void largePayloadsComeInPartsAndWhole() {
		String large = "\"" + "x".repeat(700_000) + "\"";
		for (int i = 0; i < 6; i++) {
			log.append(event("large").payload(large));
			log.append(event("large"));
		}
		List<RecordingEventHandler> handlers = IntStream.range(0, 3).mapToObj((i) -> follow("large", i)).toList();
		for (int i = 0; i < 3; i++) {
			handlers.get(i).awaitEvents(12 - i).assertGapFree(i + 1, 12 - i);
		}
		assertThat(handlers.get(0).events()).extracting(StoredEvent::payload)
			.filteredOn((payload) -> payload != null)
			.hasSize(6)
			.containsOnly(large);
	}

	@Test
	void manyRunsAreFollowedAtOnce() {
		List<RecordingEventHandler> handlers = IntStream.range(0, 150).mapToObj((i) -> follow("many/" + i, 0)).toList();
		for (int i = 0; i < 150; i++) {
			appendAll(other.events(), "many/" + i, 20);
		}
		handlers.forEach((handler) -> handler.awaitEvents(20).assertGapFree(1, 20));
	}

	@Test
	void aHandlerThatThrowsEndsItsOwnSubscriptionAndNoOther() {
		RecordingEventHandler throwing = new RecordingEventHandler() {

			@Override
			public void onEvent(StoredEvent event) throws Exception {
				super.onEvent(event);
				throw new java.io.IOException("mine");
			}

		};
		Subscription subscription = log.follow("throwing", 0, throwing);
		RecordingEventHandler calm = follow("throwing", 0);
		appendAll(log, "throwing", 3);
		assertThat(throwing.awaitError()).isInstanceOf(java.io.IOException.class).hasMessage("mine");
		calm.awaitEvents(3).assertGapFree(1, 3);
		assertThat(throwing.events()).hasSize(1);
		Eventually.await(() -> !subscription.isActive(), subscription::toString);
	}

	@Test
	void afterACancelNothingIsCalledAndNothingIsLeft() {
		try (Instance own = Instance.start(database)) {
			EventLog events = own.events();
			RecordingEventHandler handler = new RecordingEventHandler();
			Subscription subscription = events.follow("cancelled", 0, handler);
			AtomicReference<Subscription> inside = new AtomicReference<>();
			RecordingEventHandler cancelling = new RecordingEventHandler() {

				@Override
				public void onEvent(StoredEvent event) throws Exception {
					super.onEvent(event);
					Eventually.await(() -> inside.get() != null, inside::get);
					inside.get().cancel();
				}

			};
			inside.set(events.follow("cancelled", 0, cancelling));
			Subscription waiting = events.follow("cancelled/unknown", 0, new RecordingEventHandler());
			appendAll(events, "cancelled", 2);
			handler.awaitEvents(2);
			cancelling.awaitEvents(1);
			subscription.cancel();
			subscription.cancel();
			waiting.cancel();
			RecordingEventHandler later = new RecordingEventHandler();
			Subscription last = events.follow("cancelled", 0, later);
			appendAll(events, "cancelled", 2);
			later.awaitEvents(4);
			last.cancel();
			assertThat(handler.events()).hasSize(2);
			assertThat(cancelling.events()).hasSize(1);
			assertThat(List.of(subscription, waiting, last, inside.get())).noneMatch(Subscription::isActive);
			RunFollowers.assertNoneLeft(own);
		}
	}

	@Test
	void closingTheContextEndsFollowersWithAClearErrorAndRefusesNewOnes() {
		RecordingEventHandler following = new RecordingEventHandler();
		RecordingEventHandler waiting = new RecordingEventHandler();
		Instance closing = Instance.start(database);
		EventLog events = closing.events();
		events.append(event("closing"));
		events.follow("closing", 0, following);
		events.follow("closing/unknown", 0, waiting);
		following.awaitEvents(1);
		closing.close();
		for (RecordingEventHandler handler : List.of(following, waiting)) {
			assertThat(handler.awaitError()).isInstanceOf(FollowingStoppedException.class)
				.hasMessageContaining("is no longer followed, because the application context closes");
		}
		assertThatExceptionOfType(FollowingStoppedException.class)
			.isThrownBy(() -> events.follow("closing", 0, new RecordingEventHandler()));
	}

	@Test
	void aRunThatIsShorterThanWhatWasReceivedEndsItsFollowers() {
		appendAll(log, "truncated", 5);
		RecordingEventHandler handler = follow("truncated", 0).awaitEvents(5);
		database.jdbc()
			.execute("DELETE FROM durable_notify.workflow_events WHERE run_id = 'truncated' AND sequence > 3");
		other.events().append(event("truncated"));
		database.terminate(Instance.LISTENER);
		assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class)
			.hasMessageContaining("Run 'truncated' has lost events: expected sequence 6, but ");
	}

	@Test
	void aRunThatIsGoneEndsItsFollowers() {
		log.append(event("gone"));
		RecordingEventHandler handler = follow("gone", 0).awaitEvents(1);
		database.jdbc().execute("DELETE FROM durable_notify.workflow_events WHERE run_id = 'gone'");
		database.jdbc().execute("DELETE FROM durable_notify.workflow_runs WHERE run_id = 'gone'");
		database.terminate(Instance.LISTENER);
		assertThat(handler.awaitError()).isInstanceOf(RunTruncatedException.class)
			.hasMessageContaining("Run 'gone' is gone");
	}

	@Test
	void anEngineThatFollowsAndAppendsFencedSeesEveryEventOnce() {
		log.append(NewEvent.of("engine", "run_created"));
		List<CompletableFuture<Integer>> engines = List.of(log, other.events())
			.stream()
			.map((events) -> Background.supply(() -> runEngine(events)))
			.toList();
		int appended = engines.stream().mapToInt(CompletableFuture::join).sum();
		assertThat(appended).isEqualTo(49);
		assertThat(log.read("engine", 0, 100).events()).hasSize(50);
	}

	/**
	 * Append after what was read until the run has 50 events.
	 */
	private static int runEngine(EventLog events) {
		RecordingEventHandler seen = new RecordingEventHandler();
		Subscription subscription = events.follow("engine", 0, seen);
		int appended = 0;
		seen.awaitEvents(1);
		while (seen.events().size() < 50) {
			int last = seen.events().size();
			try {
				events.append(event("engine"), last);
				appended++;
			}
			catch (OptimisticLockingFailureException ex) {
				// The other was faster
			}
			seen.awaitEvents(last + 1);
		}
		subscription.cancel();
		seen.assertGapFree(1, 50);
		return appended;
	}

	@Test
	void badArgumentsAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> log.follow("a b", 0, new RecordingEventHandler()));
		assertThatIllegalArgumentException().isThrownBy(() -> log.follow("a", -1, new RecordingEventHandler()));
	}

	private static RecordingEventHandler follow(String run, long afterSequence) {
		RecordingEventHandler handler = new RecordingEventHandler();
		log.follow(run, afterSequence, handler);
		return handler;
	}

	private static void appendAll(EventLog log, String run, int count) {
		log.appendAll(run, IntStream.range(0, count).mapToObj((i) -> event(run)).toList());
	}

	private static NewEvent event(String run) {
		return NewEvent.of(run, "step_started");
	}

}
