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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.ChannelTables;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.event.NewEvent;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.JpaApplication;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for everything that writes, in each callback of a transaction: what is stored,
 * who is woken, and that nothing false is logged.
 */
@ExtendWith(OutputCaptureExtension.class)
class TransactionCallbackTests {

	private static final byte[] DATA = "a".getBytes(StandardCharsets.UTF_8);

	private static final String STREAMS = "SELECT count(*) FROM durable_notify.streams WHERE name = ?";

	private static final String CHUNKS = "SELECT count(*) FROM durable_notify.stream_chunks "
			+ "JOIN durable_notify.streams USING (stream_id) WHERE name = ?";

	private static final String ENDED = STREAMS + " AND ended_at IS NOT NULL";

	private static final String EVENTS = "SELECT count(*) FROM durable_notify.workflow_events WHERE run_id = ?";

	private static final String WORK = "SELECT count(*) FROM durable_notify.work_items "
			+ "JOIN durable_notify.work_queues USING (queue_id) WHERE name = ?";

	private static final String CHANGES = "SELECT count(*) FROM durable_notify.changes WHERE key = ?";

	@Fixture
	private static TestDatabase database;

	private static final Map<String, Instance> instances = new LinkedHashMap<>();

	private static final AtomicInteger counter = new AtomicInteger();

	/**
	 * A way to write.
	 *
	 * @param name the name
	 * @param write writes something of a name
	 * @param count counts what was written
	 * @param prefix what the stored name begins with
	 * @param mode the mode of the channel to which it writes, if that is one
	 */
	private record Write(String name, Consumer<String> write, String count, String prefix, ChannelMode mode) {

		private Write(String name, Consumer<String> write, String count) {
			this(name, write, count, "", null);
		}

		private String stored(String name) {
			return this.prefix + name;
		}

		private boolean isRefusedIn(Phase phase) {
			return switch (this.name) {
				case "appendOnCommit" -> phase == Phase.AFTER_COMPLETION;
				case "publish to the outbox" -> phase == Phase.AFTER_COMMIT || phase == Phase.AFTER_COMPLETION;
				default -> false;
			};
		}

	}

	private enum Phase {

		BEFORE_COMMIT, BEFORE_COMPLETION, AFTER_COMMIT, AFTER_COMPLETION

	}

	@BeforeAll
	static void start() {
		JpaApplication.createTable(database);
		instances.put("JDBC", Instance.start(database));
		instances.put("JPA", Instance.start(database, JpaApplication::addTo));
		instances.put("JDBC without autocommit",
				Instance.start(database, "spring.datasource.hikari.auto-commit=false"));
	}

	@AfterAll
	static void stop() {
		instances.values().forEach(Instance::close);
	}

	static Stream<Arguments> cases() {
		return instances().flatMap((instance) -> Stream.of(Phase.values())
			.flatMap((phase) -> Stream.of(true, false).map((commit) -> Arguments.of(instance, phase, commit))));
	}

	private static Stream<String> instances() {
		return Stream.of("JDBC", "JPA", "JDBC without autocommit");
	}

