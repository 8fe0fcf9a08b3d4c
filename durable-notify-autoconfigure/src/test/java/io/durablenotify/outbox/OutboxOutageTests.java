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
package io.durablenotify.outbox;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

import com.sun.net.httpserver.HttpExchange;
import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.EventReceiver.Request;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import org.springframework.context.support.GenericApplicationContext;
import org.springframework.http.HttpRequest;
import org.springframework.http.client.ClientHttpRequestExecution;
import org.springframework.http.client.ClientHttpRequestInterceptor;
import org.springframework.http.client.ClientHttpResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for an outage of a receiver that two instances send to: it is gone, then it
 * accepts requests and does not answer, then it answers that it cannot take them.
 */
class OutboxOutageTests {

	private static final int KEYS = 10;

	/**
	 * Of an instance, as it comes.
	 */
	private static final int CONCURRENCY = 8;

	private static final int FAILURES = 5;

	@Fixture
	private TestDatabase database;

	private final EventReceiver receiver = EventReceiver.start();

	private final CountDownLatch over = new CountDownLatch(1);

	private final List<Request> delivered = Collections.synchronizedList(new ArrayList<>());

	private final Attempts attempts = new Attempts();

	private int published;

	@AfterEach
	void close() {
		this.over.countDown();
		this.receiver.close();
	}

	@Test
	void nothingIsLostInAnOutageThatIsLongerThanTheAttemptsOfAnEvent() {
		// An event that counts its attempts is dead after half a second
		outage(Duration.ofSeconds(1), Duration.ofMillis(100), Duration.ofMillis(800),
				"durable-notify.outbox.circuit.interval=100ms", "durable-notify.outbox.circuit.max-interval=800ms",
				"durable-notify.outbox.http.orders.read-timeout=400ms", "durable-notify.outbox.max-attempts=10",
				"durable-notify.work.backoff.delay=50ms", "durable-notify.work.backoff.max-delay=50ms");
	}

	@Test
	@Tag("long")
	@Timeout(value = 10, unit = TimeUnit.MINUTES)
	void nothingIsLostInAnOutageOfMinutes() {
		outage(Duration.ofMinutes(1), Duration.ofSeconds(1), Duration.ofSeconds(10));
	}

	@Test
	void whatWasClaimedBeforeIsNotTriedBesideTheOnlyEvent() {
		this.receiver.answer((request, exchange) -> {
			awaitEnd();
			LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
			EventReceiver.answer(exchange, 503);
		});
		try (Instance instance = start("durable-notify.outbox.circuit.failures=1",
				"durable-notify.outbox.circuit.interval=100ms", "durable-notify.outbox.circuit.max-interval=100ms",
				"durable-notify.work.queues.[outbox/orders].prefetch=40")) {
			publish(List.of(instance), 80);
			Eventually.await(() -> this.attempts.running() == CONCURRENCY && claimed() >= 4 * CONCURRENCY, this::state);
			this.over.countDown();
			Eventually.await(() -> query("SELECT coalesce(max(failures), 0) FROM durable_notify.work_probes") >= 5,
					this::state);
			assertThat(this.attempts.runningAtStarts().stream().skip(CONCURRENCY)).hasSizeGreaterThanOrEqualTo(5)
				.containsOnly(1);
			this.receiver.answer(this::take);
			awaitDelivery();
		}
		checkOrder();
	}

	private Integer claimed() {
		return query("SELECT coalesce(sum(cardinality(item_ids)), 0) FROM durable_notify.work_claims");
	}

	private void outage(Duration phase, Duration interval, Duration maxInterval, String... properties) {
		this.receiver.answer(this::take);
		try (Instance first = start(properties); Instance second = start(properties)) {
			List<Instance> instances = List.of(first, second);
			publish(instances, 40);
			awaitDelivery();
			this.receiver.goAway();
			this.attempts.clear();
			publish(instances, 400);
			Eventually.await(() -> query("SELECT coalesce(max(failures), 0) FROM durable_notify.work_probes") > 0
					&& this.attempts.running() == 0, this::state);
			int burst = this.attempts.clear();
			// Those that were under way, or had failed before, in each instance
			assertThat(burst).isLessThanOrEqualTo(instances.size() * (CONCURRENCY + FAILURES));
			long start = System.nanoTime();
			waitAndPublish(instances, phase);
			this.receiver.answer((request, exchange) -> awaitEnd());
			this.receiver.open();
			waitAndPublish(instances, phase);
			this.receiver.answer(503);
			waitAndPublish(instances, phase);
			Duration took = Duration.ofNanos(System.nanoTime() - start);
			List<Long> starts = this.attempts.starts();
			assertThat(this.attempts.mostRunning()).isEqualTo(1);
			// One after each interval, over both instances; those of the beginning come
			// sooner
			assertThat(starts.size()).isBetween((int) phase.dividedBy(maxInterval),
					(int) took.dividedBy(maxInterval) + 8);
			assertThat(gaps(starts))
				.allSatisfy((gap) -> assertThat(gap).isGreaterThanOrEqualTo(interval.minus(interval.dividedBy(10))));
			assertThat(query("SELECT count(*) FROM durable_notify.work_dead")).isZero();
			this.receiver.answer(this::take);
			long back = System.nanoTime();
			Eventually.await(() -> this.delivered.size() > 40, this::state);
			Duration noticed = Duration.ofNanos(System.nanoTime() - back);
			awaitDelivery();
			assertThat(noticed).isLessThan(maxInterval.plusSeconds(5));
			assertThat(query("SELECT count(*) FROM durable_notify.work_dead")).isZero();
			assertThat(query("SELECT count(*) FROM durable_notify.work_probes")).isZero();
		}
		checkOrder();
	}

