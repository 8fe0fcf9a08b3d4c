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

package io.durablenotify;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntConsumer;

import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Resumption;
import io.durablenotify.workflow.ResumptionHandler;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import io.durablenotify.workflow.WorkflowResumptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the size of the batches in which resumptions, timers, messages and outbox
 * events are claimed, and the interval at which they are polled, where nothing is
 * configured.
 */
class FeatureBatchTests {

	/**
	 * As the configuration and the documents have it.
	 */
	private static final int BATCH = 100;

	private static final int CONCURRENCY = 8;

	private static final Duration POLL_INTERVAL = Duration.ofSeconds(1);

	private static final List<String> QUEUES = List.of("resume/order", "timer/test", "channel/orders", "outbox/test");

	@Fixture
	private static TestDatabase database;

	/**
	 * Has no handler.
	 */
	@Fixture
	private static Instance requesting;

	@BeforeAll
	static void noteClaims() {
		requesting.bean(DurableChannels.class).create("orders", ChannelMode.COMPETING);
		database.jdbc().execute("""
				CREATE TABLE claimed (queue_id int, items int);
				CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
					INSERT INTO public.claimed VALUES (NEW.queue_id, cardinality(NEW.item_ids)); RETURN NULL; END';
				CREATE TRIGGER note_claim AFTER INSERT ON durable_notify.work_claims
					FOR EACH ROW EXECUTE FUNCTION public.note_claim()
				""");
	}

	@AfterEach
	void clear() {
		database.jdbc().execute("TRUNCATE claimed");
	}

	private static Instance startHandling(String... properties) {
		Instance instance = Instance.start(database, (application) -> application.sources(Handlers.class), properties);
		Handlers handlers = instance.bean(Handlers.class);
		instance.bean(DurableChannels.class)
			.compete("orders", (message) -> handlers.handled("channel/orders", message.text()));
		return instance;
	}

	/**
	 * Request one of each.
	 */
	private static void request(int number) {
		String id = String.valueOf(number);
		requesting.bean(WorkflowResumptions.class).request("order", id);
		requesting.bean(DurableTimers.class).set("test", id, "t", Instant.EPOCH);
		requesting.bean(DurableChannels.class).publish("orders", id);
		requesting.bean(Outbox.class).publish(OutboxEvent.of("t", null).id(id).sender("test"));
	}

	private static void inTransactions(int from, int to, IntConsumer action) {
		requesting.transaction().executeWithoutResult((status) -> {
			for (int number = from; number < to; number++) {
				action.accept(number);
			}
		});
	}

	@Test
	void whatIsDueIsClaimedInBatchesOfUpToAHundred() {
		int count = 5 * BATCH;
		inTransactions(0, count, FeatureBatchTests::request);
		try (Instance instance = startHandling()) {
			Handlers handlers = instance.bean(Handlers.class);
			QUEUES.forEach((queue) -> handlers.await(queue, count));
		}
		for (String queue : QUEUES) {
			List<Integer> claims = database.jdbc()
				.queryForList(
						"SELECT items FROM claimed JOIN durable_notify.work_queues USING (queue_id) WHERE name = ?",
						Integer.class, queue);
			assertThat(claims).as(queue)
				.allSatisfy((items) -> assertThat(items).isLessThanOrEqualTo(BATCH))
				.anySatisfy((items) -> assertThat(items).isGreaterThan(CONCURRENCY));
			assertThat(claims.stream().mapToInt(Integer::intValue).sum()).isEqualTo(count);
		}
	}

	/**
	 * The shortest, since others use the machine too.
	 */
	@Test
	void withoutNotificationsWhatIsDueIsFoundAtThePollInterval() {
		try (Instance instance = startHandling("durable-notify.listener.enabled=false")) {
			Handlers handlers = instance.bean(Handlers.class);
			for (int round = 0; round < 5; round++) {
				CompletableFuture<?> received = instance.bean(DurableChannels.class)
					.receiveAsync("replies", "address", Eventually.TIMEOUT)
					.thenAccept((message) -> handlers.handled("address", message.orElseThrow().text()));
				int number = round;
				handlers.begin();
				inTransactions(number, number + 1, FeatureBatchTests::request);
				requesting.bean(DurableChannels.class).send("replies", "address", String.valueOf(number));
				for (String queue : QUEUES) {
					handlers.await(queue, number + 1);
				}
				handlers.await("address", number + 1);
				received.join();
			}
			assertThat(handlers.delays).hasSize(QUEUES.size() + 1).allSatisfy((queue, delays) -> {
				assertThat(Collections.min(delays)).as(queue + " " + delays).isLessThan(POLL_INTERVAL.multipliedBy(2));
			});
		}
	}

	static class Handlers implements ResumptionHandler, TimerHandler, OutboxSender {

		private final Map<String, Set<String>> ids = new ConcurrentHashMap<>();

		private final Map<String, List<Duration>> delays = new ConcurrentHashMap<>();

		private volatile long begun = System.nanoTime();

		void begin() {
			this.begun = System.nanoTime();
		}

		private void handled(String queue, String id) {
			Duration delay = Duration.ofNanos(System.nanoTime() - this.begun);
			this.delays.compute(queue, (key, delays) -> {
				List<Duration> all = (delays != null) ? new ArrayList<>(delays) : new ArrayList<>();
				all.add(delay);
				return all;
			});
			this.ids.computeIfAbsent(queue, (key) -> ConcurrentHashMap.newKeySet()).add(id);
		}

		private void await(String queue, int count) {
			Eventually.await(() -> this.ids.getOrDefault(queue, Set.of()).size() >= count,
					() -> queue + " " + this.ids.getOrDefault(queue, Set.of()).size());
		}

		@Override
		public Set<String> workflowNames() {
			return Set.of("order");
		}

		@Override
		public boolean transactional() {
			return false;
		}

		@Override
		public void resume(Resumption resumption) {
			handled("resume/order", resumption.instanceId());
		}

		@Override
		public String name() {
			return "test";
		}

		@Override
		public void onTimer(Timer timer) {
			handled("timer/test", timer.instanceId());
		}

		@Override
		public void send(OutboxMessage message) {
			handled("outbox/test", message.id());
		}

	}

}