	private static List<Write> writes(Instance instance) {
		List<Write> writes = new ArrayList<>();
		writes.add(new Write("append", (name) -> instance.writer().append(name, "a"), CHUNKS));
		writes.add(new Write("appendAll", (name) -> instance.writer().appendAll(name, List.of(DATA)), CHUNKS));
		writes.add(new Write("appendAt", (name) -> instance.writer().appendAt(name, 0, DATA), CHUNKS));
		writes.add(new Write("appendAsync", (name) -> instance.writer().appendAsync(name, DATA).join(), CHUNKS));
		writes.add(new Write("appendOnCommit", (name) -> instance.writer().appendOnCommit(name, DATA), CHUNKS));
		writes.add(new Write("create", (name) -> instance.writer().create(name, StreamOptions.none()), STREAMS));
		writes.add(new Write("complete", (name) -> instance.writer().complete(name), ENDED));
		writes.add(new Write("fail", (name) -> instance.writer().fail(name, "reason"), ENDED));
		writes.add(new Write("event", (name) -> instance.events().append(NewEvent.of(name, "a")), EVENTS));
		writes.add(new Write("event at", (name) -> instance.events().append(NewEvent.of(name, "a"), 0), EVENTS));
		writes.add(new Write("events", (name) -> instance.events().appendAll(name, List.of(NewEvent.of(name, "a"))),
				EVENTS));
		writes.add(new Write("publish", (name) -> instance.bean(ChangeNotifier.class).publish(name, name), CHANGES));
		WorkQueue work = instance.bean(WorkQueue.class);
		writes.add(new Write("enqueue", (name) -> work.enqueue(WorkRequest.of(name, "a")), WORK));
		writes.add(new Write("enqueue by key", (name) -> work.enqueue(WorkRequest.of(name, "a").key("k")), WORK));
		writes.add(new Write("enqueue in order", (name) -> work.enqueue(WorkRequest.of(name, "a").orderingKey("o")),
				WORK));
		writes.add(new Write("enqueueAll", (name) -> work.enqueueAll(List.of(WorkRequest.of(name, "a"))), WORK));
		writes.add(new Write("enqueueAsync", (name) -> work.enqueueAsync(WorkRequest.of(name, "a")).join(), WORK));
		writes.add(new Write("enqueueOnCommit", (name) -> work.enqueueOnCommit(WorkRequest.of(name, "a")), WORK));
		DurableChannels channels = instance.bean(DurableChannels.class);
		writes.add(new Write("send", (name) -> channels.send(name, name, "a"), WORK, "channel/", ChannelMode.DIRECT));
		writes.add(new Write("publish to one", (name) -> channels.publish(name, "a"), WORK, "channel/",
				ChannelMode.COMPETING));
		writes.add(new Write("publish to all", (name) -> channels.publish(name, "a"), CHUNKS, "channel/",
				ChannelMode.BROADCAST));
		Outbox outbox = instance.bean(Outbox.class);
		writes.add(new Write("publish to the outbox",
				(name) -> outbox.publish(OutboxEvent.of("type", "a").sender(name)), WORK, "outbox/", null));
		return writes;
	}

	@ParameterizedTest
	@MethodSource("cases")
	void everyWriteInEveryCallback(String name, Phase phase, boolean commit, CapturedOutput output) {
		Instance instance = instances.get(name);
		Recorder recorder = new Recorder(instance);
		for (Write write : writes(instance)) {
			for (boolean usedBefore : new boolean[] { true, false }) {
				write(instance, phase, commit, usedBefore, write, recorder);
			}
		}
		recorder.close();
		if (phase != Phase.AFTER_COMMIT) {
			assertThat(output).doesNotContain("WARN").doesNotContain("ERROR");
		}
		assertThat(output).doesNotContain("not on durable-notify's DataSource");
	}

	private static void write(Instance instance, Phase phase, boolean commit, boolean usedBefore, Write write,
			Recorder recorder) {
		String name = "write-" + counter.incrementAndGet();
		String description = "%s after %s: %s".formatted(write.name(), (usedBefore) ? "others" : "none", recorder);
		recorder.learn(name, write);
		List<Throwable> failures = new ArrayList<>();
		instance.transaction().executeWithoutResult((status) -> {
			if (usedBefore) {
				instance.events().append(NewEvent.of(name + "/before", "a"));
				instance.writer().appendOnCommit(name + "/before", DATA);
			}
			TransactionSynchronizationManager
				.registerSynchronization(new Callback(phase, () -> write.write().accept(name), failures));
			if (!commit) {
				status.setRollbackOnly();
			}
		});
		boolean called = commit || phase == Phase.BEFORE_COMPLETION || phase == Phase.AFTER_COMPLETION;
		boolean refused = called && write.isRefusedIn(phase);
		assertThat(failures).as(description).hasSize((refused) ? 1 : 0);
		boolean stored = called && !refused && (commit || phase == Phase.AFTER_COMPLETION);
		assertThat(database.jdbc().queryForObject(write.count(), Long.class, write.stored(name))).as(description)
			.isEqualTo((stored) ? 1 : 0);
		if (stored && phase == Phase.AFTER_COMMIT) {
			Eventually.await(() -> recorder.isWoken(name), () -> description);
		}
		else {
			assertThat(recorder.isWoken(name)).as(description).isEqualTo(stored);
		}
	}

