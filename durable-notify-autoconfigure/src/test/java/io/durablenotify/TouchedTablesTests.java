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

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeHandler;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for an application that goes on while its tables are emptied, or a part of them
 * is restored.
 */
class TouchedTablesTests {

	private static final String NO_POLL = "durable-notify.poll.interval=0";

	@Fixture
	private TestDatabase database;

	@Fixture(properties = NO_POLL)
	private Instance instance;

	@Fixture(properties = { NO_POLL, "durable-notify.changes.retention=1s" })
	private Instance other;

	private final Received ofInstance = new Received();

	private final Received ofOther = new Received();

	private void subscribe() {
		this.instance.bean(ChangeNotifier.class).subscribe("topic", this.ofInstance);
		this.other.bean(ChangeNotifier.class).subscribe("topic", this.ofOther);
	}

	private void publish(String key) {
		this.instance.bean(ChangeNotifier.class).publish("topic", key);
	}

	private void await(String received) {
		for (Received handler : List.of(this.ofInstance, this.ofOther)) {
			Eventually.await(() -> handler.received.contains(received),
					() -> received + " is missing from " + handler.received);
		}
	}

	private void emptyAllTables() {
		String tables = this.database.jdbc()
			.queryForObject("SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
					+ "WHERE schemaname = 'durable_notify' AND tablename <> 'schema_history'", String.class);
		this.database.truncate(tables);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whereAllTablesAreEmptiedEverythingGoesOnAndHandlersOfChangesHearOfAGap(boolean published) {
		subscribe();
		if (published) {
			publish("before");
			await("before");
		}
		this.instance.writer().append("stream", "before");
		this.instance.events().append(NewEvent.of("run", "before"));
		for (int round = 0; round < 2; round++) {
			emptyAllTables();
			publish("API " + round);
			await("FAILOVER");
			await("API " + round);
			this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'SQL %d')".formatted(round));
			await("SQL " + round);
			RecordingHandler chunks = new RecordingHandler();
			this.other.reader().subscribe("stream", StreamPosition.start(), chunks);
			assertThat(this.instance.writer().append("stream", "after")).isZero();
			assertThat(chunks.awaitChunks(1).texts()).containsExactly("after");
			assertThat(this.instance.events().append(NewEvent.of("run", "after")).sequence()).isEqualTo(1);
			assertThat(this.ofInstance.received).doesNotHaveDuplicates();
			this.ofInstance.received.remove("FAILOVER");
			this.ofOther.received.remove("FAILOVER");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "change_log", "change_lifetime", "change_snapshots", "instances", "deleted_streams" })
	void whereTheRowsOfOneTableAreDeletedChangesGoOn(String table) {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("DELETE FROM durable_notify." + table);
		publish("after");
		await("after");
		this.database.jdbc().execute("SELECT durable_notify.publish('topic', 'SQL')");
		await("SQL");
		for (Received handler : List.of(this.ofInstance, this.ofOther)) {
			assertThat(handler.received).filteredOn((received) -> !received.equals("FAILOVER"))
				.containsExactly("before", "after", "SQL");
			assertThat(handler.received.contains("FAILOVER")).isEqualTo(table.equals("change_log"));
		}
	}

	@Test
	void whereChangesAreDeletedThatWereReadHandlersHearOfAGapAndOfWhatComes() {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("DELETE FROM durable_notify.changes");
		publish("after");
		await("after");
		await("FAILOVER");
	}

	@Test
	void withoutReadersOldChangesAreDeletedAllTheSame() {
		publish("before");
		this.database.jdbc().execute("DELETE FROM durable_notify.change_log");
		publish("after");
		Eventually.await(() -> stored() == 0, this::stored);
	}

	private int stored() {
		return this.database.jdbc().queryForObject("SELECT count(*) FROM durable_notify.changes", Integer.class);
	}

	@Test
	void whereAnyTableIsEmptiedWorkGoesOn() {
		try (Instance polling = startPolling();
				WorkFeatures features = WorkFeatures.listen(polling.context(), "touched")) {
			features.use("before");
			emptyAllTables();
			features.subscribe();
			features.use("after all");
			for (String table : List.of("instances", "work_queues", "work_items", "work_lane_items", "work_claims",
					"work_dead", "work_finished", "work_probes", "outbox_sent", "stream_consumer_positions",
					"streams")) {
				this.database.jdbc().execute("DELETE FROM durable_notify." + table);
				features.use("after " + table);
			}
		}
	}

