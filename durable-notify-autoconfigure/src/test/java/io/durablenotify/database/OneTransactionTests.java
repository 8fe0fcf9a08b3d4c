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

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.IdempotencyKeyConflictException;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.DriverSettings;
import io.durablenotify.testsupport.DriverSettings.Execution;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OwnServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.context.Lifecycle;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link OneTransaction} by what the server logs while everything that several
 * statements are sent for is done: each text's statements, and which transaction each was
 * in.
 */
class OneTransactionTests {

	/**
	 * A prepared statement changes its ways at the fifth execution at the latest.
	 */
	private static final int ROUNDS = 8;

	private static final Pattern LOGGED = Pattern.compile("(\\d+)@([^@]*)@LOG: +(?:statement|execute [^:]*): (.*)",
			Pattern.DOTALL);

	@TempDir
	private static Path directory;

	private static OwnServer server;

	private static TestDatabase database;

	private static DriverSettings settings;

	private static Instance instance;

	/**
	 * On another database, since queues are claimed all the time.
	 */
	private static DriverSettings workSettings;

	private static Instance workInstance;

	private static int runs;

	/**
	 * Where the log begins that is looked at.
	 */
	private static long logged;

	@BeforeAll
	static void start() {
		server = OwnServer.start(directory, Map.of("logging_collector", "on", "log_directory", "log", "log_filename",
				"server.log", "log_rotation_age", "0", "log_statement", "all", "log_line_prefix", "%p@%v@"));
		database = server.database();
		settings = DriverSettings.of(database, 1);
		instance = Instance.start(database, settings::install, "durable-notify.streams.retention=1h");
		// Has its own transactions
		instance.context().getBean("durableNotifyRunJanitor", Lifecycle.class).stop();
		instance.context().getBean("durableNotifyWorkJanitor", Lifecycle.class).stop();
		TestDatabase workDatabase = server.createDatabase("work");
		workSettings = DriverSettings.of(workDatabase, 1);
		workInstance = Instance.start(workDatabase, (application) -> {
			workSettings.install(application);
			application.sources(WorkFeatures.Sources.class);
		});
	}

