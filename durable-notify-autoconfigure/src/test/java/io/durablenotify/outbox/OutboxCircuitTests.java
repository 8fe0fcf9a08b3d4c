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

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.QueueInfo;
import io.durablenotify.work.WorkAdmin;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what two instances do while a receiver fails altogether.
 */
class OutboxCircuitTests {

	@Fixture
	private static TestDatabase database;

	private final EventReceiver receiver = EventReceiver.start();

	private Instance first;

	private Instance second;

	@BeforeEach
	void start() {
		this.first = instance();
		this.second = instance();
	}

	private Instance instance() {
		return Instance.start(database, "durable-notify.outbox.http.orders.url=" + this.receiver.url(),
				"durable-notify.outbox.circuit.interval=200ms", "durable-notify.outbox.circuit.max-interval=400ms",
				"durable-notify.outbox.max-attempts=10", "durable-notify.work.backoff.delay=50ms",
				"durable-notify.work.backoff.max-delay=50ms");
	}

	@AfterEach
	void close() {
		this.first.close();
		this.second.close();
		this.receiver.close();
	}

	private void publish(int count) {
		this.first.transaction()
			.executeWithoutResult((status) -> IntStream.range(0, count)
				.forEach((i) -> this.first.bean(Outbox.class).publish(OutboxEvent.of("t", "" + i).id("" + i))));
	}

	private static Integer query(String sql) {
		return database.jdbc().queryForObject(sql, Integer.class);
	}

	private String state() {
		return "%s, items %s, probes %s, claims %s".formatted(this.receiver,
				query("SELECT count(*) FROM durable_notify.work_items"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_probes"),
				database.jdbc().queryForList("SELECT * FROM durable_notify.work_claims"));
	}

	/**
	 * Wait until only attempts one at a time are under way.
	 */
	private void awaitProbes(int count) {
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_probes WHERE failures >= " + count) == 1,
				this::state);
	}

