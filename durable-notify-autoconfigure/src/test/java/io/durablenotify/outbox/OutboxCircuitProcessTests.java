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
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OutboxApplication;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what becomes of the attempt of a process that is killed, or stopped for
 * longer than its lease, while a receiver fails altogether.
 */
class OutboxCircuitProcessTests {

	private static final int EVENTS = 20;

	private static final Duration LEASE = Duration.ofSeconds(2);

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	private final EventReceiver receiver = EventReceiver.start();

	private final CountDownLatch held = new CountDownLatch(1);

	private final CountDownLatch release = new CountDownLatch(1);

	private final String[] properties = { "durable-notify.outbox.http.orders.url=" + this.receiver.url(),
			"durable-notify.work.lease-duration=" + LEASE.toSeconds() + "s", "durable-notify.outbox.circuit.failures=1",
			"durable-notify.outbox.circuit.interval=100ms", "durable-notify.outbox.circuit.max-interval=200ms",
			"durable-notify.work.backoff.delay=50ms", "durable-notify.streams.lease=" + LEASE.toSeconds() + "s",
			"logging.level.io.durablenotify.work=debug" };

	private WriterProcess process;

	@BeforeEach
	void start() {
		this.process = WriterProcess.start(OutboxApplication.class, this.database,
				IntStream.range(0, this.properties.length)
					.mapToObj((i) -> "--" + this.properties[i])
					.toArray(String[]::new));
		this.process.awaitLine("sending");
	}

	@AfterEach
	void close() {
		this.process.close();
		this.release.countDown();
		this.receiver.close();
	}

	private Instance startOther() {
		return Instance.start(this.database, this.properties);
	}

	private void publish() {
		this.database.jdbc()
			.execute("SELECT durable_notify.enqueue('outbox/orders', convert_to(jsonb_build_object("
					+ "'event_id', n::text, 'type', 't')::text, 'UTF8')) FROM generate_series(1, %d) n"
						.formatted(EVENTS));
	}

	/**
	 * Answer what comes from now on as soon as the test wants.
	 */
	private void hold(int status) {
		this.receiver.answer((request, exchange) -> {
			this.held.countDown();
			try {
				this.release.await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
			EventReceiver.answer(exchange, status);
		});
	}

	private void awaitHeld() {
		Eventually.await(() -> this.held.getCount() == 0, this::state);
	}

	private Integer query(String sql) {
		return this.database.jdbc().queryForObject(sql, Integer.class);
	}

	private Integer probes() {
		return query("SELECT coalesce(max(failures), -1) FROM durable_notify.work_probes");
	}

	private Integer failures() {
		return query("SELECT sum(failures) FROM durable_notify.work_items");
	}

	private String since() {
		return String.valueOf(
				this.database.jdbc().queryForList("SELECT since::text FROM durable_notify.work_probes", String.class));
	}

	private String state() {
		return "%s, probes %s, claims %s, items %s, %s".formatted(this.receiver,
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.work_probes"),
				this.database.jdbc().queryForList("SELECT * FROM durable_notify.work_claims"),
				query("SELECT count(*) FROM durable_notify.work_items"), this.process);
	}

	/**
	 * Have the process send an event as the only one, which is not answered.
	 */
	private void awaitProbeThatIsNotAnswered(int status) {
		this.receiver.answer(503);
		publish();
		Eventually.await(() -> probes() >= 1, this::state);
		hold(status);
		awaitHeld();
		this.receiver.answer(503);
		this.receiver.clear();
	}

	private void awaitRecovery() {
		this.receiver.answerWell();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_items") == 0, this::state);
		assertThat(query("SELECT count(*) FROM durable_notify.work_dead")).isZero();
		assertThat(probes()).isEqualTo(-1);
		assertThat(this.receiver.ids())
			.contains(IntStream.rangeClosed(1, EVENTS).mapToObj(String::valueOf).toArray(String[]::new));
	}

	@Test
	void theAttemptOfAKilledProcessIsFollowedByThatOfAnotherAfterItsLease() {
		awaitProbeThatIsNotAnswered(204);
		try (Instance other = startOther()) {
			assertThat(other.context().isRunning()).isTrue();
			assertThat(this.receiver.requests()).isEmpty();
			this.process.kill();
			long killed = System.nanoTime();
			this.receiver.awaitRequests(1);
			assertThat(Duration.ofNanos(System.nanoTime() - killed)).isLessThan(LEASE.plusSeconds(8));
			int probes = probes();
			Eventually.await(() -> probes() >= probes + 3, this::state);
			// The request of the killed process is one of them
			assertThat(this.receiver.mostRunning()).isLessThanOrEqualTo(2);
			awaitRecovery();
		}
	}

	@Test
	void theAnswerThatAProcessGetsAfterItsLeaseSaysNothing() {
		awaitProbeThatIsNotAnswered(204);
		try (Instance other = startOther()) {
			assertThat(other.context().isRunning()).isTrue();
			String since = since();
			int failures = failures();
			this.process.stop();
			this.receiver.awaitRequests(3);
			this.release.countDown();
			this.process.resume();
			this.process.awaitLine("The outcome of item");
			int probes = probes();
			Eventually.await(() -> probes() >= probes + 3, this::state);
			// None has ended, and begun anew
			assertThat(since()).isEqualTo(since);
			// The first loss of the event that the process had counts as none
			assertThat(failures()).isEqualTo(failures);
			awaitRecovery();
		}
	}

	@Test
	void aProcessThatIsStoppedWhileItWaitsForItsTurnDoesNotTakeIt() {
		this.receiver.answer((request, exchange) -> {
			exchange.getResponseHeaders().set("Retry-After", "4");
			EventReceiver.answer(exchange, 503);
		});
		publish();
		Eventually.await(() -> query("SELECT count(*) FROM durable_notify.work_claims c "
				+ "JOIN durable_notify.work_probes p ON c.claim_id > extract(epoch FROM p.since) * 1000000") == 1,
				this::state);
		this.process.stop();
		this.receiver.clear();
		hold(503);
		try (Instance other = startOther()) {
			assertThat(other.context().isRunning()).isTrue();
			awaitHeld();
			this.process.resume();
			this.process.awaitLine("The outcome of item");
			assertThat(this.receiver.requests()).hasSize(1);
			this.receiver.answer(503);
			this.release.countDown();
			awaitRecovery();
		}
	}

}
