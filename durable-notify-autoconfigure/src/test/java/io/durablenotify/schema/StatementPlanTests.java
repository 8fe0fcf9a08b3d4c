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

package io.durablenotify.schema;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.ConsumedChunk;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that PostgreSQL plans what is executed often once, and not each time: planning
 * can take longer than the statement.
 * <p>
 * It makes a custom plan each time if that seems cheaper than a generic one for any
 * values. An array parameter seems so where it is shorter than the ten elements that a
 * generic plan expects, unless a sub-select hides its length from the planner.
 */
class StatementPlanTests {

	private static final int TIMES = 40;

	@Fixture
	private static TestDatabase database;

	private final AtomicInteger handled = new AtomicInteger();

	@Test
	void whatIsExecutedOftenIsPlannedOnce() {
		// One connection, whose statements are all counted
		try (Instance instance = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=1",
				"durable-notify.poll.interval=100ms", "durable-notify.work.poll-interval=100ms")) {
			listen(instance);
			for (int i = 0; i < TIMES; i++) {
				write(instance, "key" + i);
			}
			Eventually.await(() -> this.handled.get() >= TIMES * 20, this.handled::toString);
			JdbcTemplate session = new JdbcTemplate(instance.bean(DataSource.class));
			assertThat(session.queryForObject("SELECT count(*) FROM pg_prepared_statements WHERE generic_plans > 10",
					Integer.class))
				.isGreaterThan(20);
			assertThat(session.queryForList("""
					SELECT custom_plans, generic_plans, regexp_replace(statement, '\\s+', ' ', 'g')
					FROM pg_prepared_statements WHERE custom_plans > 10 ORDER BY custom_plans DESC
					""")).isEmpty();
		}
	}

	/**
	 * Statements in functions are not counted.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "work_claim", "work_complete", "work_release", "work_release_lane", "work_release_lanes" })
	void aFunctionOfArraysSaysSo(String function) {
		try (Instance instance = Instance.start(database)) {
			assertThat(instance.jdbc()
				.queryForList("SELECT unnest(proconfig) FROM pg_proc WHERE proname = ?", String.class, function))
				.contains("plan_cache_mode=force_generic_plan");
		}
	}

	private void listen(Instance instance) {
		instance.bean(ChangeNotifier.class).subscribe("topic", (change) -> this.handled.incrementAndGet());
		streams().forEach((stream) -> instance.reader()
			.subscribe(stream, StreamPosition.start(), (chunk) -> this.handled.incrementAndGet()));
		instance.reader().prefixConsumer("batch", "plain").subscribe((chunk) -> this.handled.incrementAndGet());
		instance.reader().prefixConsumer("batch", "commits").subscribe(ConsumedChunk::commit);
		instance.bean(WorkListeners.class).register(WorkListenerSpec.of("queue", "ordered"), (item) -> handled());
		instance.bean(WorkListeners.class)
			.register(WorkListenerSpec.of("transactional").inTransaction(), (item) -> handled());
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.create("competing", ChannelMode.COMPETING);
		channels.compete("competing", (message) -> this.handled.incrementAndGet());
		channels.create("broadcast", ChannelMode.BROADCAST);
		channels.subscribe("broadcast", "subscriber", (message) -> this.handled.incrementAndGet());
	}

	private WorkOutcome handled() {
		this.handled.incrementAndGet();
		return WorkOutcome.done();
	}

	private static Stream<String> streams() {
		return IntStream.range(0, 4).mapToObj((i) -> "batch" + i);
	}

	private static void write(Instance instance, String key) {
		streams().map((stream) -> instance.writer().appendAsync(stream, "chunk"))
			.toList()
			.forEach(CompletableFuture::join);
		instance.writer().append("alone", "chunk");
		instance.writer().appendAll("alone", List.of(new byte[1], new byte[1]));
		instance.events().append(NewEvent.of("run", "type"));
		instance.events().appendAll("run", List.of(NewEvent.of("run", "type"), NewEvent.of("run", "type")));
		instance.bean(ChangeNotifier.class).publish("topic", key);
		WorkQueue queue = instance.bean(WorkQueue.class);
		instance.transaction().executeWithoutResult((status) -> {
			instance.writer().append("transaction", "chunk");
			queue.enqueue(WorkRequest.of("queue", "x"));
			queue.enqueue(WorkRequest.of("transactional", "x"));
		});
		queue.enqueueAll(IntStream.range(0, 3).mapToObj((n) -> WorkRequest.of("queue", "x")).toList());
		queue.enqueueAll(IntStream.range(0, 3).mapToObj((n) -> WorkRequest.of("queue", "x").key(key + n)).toList());
		queue.enqueueAll(List.of(WorkRequest.of("queue", "x"), WorkRequest.of("transactional", "x")));
		Stream
			.of(queue.enqueueAsync(WorkRequest.of("queue", "x")),
					queue.enqueueAsync(WorkRequest.of("transactional", "x")))
			.forEach(CompletableFuture::join);
		queue.enqueue(WorkRequest.of("ordered", "x").orderingKey("key"));
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.publish("competing", key);
		channels.publish("broadcast", key);
	}

}
