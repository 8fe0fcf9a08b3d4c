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

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunQuery;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.TestRole;
import io.durablenotify.testsupport.WorkFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataAccessException;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for everything in sessions whose role has its own settings: migrations, streams,
 * events, changes and what cleans up.
 */
@ExtendWith(OutputCaptureExtension.class)
class SessionSettingsTests {

	private static final List<String> TEXTS = List.of("backslash_quote=on", "array_nulls=off",
			"escape_string_warning=on", "quote_all_identifiers=on", "transform_null_equals=on", "xmlbinary=hex",
			"check_function_bodies=off");

	/**
	 * Those that do not get in each other's way are set together. A name that the server
	 * does not know is left out.
	 */
	private static final Map<String, List<String>> SETTINGS = Map.ofEntries(
			Map.entry("texts", Stream.concat(TEXTS.stream(), Stream.of("standard_conforming_strings=off")).toList()),
			Map.entry("texts in the simple mode", TEXTS),
			Map.entry("formats",
					List.of("DateStyle='SQL, DMY'", "IntervalStyle=sql_standard", "TimeZone='America/St_Johns'",
							"bytea_output=escape", "extra_float_digits=0", "lc_monetary='C'", "lc_numeric='C'",
							"lc_time='C'", "client_min_messages=error", "search_path=''", "synchronous_commit=off",
							"commit_siblings=0", "default_toast_compression=pglz", "work_mem='64kB'")),
			Map.entry("client",
					List.of("client_encoding=LATIN1", "search_path=nowhere", "row_security=off", "application_name='ä'",
							"bytea_output=hex")),
			Map.entry("short timeouts",
					List.of("statement_timeout='2s'", "lock_timeout='300ms'",
							"idle_in_transaction_session_timeout='300ms'", "idle_session_timeout='1s'",
							"transaction_timeout='5s'")),
			Map.entry("serializable",
					List.of("default_transaction_isolation=serializable", "default_transaction_deferrable=on")),
			Map.entry("repeatable read", List.of("default_transaction_isolation='repeatable read'")),
			Map.entry("generic plans",
					List.of("plan_cache_mode=force_generic_plan", "jit=on", "jit_above_cost=0",
							"debug_parallel_query=on", "force_parallel_mode=on")),
			Map.entry("no index scans",
					List.of("plan_cache_mode=force_custom_plan", "enable_indexscan=off", "enable_indexonlyscan=off",
							"enable_bitmapscan=off", "enable_nestloop=off", "enable_sort=off")),
			Map.entry("no hash, no scans",
					List.of("enable_hashjoin=off", "enable_mergejoin=off", "enable_hashagg=off", "enable_seqscan=off",
							"enable_material=off", "enable_memoize=off", "from_collapse_limit=1",
							"join_collapse_limit=1", "cursor_tuple_fraction=1")));

	static Stream<String> settings() {
		return SETTINGS.keySet().stream().sorted();
	}

