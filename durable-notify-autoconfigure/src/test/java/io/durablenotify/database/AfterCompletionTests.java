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

package io.durablenotify.database;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.ForeignTransactionManager;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.JpaApplication;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.Ordered;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for transactions that an {@code afterCompletion} callback begins, as a listener
 * of application events does: what is called in one is no part of the transaction that is
 * over.
 */
@ExtendWith(OutputCaptureExtension.class)
class AfterCompletionTests {

	private static int names;

	@Fixture
	private static TestDatabase database;

	private static final Map<String, Instance> instances = new LinkedHashMap<>();

	private final String name = "name-" + ++names;

	@BeforeAll
	static void start() {
		JpaApplication.createTable(database);
		String noPoll = "durable-notify.poll.interval=0";
		instances.put("JDBC", Instance.start(database, noPoll));
		instances.put("JPA", Instance.start(database, JpaApplication::addTo, noPoll));
		instances.put("JDBC without autocommit",
				Instance.start(database, noPoll, "spring.datasource.hikari.auto-commit=false"));
	}

	@AfterAll
	static void stop() {
		instances.values().forEach(Instance::close);
	}

	@AfterEach
	void nothingIsLeftBound() {
		assertThat(TransactionSynchronizationManager.getResourceMap()).isEmpty();
	}

	static Stream<Arguments> cases() {
		return Stream.of("JDBC", "JPA", "JDBC without autocommit")
			.flatMap((instance) -> Stream.of(true, false)
				.flatMap((commit) -> Stream.of(0, Ordered.LOWEST_PRECEDENCE)
					.map((order) -> Arguments.of(instance, commit, order))));
	}

	@ParameterizedTest
	@MethodSource("cases")
	void aNewOneHasItsOwnContents(String instanceName, boolean commit, int order, CapturedOutput output) {
		Instance instance = instances.get(instanceName);
		List<String> woken = new CopyOnWriteArrayList<>();
		Subscription waking = instance.bean(Wakeups.class).subscribe("streams", new Recorder(woken));
		List<Throwable> failures = new ArrayList<>();
		instance.transaction().executeWithoutResult((outer) -> {
			// Before the contents, as a publisher of application events does
			register(order, failures, () -> instance.newTransaction().executeWithoutResult((inner) -> {
				writeAll(instance, "inner");
				assertThat(woken).doesNotContain(this.name + "/inner");
			}));
			writeAll(instance, "outer");
			if (!commit) {
				outer.setRollbackOnly();
			}
		});
		waking.cancel();
		assertThat(failures).isEmpty();
		assertThat(stored("inner")).isEqualTo("2 chunks, 2 items, 1 events, 1 changes");
		assertThat(stored("outer"))
			.isEqualTo((commit) ? "2 chunks, 2 items, 1 events, 1 changes" : "0 chunks, 0 items, 0 events, 0 changes");
		assertThat(woken).contains(this.name + "/inner");
		assertThat(output).doesNotContain("WARN").doesNotContain("ERROR");
	}

	@ParameterizedTest
	@MethodSource("cases")
	void aNewOneRollsBackByItself(String instanceName, boolean commit, int order, CapturedOutput output) {
		Instance instance = instances.get(instanceName);
		instance.writer().complete(this.name + "/ended");
		List<Throwable> failures = new ArrayList<>();
		instance.transaction().executeWithoutResult((outer) -> {
			register(order, failures, () -> instance.newTransaction().executeWithoutResult((inner) -> {
				writeAll(instance, "inner");
				instance.writer().appendOnCommit(this.name + "/ended", bytes());
			}));
			writeAll(instance, "outer");
			if (!commit) {
				outer.setRollbackOnly();
			}
		});
		assertThat(failures).singleElement().isInstanceOf(StreamEndedException.class);
		assertThat(stored("inner")).isEqualTo("0 chunks, 0 items, 0 events, 0 changes");
		assertThat(output).doesNotContain("WARN").doesNotContain("ERROR");
	}

	/**
	 * The connection of the one that is over is bound still, and nothing commits it any
	 * more.
	 */
	@ParameterizedTest
	@MethodSource("cases")
	void whatOneWithoutAConnectionOfItsOwnWritesIsStored(String instanceName, boolean commit, int order) {
		Instance instance = instances.get(instanceName);
		TransactionTemplate foreign = new TransactionTemplate(new ForeignTransactionManager());
		TransactionTemplate joining = instance.transaction();
		for (TransactionTemplate second : List.of(foreign, joining)) {
			String kind = (second == foreign) ? "foreign" : "joining";
			List<Throwable> failures = new ArrayList<>();
			instance.transaction().executeWithoutResult((outer) -> {
				register(order, failures, () -> second.executeWithoutResult((inner) -> {
					foreign.executeWithoutResult((innermost) -> instance.writer().append(this.name + "/" + kind, "a"));
					write(instance, kind);
				}));
				instance.writer().append(this.name + "/outer", "a");
				if (!commit) {
					outer.setRollbackOnly();
				}
			});
			assertThat(failures).isEmpty();
			assertThat(stored(kind)).isEqualTo("3 chunks, 2 items, 0 events, 1 changes");
		}
	}

	private void writeAll(Instance instance, String suffix) {
		write(instance, suffix);
		instance.bean(Outbox.class).publish(OutboxEvent.of("type", "a").sender(this.name + "-" + suffix));
	}

	private void write(Instance instance, String suffix) {
		String name = this.name + "/" + suffix;
		instance.writer().append(name, "a");
		instance.writer().appendOnCommit(name, bytes());
		instance.bean(ChangeNotifier.class).publish("topic", name);
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(name, "a"));
		instance.bean(WorkQueue.class).enqueueOnCommit(WorkRequest.of(name, "a"));
	}

	private static byte[] bytes() {
		return "a".getBytes(StandardCharsets.UTF_8);
	}

	private String stored(String suffix) {
		String name = this.name + "/" + suffix;
		String items = """
				FROM durable_notify.work_items JOIN durable_notify.work_queues USING (queue_id) WHERE name = ?""";
		return "%d chunks, %d items, %d events, %d changes".formatted(
				count("FROM durable_notify.stream_chunks JOIN durable_notify.streams USING (stream_id) WHERE name = ?",
						name),
				count(items, name), count(items, "outbox/%s-%s".formatted(this.name, suffix)),
				count("FROM durable_notify.changes WHERE key = ?", name));
	}

	private static Long count(String from, String name) {
		return database.jdbc().queryForObject("SELECT count(*) " + from, Long.class, name);
	}

	private static void register(int order, List<Throwable> failures, Runnable callback) {
		TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

			@Override
			public int getOrder() {
				return order;
			}

			@Override
			public void afterCompletion(int status) {
				try {
					callback.run();
				}
				catch (Throwable ex) {
					failures.add(ex);
				}
			}

		});
	}

	/**
	 * Notes the names of streams that were created.
	 */
	private record Recorder(List<String> woken) implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			if (wakeup.createdName() != null) {
				this.woken.add(wakeup.createdName());
			}
		}

		@Override
		public void onResync() {
			// none
		}

	}

}