	@ParameterizedTest
	@MethodSource("instances")
	void whatIsWrittenBeforeACommitThatFailsSendsNoWakeup(String instanceName, CapturedOutput output) {
		Instance instance = instances.get(instanceName);
		Recorder recorder = new Recorder(instance);
		for (Write write : writes(instance)) {
			String name = "write-" + counter.incrementAndGet();
			recorder.learn(name, write);
			assertThatIllegalStateException().isThrownBy(() -> instance.transaction()
				.executeWithoutResult((status) -> TransactionSynchronizationManager
					.registerSynchronization(new Callback(Phase.BEFORE_COMMIT, () -> {
						write.write().accept(name);
						throw new IllegalStateException("Expected");
					}, null))))
				.withMessage("Expected");
			assertThat(database.jdbc().queryForObject(write.count(), Long.class, write.stored(name))).as(write.name())
				.isZero();
			assertThat(recorder.isWoken(name)).as(write.name()).isFalse();
		}
		recorder.close();
		assertThat(output).doesNotContain("WARN").doesNotContain("ERROR");
	}

	/**
	 * Calls in one phase. Without a list of failures, they are thrown.
	 */
	private record Callback(Phase phase, Runnable call,
			List<Throwable> failures) implements TransactionSynchronization {

		@Override
		public void beforeCommit(boolean readOnly) {
			callIn(Phase.BEFORE_COMMIT);
		}

		@Override
		public void beforeCompletion() {
			callIn(Phase.BEFORE_COMPLETION);
		}

		@Override
		public void afterCommit() {
			callIn(Phase.AFTER_COMMIT);
		}

		@Override
		public void afterCompletion(int status) {
			callIn(Phase.AFTER_COMPLETION);
		}

		private void callIn(Phase phase) {
			if (phase != this.phase) {
				return;
			}
			try {
				this.call.run();
			}
			catch (RuntimeException ex) {
				if (this.failures == null) {
					throw ex;
				}
				this.failures.add(ex);
			}
		}

	}

	/**
	 * Notes the wake-ups of one JVM.
	 */
	private static final class Recorder implements AutoCloseable {

		private final Instance instance;

		private final List<Subscription> subscriptions;

		/**
		 * Names that were received, and numbers of topics.
		 */
		private final Set<Object> woken = ConcurrentHashMap.newKeySet();

		/**
		 * What each name may be woken by.
		 */
		private final Map<String, List<Object>> expected = new ConcurrentHashMap<>();

		private volatile long lastTopic;

		private Recorder(Instance instance) {
			this.instance = instance;
			this.subscriptions = Stream.of("streams", "events", "changes", "work", "channel")
				.map(this::subscribe)
				.toList();
		}

		private Subscription subscribe(String topic) {
			return this.instance.bean(Wakeups.class).subscribe(topic, new WakeupHandler() {

				@Override
				public void onWakeup(Wakeup wakeup) {
					if (wakeup.createdName() != null) {
						Recorder.this.woken.add(wakeup.createdName());
					}
					else if (topic.equals("changes")) {
						Recorder.this.woken.add(wakeup.id());
						Recorder.this.lastTopic = wakeup.id();
					}
					else if (topic.equals("work") || topic.equals("channel")) {
						Recorder.this.woken.add(topic + " " + wakeup.id());
					}
				}

				@Override
				public void onResync() {
				}

			});
		}

		/**
		 * Wake-ups of changes have nothing but a number that stands for the topic, those
		 * of work the id of the queue, which is paused so that none misses a handler, and
		 * those of a direct channel a number that stands for the address.
		 */
		void learn(String name, Write write) {
			if (write.mode() == ChannelMode.DIRECT) {
				this.expected.put(name, List.of("channel " + ChannelTables.addressId(name, name)));
				return;
			}
			long queue = database.jdbc()
				.queryForObject("""
						INSERT INTO durable_notify.work_queues (name, kind, paused_at) VALUES (?, ?, now())
						RETURNING queue_id""", Long.class, write.stored(name),
						(write.mode() != null) ? "channel-" + write.mode().name().toLowerCase(Locale.ROOT) : null);
			this.instance.bean(ChangeNotifier.class).publish(name, "learn");
			this.expected.put(name, List.of(write.stored(name), this.lastTopic, "work " + queue));
			this.woken.remove(this.lastTopic);
		}

		boolean isWoken(String name) {
			return this.expected.get(name).stream().anyMatch(this.woken::contains);
		}

		@Override
		public void close() {
			this.subscriptions.forEach(Subscription::cancel);
		}

		@Override
		public String toString() {
			return "woken " + this.woken;
		}

	}

}