	@Test
	void whileAReceiverFailsEventsAreTriedOneAtATimeAndNoneIsLost() {
		this.receiver.answer((request, exchange) -> {
			LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
			EventReceiver.answer(exchange, 503);
		});
		publish(200);
		awaitProbes(1);
		long start = System.nanoTime();
		Eventually.await(() -> {
			this.receiver.clear();
			return this.receiver.mostRunning() <= 1;
		}, this::state);
		awaitProbes(8);
		int tried = this.receiver.requests().size();
		Duration took = Duration.ofNanos(System.nanoTime() - start);
		assertThat(this.receiver.mostRunning()).isEqualTo(1);
		// One after each interval, over both instances
		assertThat(tried).isLessThanOrEqualTo((int) (took.toMillis() / 200) + 2);
		assertThat(query("SELECT count(*) FROM durable_notify.work_dead")).isZero();
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
		assertThat(query("SELECT count(*) FROM durable_notify.work_probes")).isZero();
		assertThat(query("SELECT count(*) FROM durable_notify.work_dead")).isZero();
		assertThat(this.receiver.ids())
			.contains(IntStream.range(0, 200).mapToObj(String::valueOf).toArray(String[]::new));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void attemptsOneAtATimeDoNotCount(CapturedOutput output) {
		this.receiver.answer(500);
		publish(1);
		// More than its attempts
		awaitProbes(12);
		// Until one of the two has seen five
		assertThat(query("SELECT max(failures) FROM durable_notify.work_items")).isBetween(4, 8);
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
		Eventually.await(() -> output.getAll().contains("Sender 'orders' sends again"), output::getAll);
	}

	@Test
	void aReceiverThatNamesATimeIsLeftAloneUntilThen() {
		List<Long> starts = new CopyOnWriteArrayList<>();
		this.receiver.answer((request, exchange) -> {
			starts.add(System.nanoTime());
			exchange.getResponseHeaders().set("Retry-After", "2");
			EventReceiver.answer(exchange, 503);
		});
		publish(50);
		awaitProbes(2);
		int last = starts.size() - 1;
		assertThat(Duration.ofNanos(starts.get(last) - starts.get(last - 1)))
			.isGreaterThanOrEqualTo(Duration.ofMillis(1_900));
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
	}

	@Test
	void theLimitThatAnOperatorHasSetStays() {
		WorkAdmin admin = this.second.bean(WorkAdmin.class);
		admin.limit("outbox/orders", 3);
		this.receiver.answer(500);
		publish(50);
		awaitProbes(1);
		assertThat(limit(admin)).isEqualTo(3);
		admin.limit("outbox/orders", 2);
		assertThat(limit(admin)).isEqualTo(2);
		awaitProbes(2);
		assertThat(query("SELECT max_running FROM durable_notify.work_queues WHERE name = 'outbox/orders'")).isOne();
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
		assertThat(limit(admin)).isEqualTo(2);
		assertThat(query("SELECT max_running FROM durable_notify.work_queues WHERE name = 'outbox/orders'"))
			.isEqualTo(2);
		admin.limit("outbox/orders", null);
		assertThat(limit(admin)).isNull();
	}

	private static Integer limit(WorkAdmin admin) {
		return admin.queues()
			.stream()
			.filter((queue) -> queue.name().equals("outbox/orders"))
			.findFirst()
			.map(QueueInfo::maxRunning)
			.orElse(null);
	}

	/**
	 * Nothing is claimed but an event that was when attempts came one at a time already.
	 */
	private void awaitEventThatWaits() {
		Eventually.await(
				() -> query("SELECT CASE WHEN count(*) = 1 THEN count(p.since) ELSE 0 END "
						+ "FROM durable_notify.work_claims c LEFT JOIN durable_notify.work_probes p "
						+ "ON p.queue_id = c.queue_id AND c.claim_id > extract(epoch FROM p.since) * 1000000") == 1,
				this::state);
	}

	@Test
	void anEventThatWaitsForItsTurnIsNotSentOnceTheQueueIsPaused() {
		this.receiver.answer((request, exchange) -> {
			exchange.getResponseHeaders().set("Retry-After", "3600");
			EventReceiver.answer(exchange, 503);
		});
		// More than can be under way when the attempts one at a time begin
		publish(200);
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_probes "
				+ "WHERE next_at > clock_timestamp() + interval '1 minute'") == 1, this::state);
		awaitEventThatWaits();
		WorkAdmin admin = this.first.bean(WorkAdmin.class);
		admin.pause("outbox/orders");
		this.receiver.clear();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_claims") == 0, this::state);
		assertThat(this.receiver.requests()).isEmpty();
		database.jdbc().update("UPDATE durable_notify.work_probes SET next_at = clock_timestamp()");
		database.jdbc().update("UPDATE durable_notify.work_items SET due_at = least(due_at, clock_timestamp())");
		this.receiver.answerWell();
		admin.resume("outbox/orders");
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
	}

	@Test
	void anInstanceThatStopsWhileItWaitsLeavesTheTurnToTheOther() {
		this.receiver.answer((request, exchange) -> {
			exchange.getResponseHeaders().set("Retry-After", "3600");
			EventReceiver.answer(exchange, 503);
		});
		// More than can be under way when the attempts one at a time begin
		publish(200);
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_probes "
				+ "WHERE next_at > clock_timestamp() + interval '1 minute'") == 1, this::state);
		awaitEventThatWaits();
		long start = System.nanoTime();
		this.first.close();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(20));
		Eventually.await(
				() -> query("SELECT count(*) FROM durable_notify.work_claims c "
						+ "JOIN durable_notify.instances i USING (instance_id) WHERE i.gone_at IS NULL") == 1,
				this::state);
		database.jdbc().update("UPDATE durable_notify.work_probes SET next_at = clock_timestamp()");
		database.jdbc().update("UPDATE durable_notify.work_items SET due_at = least(due_at, clock_timestamp())");
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
	}

}