	/**
	 * As what tests do to a context that is kept: the queues get each other's ids.
	 */
	@Test
	void whereIdsBeginAgainNoListenerGetsTheItemsOfAnother() {
		List<String> handled = Collections.synchronizedList(new ArrayList<>());
		List<String> queues = List.of("a", "b", "c");
		try (Instance polling = startPolling()) {
			WorkListeners listeners = polling.bean(WorkListeners.class);
			queues.forEach((queue) -> listeners.register(WorkListenerSpec.of(queue), (item) -> {
				handled.add(queue + " " + item.queue() + new String(item.payload(), StandardCharsets.UTF_8));
				return WorkOutcome.done();
			}));
			for (int round = 0; round < 3; round++) {
				emptyAllTables();
				handled.clear();
				String text = " " + round;
				for (int i = 0; i < 3; i++) {
					// By an instance without listeners, which creates the queues in this
					// order
					this.other.bean(WorkQueue.class)
						.enqueue(WorkRequest.of(queues.get((i + round + 1) % queues.size()), text));
				}
				Eventually.await(() -> handled.size() == 3, handled::toString);
				assertThat(handled).containsExactlyInAnyOrder("a a" + text, "b b" + text, "c c" + text);
			}
		}
	}

	@Test
	void whereIdsBeginAgainNoConsumerGetsThePositionsOfAnother() {
		this.instance.writer().append("first", "of first");
		List<String> consumed = Collections.synchronizedList(new ArrayList<>());
		try (Instance polling = startPolling()) {
			Subscription before = polling.reader().consumer("second", "second").subscribe((chunk) -> {
			});
			this.database.truncate("durable_notify.stream_consumers, durable_notify.stream_consumer_positions");
			this.other.reader().consumer("first", "first").subscribe((chunk) -> consumed.add(chunk.chunk().text()));
			Eventually.await(() -> consumed.contains("of first"), consumed::toString);
			Eventually.await(() -> !before.isActive(), before::toString);
			assertThat(this.other.bean(StreamConsumers.class).find("first").orElseThrow().owner()).isNotNull();
		}
	}

	private Instance startPolling() {
		return Instance.start(this.database, (application) -> application.sources(WorkFeatures.Sources.class),
				"durable-notify.poll.interval=200ms", "durable-notify.streams.lease=3s",
				"durable-notify.work.lease-duration=3s");
	}

	@Test
	void instancesHaveLeasesOfTheirOwnWhereIdsBeginAgain() {
		Lease before = this.instance.bean(Instances.class).leases().get(0);
		this.database.truncate("durable_notify.instances");
		this.database.jdbc().execute("SELECT setval('durable_notify.instances_instance_id_seq', 1, false)");
		try (Instance started = Instance.start(this.database, NO_POLL)) {
			Lease first = started.bean(Instances.class).lease(Duration.ofSeconds(30));
			assertThat(before.awaitRenewed(Eventually.TIMEOUT)).isFalse();
			Lease second = this.instance.bean(Instances.class).lease(Duration.ofSeconds(30));
			assertThat(List.of(first.instanceId(), second.instanceId())).doesNotContain(before.instanceId())
				.doesNotHaveDuplicates();
		}
	}

	@Test
	void aStreamWhoseWriterIsMissingFails() {
		RecordingHandler handler = new RecordingHandler();
		this.instance.writer().append("restored", "a");
		this.instance.reader().subscribe("restored", StreamPosition.start(), handler);
		this.database.jdbc().update("UPDATE durable_notify.streams SET writer_id = 4711 WHERE name = 'restored'");
		ReflectionTestUtils.invokeMethod(this.instance.context().getBean("durableNotifyStreamJanitor"), "wake");
		assertThat(handler.awaitError()).hasMessageContaining("the lease of the writer's instance ran out");
	}

	/**
	 * As a part of a dump does that was made on another server.
	 */
	@Test
	void aReaderOfARestoredNoteOfTheFutureGetsAGapAndAllChangesAfterIt() {
		subscribe();
		publish("before");
		await("before");
		this.database.jdbc().execute("UPDATE durable_notify.change_log SET deleted = '4000000:4000000:'");
		Eventually.await(() -> this.ofOther.received.contains("EXPIRED"), () -> this.ofOther.received);
		publish("after");
		await("after");
	}

	private static final class Received implements ChangeHandler {

		private final List<String> received = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void onChange(Change change) {
			this.received.add(change.key());
		}

		@Override
		public void onGap(ChangeGap gap) {
			this.received.add(gap.reason().name());
		}

	}

}