	@AfterAll
	static void stop() {
		instance.close();
		settings.close();
		workInstance.close();
		workSettings.close();
		server.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "preferQueryMode=extended", "preferQueryMode=extendedForPrepared",
			"preferQueryMode=extendedCacheEverything", "stringtype=unspecified", "prepareThreshold=0",
			"prepareThreshold=1", "prepareThreshold=-1", "binaryTransfer=false", "autosave=always",
			"autosave=conservative", "defaultRowFetchSize=1", "preparedStatementCacheQueries=0",
			"reWriteBatchedInserts=true", "assumeMinServerVersion=14", "stringtype=unspecified&prepareThreshold=1",
			"stringtype=unspecified&prepareThreshold=-1&autosave=always", DriverSettings.MANUAL_COMMIT })
	void whatIsSentTogetherIsOneTransactionInOneRoundTrip(String driver) {
		use(settings, driver);
		doEverything(ROUNDS);
		assertThat(assertOneTransactionEach(settings, instance)).hasSizeGreaterThanOrEqualTo(20);
		// An implicit transaction ends where the driver waits for an answer
		assertThat(logged(settings)).extracting(Logged::sql).doesNotContain("BEGIN");
		joinTransactions();
	}

	@ParameterizedTest
	@ValueSource(strings = { "preferQueryMode=simple", "preferQueryMode=simple&autosave=always",
			"preferQueryMode=simple&stringtype=unspecified", "preferQueryMode=simple&defaultRowFetchSize=1",
			"preferQueryMode=simple&prepareThreshold=-1", DriverSettings.HIDDEN,
			DriverSettings.HIDDEN + "&preferQueryMode=simple", DriverSettings.HIDDEN + "&defaultRowFetchSize=1",
			DriverSettings.MANUAL_COMMIT + "&preferQueryMode=simple",
			"preferQueryMode=simple&options=-c%20default_transaction_isolation=serializable" })
	void whatMayBeSplitHasATransactionOfItsOwn(String driver) {
		use(settings, driver);
		doEverything(2);
		assertThat(assertOneTransactionEach(settings, instance)).hasSizeGreaterThanOrEqualTo(20);
		assertThat(logged(settings)).extracting(Logged::sql).contains("BEGIN");
		joinTransactions();
	}

	/**
	 * Inside and outside of transactions, so that the log has BEGIN in any case.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "", "stringtype=unspecified", "prepareThreshold=-1", "preferQueryMode=simple",
			"preferQueryMode=simple&stringtype=unspecified", DriverSettings.HIDDEN, DriverSettings.MANUAL_COMMIT })
	void soAreWorkChannelsConsumersAndTheOutbox(String driver) {
		use(workSettings, driver);
		for (int round = 0; round < 2; round++) {
			try (WorkFeatures features = WorkFeatures.listen(workInstance.context(), "features" + runs++)) {
				features.use("once");
				features.use("again");
			}
			StreamConsumers consumers = workInstance.bean(StreamConsumers.class);
			Eventually.await(() -> consumers.list().stream().allMatch((consumer) -> consumer.owner() == null),
					consumers::list);
		}
		Set<String> texts = assertOneTransactionEach(workSettings, workInstance);
		// Creates a channel, releases a consumer, stores a message of an address
		for (String text : List.of("(name, kind)", "SET instance_id = NULL", ".work_append(")) {
			assertThat(texts).anyMatch((sent) -> sent.contains(text));
		}
	}

	private static void use(DriverSettings settings, String driver) {
		settings.use(driver);
		logged += log().length();
	}

	private static void doEverything(int rounds) {
		String run = "run" + runs++ + "/";
		for (int round = 0; round < rounds; round++) {
			appendToStreams(run + round);
			createAndDelete(run + round);
			appendToRuns(run + round);
			publish(run + round);
		}
	}

	private static void appendToStreams(String stream) {
		StreamWriter writer = instance.writer();
		assertThat(writer.append(stream, "0")).isZero();
		assertThat(writer.append(stream, "1")).isOne();
		assertThat(writer.appendAll(stream, List.of(new byte[1], new byte[10_000]))).isEqualTo(2);
		assertThat(writer.appendAt(stream, 4, new byte[1])).isEqualTo(4);
		// With a pool of one they become batches
		List<CompletableFuture<Long>> appends = IntStream.range(0, 40)
			.mapToObj((i) -> writer.appendAsync(stream + "/" + i % 4, "async"))
			.toList();
		assertThat(appends.stream().map(CompletableFuture::join)).containsOnly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
		writer.complete(stream);
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.append(stream, "late"));
		writer.fail(stream + "/0", "reason");
	}

	private static void createAndDelete(String prefix) {
		StreamWriter writer = instance.writer();
		String stream = prefix + "/created";
		writer.create(prefix + "/none", StreamOptions.none());
		StreamOptions options = StreamOptions.none()
			.owner("me")
			.contentType("text/plain")
			.timeToLive(Duration.ofDays(1));
		writer.create(stream, options);
		writer.create(stream, options);
		database.jdbc()
			.update("UPDATE durable_notify.streams SET expires_at = now() - interval '1s' WHERE name = ?", stream);
		writer.create(stream, options);
		writer.append(stream, "0");
		assertThat(writer.delete(stream)).isTrue();
		assertThat(writer.delete(stream)).isFalse();
		awaitTurn("durableNotifyStreamJanitor", "deleted_streams'");
		assertThat(database.jdbc().queryForList("SELECT stream_id FROM durable_notify.deleted_streams")).isEmpty();
	}

	private static void awaitTurn(String janitor, String text) {
		long before = executions(text);
		ReflectionTestUtils.invokeMethod(instance.context().getBean(janitor), "wake");
		Eventually.await(() -> executions(text) > before, settings::executions);
		awaitConnection(instance);
	}

	private static void awaitConnection(Instance instance) {
		instance.bean(ApplicationDatabase.class)
			.executeSeparately("have the only connection after it", (connection, joined) -> joined);
	}

	private static long executions(String text) {
		return settings.executions().stream().filter((execution) -> execution.text().contains(text)).count();
	}

	private static void appendToRuns(String run) {
		EventLog log = instance.events();
		NewEvent created = NewEvent.of(run, "step_created").correlationId("a").payload("{}");
		NewEvent keyed = NewEvent.of(run, "step_completed").idempotencyKey("k");
		for (NewEvent event : List.of(created, keyed, NewEvent.of(run, "run_created"))) {
			assertThat(log.append(event).outcome()).isEqualTo(Outcome.APPENDED);
			assertThat(log.append(event).outcome()).isEqualTo(Outcome.DUPLICATE);
			assertThat(log.append(event).outcome()).isEqualTo(Outcome.DUPLICATE);
		}
		assertThat(log.append(NewEvent.of(run, "other").payload("1"), 3).sequence()).isEqualTo(4);
		// By the longer statements, since the run is not known
		assertThat(log.append(NewEvent.of(run + "/other", "other")).sequence()).isOne();
		NewEvent conflict = NewEvent.of(run, "other").idempotencyKey("k");
		assertThatExceptionOfType(IdempotencyKeyConflictException.class).isThrownBy(() -> log.append(conflict))
			.withMessageContaining("belongs to event 'step_completed' without correlation id, stored with sequence 2");
		assertThat(log.appendAll(run, List.of(created, keyed, NewEvent.of(run, "other").correlationId("b"))))
			.extracting("sequence")
			.containsExactly(1L, 2L, 5L);
		assertThatExceptionOfType(IdempotencyKeyConflictException.class)
			.isThrownBy(() -> log.appendAll(run, List.of(conflict)));
		assertThat(log.appendAll(run + "/all", List.of(NewEvent.of(run + "/all", "other")))).hasSize(1);
	}

	private static void publish(String key) {
		ChangeNotifier changes = instance.bean(ChangeNotifier.class);
		changes.publish("topic", key);
		changes.subscribe("topic", (change) -> {
		}).cancel();
		awaitTurn("durableNotifyChangeJanitor", "change_snapshots (snapshot)");
	}

	private static void joinTransactions() {
		String name = "joined" + runs++;
		for (int round = 0; round < ROUNDS; round++) {
			long index = round;
			instance.transaction().executeWithoutResult((status) -> {
				List<String> streams = Stream.of("a", "b", "c").map((stream) -> name + "/" + stream).toList();
				streams.forEach((stream) -> instance.writer().appendOnCommit(stream, new byte[1]));
				assertThat(instance.writer().append(name, "a")).isEqualTo(index);
				NewEvent event = NewEvent.of(name, "step_created").correlationId("a" + index);
				assertThat(instance.events().append(event).sequence()).isEqualTo(index + 1);
				assertThat(instance.events().appendAll(name, List.of(event, event))).extracting("outcome")
					.containsOnly(Outcome.DUPLICATE);
				assertThat(instance.jdbc().queryForObject("SHOW lock_timeout", String.class)).isEqualTo("0");
			});
		}
		assertThat(instance.reader().info(name + "/c").orElseThrow().nextIndex()).isEqualTo(ROUNDS);
	}

	/**
	 * Assert it of each text since the connections have the settings.
	 * @return those of several statements
	 */
	private static Set<String> assertOneTransactionEach(DriverSettings settings, Instance instance) {
		List<Execution> executions = settings.executions();
		awaitConnection(instance);
		Map<Integer, List<Logged>> logged = new HashMap<>();
		logged(settings).forEach((line) -> logged.computeIfAbsent(line.pid(), (pid) -> new ArrayList<>()).add(line));
		Set<String> texts = new HashSet<>();
		for (Execution execution : executions) {
			Set<String> transactions = new HashSet<>();
			List<Logged> lines = logged.get(execution.pid());
			for (String statement : execution.statements()) {
				while (!lines.isEmpty() && !lines.get(0).isOf(statement)) {
					lines.remove(0);
				}
				assertThat(lines).as(() -> "Log from on " + statement).isNotEmpty();
				transactions.add(lines.remove(0).transaction());
			}
			assertThat(transactions).as(execution::text).hasSize(1);
			if (execution.statements().size() > 1) {
				texts.add(execution.text());
			}
		}
		return texts;
	}

	/**
	 * Return what the server has logged since the connections have the settings.
	 */
	private static List<Logged> logged(DriverSettings settings) {
		Set<Integer> pids = new HashSet<>();
		settings.executions().forEach((execution) -> pids.add(execution.pid()));
		String mark = "SELECT 'mark " + runs++ + "'";
		database.jdbc().execute(mark);
		Eventually.await(() -> log().contains(mark), OneTransactionTests::log);
		return Pattern.compile("\\n(?!\\t)")
			.splitAsStream(log())
			.map(LOGGED::matcher)
			.filter(Matcher::matches)
			.map((line) -> new Logged(Integer.parseInt(line.group(1)), line.group(2), normalized(line.group(3))))
			.filter((line) -> pids.contains(line.pid()))
			.toList();
	}

	private static String log() {
		try (RandomAccessFile file = new RandomAccessFile(directory.resolve("log/server.log").toFile(), "r")) {
			byte[] read = new byte[(int) (file.length() - logged)];
			file.seek(logged);
			file.readFully(read);
			return new String(read, StandardCharsets.ISO_8859_1);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static String normalized(String sql) {
		return sql.strip().replaceAll("\\s+", " ");
	}

	/**
	 * A statement in the log.
	 *
	 * @param transaction the virtual transaction id
	 */
	private record Logged(int pid, String transaction, String sql) {

		/**
		 * Compared up to the first parameter, which the driver replaces.
		 */
		boolean isOf(String statement) {
			return this.sql.startsWith(normalized(statement.split("\\?")[0]));
		}

	}

}