	private Instance start(String... properties) {
		List<String> all = new ArrayList<>(List.of(properties));
		all.add("durable-notify.outbox.http.orders.url=" + this.receiver.url());
		return Instance.start(this.database,
				(application) -> application.initializers(
						(context) -> ((GenericApplicationContext) context).registerBean(OutboxHttpCustomizer.class,
								() -> (sender, builder) -> builder.requestInterceptor(this.attempts))),
				all.toArray(String[]::new));
	}

	private void take(Request request, HttpExchange exchange) throws IOException {
		this.delivered.add(request);
		EventReceiver.answer(exchange, 204);
	}

	private void awaitEnd() {
		try {
			this.over.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	/**
	 * Let a part of the outage pass, in which events are published as before.
	 */
	private void waitAndPublish(List<Instance> instances, Duration phase) {
		long end = System.nanoTime() + phase.toNanos();
		for (int part = 9; part >= 0; part--) {
			publish(instances, 10);
			long until = end - phase.toNanos() / 10 * part;
			while (System.nanoTime() < until) {
				LockSupport.parkNanos(until - System.nanoTime());
			}
		}
	}

	/**
	 * Publish events in turns, half of them with an ordering key.
	 */
	private void publish(List<Instance> instances, int count) {
		for (Instance instance : instances) {
			instance.transaction().executeWithoutResult((status) -> {
				for (int i = 0; i < count / instances.size(); i++) {
					int number = this.published++;
					OutboxEvent event = OutboxEvent.of("t", "" + number).id("" + number);
					String key = "k" + number / 2 % KEYS;
					instance.bean(Outbox.class)
						.publish((number % 2 == 0) ? event : event.orderingKey(key).subject(key));
				}
			});
		}
	}

	private void awaitDelivery() {
		Eventually.await(() -> query("SELECT (SELECT count(*) FROM durable_notify.work_items) "
				+ "+ (SELECT count(*) FROM durable_notify.work_lane_items)") == 0, this::state);
	}

	private Integer query(String sql) {
		return this.database.jdbc().queryForObject(sql, Integer.class);
	}

	private String state() {
		return "%d of %d delivered, %d attempts, items %s, probes %s, dead %s".formatted(this.delivered.size(),
				this.published, this.attempts.starts().size(), query("SELECT count(*) FROM durable_notify.work_items"),
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.work_probes"),
				query("SELECT count(*) FROM durable_notify.work_dead"));
	}

	private static List<Duration> gaps(List<Long> starts) {
		List<Duration> gaps = new ArrayList<>();
		for (int i = 1; i < starts.size(); i++) {
			gaps.add(Duration.ofNanos(starts.get(i) - starts.get(i - 1)));
		}
		return gaps;
	}

	private void checkOrder() {
		Set<String> ids = new LinkedHashSet<>();
		Map<String, List<Integer>> numbers = new HashMap<>();
		for (Request request : this.delivered) {
			String key = request.headers().get("ce-subject");
			if (ids.add(request.id()) && key != null) {
				numbers.computeIfAbsent(key, (any) -> new ArrayList<>()).add(Integer.valueOf(request.id()));
			}
		}
		assertThat(ids).hasSize(this.published);
		assertThat(numbers).hasSize(KEYS).allSatisfy((key, ofKey) -> assertThat(ofKey).isSorted());
	}

	/**
	 * Remembers when events were tried, also where nothing has answered.
	 */
	private static final class Attempts implements ClientHttpRequestInterceptor {

		private final List<Long> starts = Collections.synchronizedList(new ArrayList<>());

		private final List<Integer> runningAtStarts = Collections.synchronizedList(new ArrayList<>());

		private final AtomicInteger running = new AtomicInteger();

		private final AtomicInteger mostRunning = new AtomicInteger();

		@Override
		public ClientHttpResponse intercept(HttpRequest request, byte[] body, ClientHttpRequestExecution execution)
				throws IOException {
			this.starts.add(System.nanoTime());
			int running = this.running.incrementAndGet();
			this.runningAtStarts.add(running);
			this.mostRunning.accumulateAndGet(running, Math::max);
			try {
				return execution.execute(request, body);
			}
			finally {
				this.running.decrementAndGet();
			}
		}

		/**
		 * Forget them.
		 * @return how many there were
		 */
		int clear() {
			int count = this.starts.size();
			this.starts.clear();
			this.mostRunning.set(this.running.get());
			return count;
		}

		List<Long> starts() {
			synchronized (this.starts) {
				return List.copyOf(this.starts);
			}
		}

		/**
		 * Return how many were under way when each began, with that.
		 */
		List<Integer> runningAtStarts() {
			synchronized (this.runningAtStarts) {
				return List.copyOf(this.runningAtStarts);
			}
		}

		int running() {
			return this.running.get();
		}

		int mostRunning() {
			return this.mostRunning.get();
		}

	}

}