	@ParameterizedTest
	@MethodSource("settings")
	void everythingWorks(String name, CapturedOutput output) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		String[] known = SETTINGS.get(name)
			.stream()
			.filter((setting) -> isKnown(database, setting.split("=")[0]))
			.toArray(String[]::new);
		try (TestRole role = TestRole.create(database, known)) {
			role.grantCreate();
			try (Instance instance = Instance.start(database,
					(application) -> application.sources(WorkFeatures.Sources.class),
					role.properties("durable-notify.streams.retention=1h", "durable-notify.outbox.retention=1h",
							"durable-notify.streams.families.kept.prefix=kept/",
							"spring.datasource.hikari.maximum-pool-size=4",
							"spring.datasource.hikari.data-source-properties.preferQueryMode="
									+ ((name.contains("simple")) ? "simple" : "extended")));
					WorkFeatures features = WorkFeatures.listen(instance.context(), "a\\b'c")) {
				instance.awaitStatus(Status.LISTENING);
				// More often than the driver and the server need to change their ways
				IntStream.range(0, 8).forEach((round) -> {
					use(instance, "round" + round);
					features.use("a\\b'c" + round);
				});
				clean(instance);
				cleanUpWork(instance);
			}
		}
		// A handler's own transaction may conflict with another one, and is repeated
		String log = output.getAll().replace("failed: ERROR: could not serialize access", "");
		assertThat(log).doesNotContain("ERROR").doesNotContain("Failed to");
	}

	@Test
	void aDriverThatWouldStoreOtherBytesIsRefused() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (TestRole role = TestRole.create(database, "standard_conforming_strings=off")) {
			role.grantCreate();
			assertThatException()
				.isThrownBy(() -> Instance.start(database,
						role.properties("spring.datasource.hikari.data-source-properties.preferQueryMode=simple")))
				.havingRootCause()
				.withMessageContaining("must not use preferQueryMode=simple");
		}
	}

	@Test
	void aRoleThatOnlyReadsCanReadAndGetsAReasonForWhatItCannot() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		Instance.start(database).close();
		database.jdbc().queryForObject("SELECT durable_notify.append('read', 'a')", Long.class);
		try (TestRole role = TestRole.create(database, "default_transaction_read_only=on")) {
			role.grantUse();
			try (Instance instance = Instance.start(database, role.properties("durable-notify.schema.migrate=false"))) {
				RecordingHandler handler = new RecordingHandler();
				instance.reader().subscribe("read", StreamPosition.start(), handler);
				handler.awaitChunks(1);
				assertThatExceptionOfType(DataAccessException.class)
					.isThrownBy(() -> instance.writer().append("read", "b"))
					.withMessageContaining("read-only transaction");
				assertThatExceptionOfType(DataAccessException.class)
					.isThrownBy(() -> instance.events().append(NewEvent.of("run", "other")))
					.withMessageContaining("read-only transaction");
			}
		}
	}

	private static boolean isKnown(TestDatabase database, String setting) {
		return database.jdbc()
			.queryForObject("SELECT EXISTS (SELECT FROM pg_settings WHERE lower(name) = lower(?) AND context = 'user')",
					Boolean.class, setting);
	}

	private static void use(Instance instance, String name) {
		useStreams(instance, name);
		useEvents(instance.events(), name);
		useChanges(instance, name);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(instance.writer().append(name + "/joined", "a\\b'c")).isZero();
			instance.events().append(NewEvent.of(name + "/joined", "step_created").correlationId("a\\b'c"));
			instance.events()
				.appendAll(name + "/joined", List.of(NewEvent.of(name + "/joined", "other"),
						NewEvent.of(name + "/joined", "other").payload("\"a\\\\b\"")));
			instance.bean(ChangeNotifier.class).publish(name + "/joined", "a\\b'c");
		});
		assertThat(instance.events().read(name + "/joined", 0, 10).events()).hasSize(3);
	}

	private static void useStreams(Instance instance, String name) {
		byte[] bytes = { 0, '\\', '\'', -1 };
		instance.writer().create(name, StreamOptions.none().owner("a\\b'c"));
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(name, StreamPosition.start(), handler);
		assertThat(instance.writer().append(name, bytes)).isZero();
		assertThat(instance.writer().append(name, bytes)).isOne();
		assertThat(instance.writer().appendAll(name, List.of(bytes, new byte[10_000]))).isEqualTo(2);
		instance.writer().appendAsync(name, "async").join();
		handler.awaitChunks(5);
		assertThat(handler.chunks().get(2).data()).isEqualTo(bytes);
		instance.writer().fail(name, "a\\b'c");
		assertThat(handler.awaitError()).hasMessageContaining("a\\b'c");
		assertThat(instance.reader().list(StreamQuery.all().owner("a\\b'c").prefix(name))).hasSize(1);
		assertThat(instance.reader().page(name, StreamPosition.last(2), 10).chunks()).hasSize(2);
		try (StreamAppender appender = instance.writer().appender(name + "/appender")) {
			appender.append("a");
			appender.complete("b");
		}
		assertThat(instance.jdbc().queryForObject("SELECT durable_notify.append(?, 'a')", Long.class, name + "/sql"))
			.isZero();
		instance.writer().complete(name + "/deleted", "a");
		assertThat(instance.writer().delete(name + "/deleted")).isTrue();
	}

	private static void useEvents(EventLog log, String run) {
		NewEvent created = NewEvent.of(run, "step_created").correlationId("a\\b'c").payload("{\"a\": null}");
		assertThat(log.append(created).sequence()).isOne();
		assertThat(log.append(created).sequence()).isOne();
		log.appendAll(run, List.of(NewEvent.of(run, "other"), NewEvent.of(run, "keyed").idempotencyKey("NULL"),
				NewEvent.of(run, "run_completed").correlationId("null")));
		List<StoredEvent> events = log.read(run, 0, 10).events();
		assertThat(events).extracting(StoredEvent::correlationId).containsExactly("a\\b'c", null, null, "null");
		assertThat(events).extracting(StoredEvent::idempotencyKey).containsExactly(null, null, "NULL", null);
		assertThat(events).extracting(StoredEvent::payload).containsExactly("{\"a\": null}", null, null, null);
		assertThat(log.runs(RunQuery.all().open().prefix(run))).isEmpty();
		log.append(NewEvent.of(run + "/deleted", "other"));
		assertThat(log.delete(run + "/deleted")).isTrue();
	}

	private static void useChanges(Instance instance, String topic) {
		ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
		List<String> keys = new CopyOnWriteArrayList<>();
		Subscription subscription = notifier.subscribe(topic, (change) -> keys.add(change.key()));
		notifier.publish(topic, "a\\b'c", "me");
		instance.jdbc().query("SELECT durable_notify.publish(?, 'sql')", (result) -> {
		}, topic);
		Eventually.await(() -> keys.size() == 2, keys::toString);
		assertThat(keys).containsExactly("a\\b'c", "sql");
		subscription.cancel();
	}

	private static void clean(Instance instance) {
		for (String janitor : List.of("durableNotifyStreamJanitor", "durableNotifyRunJanitor",
				"durableNotifyChangeJanitor")) {
			ReflectionTestUtils.invokeMethod(instance.context().getBean(janitor), "wake");
		}
		Eventually.await(
				() -> count(instance, "SELECT count(*) FROM durable_notify.deleted_streams") == 0
						&& count(instance,
								"SELECT count(*) FROM durable_notify.workflow_runs WHERE ended_at IS NOT NULL") == 8
						&& count(instance, "SELECT count(*) FROM durable_notify.change_snapshots") > 0,
				instance::context);
	}

	private static void cleanUpWork(Instance instance) {
		for (PeriodicTask task : instance.context().getBeansOfType(PeriodicTask.class).values()) {
			ReflectionTestUtils.invokeMethod(task, "run");
		}
	}

	private static long count(Instance instance, String query) {
		return instance.jdbc().queryForObject(query, Long.class);
	}

}
