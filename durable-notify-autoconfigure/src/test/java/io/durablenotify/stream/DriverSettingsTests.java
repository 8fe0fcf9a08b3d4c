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

package io.durablenotify.stream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunLockedException;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.DriverSettings;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what two instances write at the same time, with settings by which the driver
 * would send what belongs together in several transactions.
 */
class DriverSettingsTests {

	private static final String SIMPLE = "preferQueryMode=simple";

	private static final String UNSPECIFIED = "stringtype=unspecified";

	@Fixture
	private static TestDatabase database;

	private static DriverSettings settings;

	private static DriverSettings otherSettings;

	private static Instance instance;

	private static Instance other;

	private static StreamWriter writer;

	private static int runs;

	private String name = "";

	@BeforeAll
	static void start() {
		settings = DriverSettings.of(database, 8);
		otherSettings = DriverSettings.of(database, 8);
		instance = Instance.start(database, settings::install, "durable-notify.streams.append-timeout=500ms",
				"durable-notify.events.append-timeout=500ms", "durable-notify.poll.interval=0");
		other = Instance.start(database, otherSettings::install, "durable-notify.streams.append-timeout=30s",
				"durable-notify.poll.interval=0");
		writer = instance.writer();
		database.jdbc()
			.execute(
					"""
							CREATE TABLE public.holds ();
							CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
								'BEGIN WHILE EXISTS (SELECT FROM public.holds) LOOP PERFORM pg_sleep(0.002); END LOOP; RETURN NEW; END';
							CREATE TRIGGER hold BEFORE INSERT ON durable_notify.stream_chunks FOR EACH ROW
								WHEN (NEW.data = 'held') EXECUTE FUNCTION public.hold();
							CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
								'BEGIN IF NEW.data = ''lost'' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
								RAISE ''refused''; END';
							CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON durable_notify.stream_chunks
								DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.data IN ('lost', 'refused'))
								EXECUTE FUNCTION public.fail()
							""");
	}

	@AfterAll
	static void stop() {
		instance.close();
		other.close();
		settings.close();
		otherSettings.close();
	}

	private void use(String driver) {
		settings.use(driver);
		otherSettings.use(driver);
		this.name = "run" + runs++ + "/";
	}

	@ParameterizedTest
	@ValueSource(strings = { "", SIMPLE, SIMPLE + "&autosave=always", SIMPLE + "&" + UNSPECIFIED, UNSPECIFIED,
			"prepareThreshold=-1", "defaultRowFetchSize=1", DriverSettings.HIDDEN + "&" + SIMPLE })
	void anEndWaitsForWhatIsBeingAppended(String driver) {
		use(driver);
		for (Form form : Form.values()) {
			String stream = this.name + form;
			database.jdbc().execute("INSERT INTO public.holds DEFAULT VALUES");
			CompletableFuture<Void> append = Background.run(() -> form.append(stream));
			awaitWait("Timeout", append);
			CompletableFuture<Void> end = Background.run(() -> other.writer().complete(stream));
			awaitWait("Lock", end);
			assertThat(end).as(stream).isNotDone();
			database.jdbc().execute("DELETE FROM public.holds");
			Eventually.get(append);
			Eventually.get(end);
			RecordingHandler handler = new RecordingHandler();
			other.reader().subscribe(stream, StreamPosition.start(), handler);
			assertThat(handler.awaitComplete().texts()).as(stream).contains("held");
		}
	}

	private static void awaitWait(String type, CompletableFuture<?> task) {
		Eventually.await(() -> task.isDone() || !database.jdbc()
			.queryForList("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = ? "
					+ "AND backend_type = 'client backend' AND datname = current_database()", type)
			.isEmpty(), task::toString);
	}

	@ParameterizedTest
	@ValueSource(strings = { SIMPLE, UNSPECIFIED, DriverSettings.HIDDEN + "&" + SIMPLE })
	void nothingIsStoredAfterTheEnd(String driver) {
		use(driver);
		for (int i = 0; i < 100; i++) {
			String stream = this.name + i;
			AtomicInteger stored = new AtomicInteger();
			List<CompletableFuture<Void>> appends = Stream.of(instance, instance, other)
				.map((one) -> Background.run(() -> appendUntilTheEnd(one, stream, stored)))
				.toList();
			Eventually.await(() -> stored.get() > 0, stored::toString);
			other.writer().complete(stream);
			long length = length(stream);
			appends.forEach(Eventually::get);
			assertThat(length(stream)).isEqualTo(length).isEqualTo(stored.get());
		}
	}

	private static void appendUntilTheEnd(Instance instance, String stream, AtomicInteger stored) {
		try {
			while (true) {
				instance.writer().appendAll(stream, List.of(new byte[1], new byte[1]));
				stored.addAndGet(2);
			}
		}
		catch (StreamEndedException ex) {
			// As expected
		}
	}

	private static long length(String stream) {
		return instance.reader().info(stream).orElseThrow().nextIndex();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", SIMPLE, SIMPLE + "&autosave=always", UNSPECIFIED, "prepareThreshold=-1",
			DriverSettings.HIDDEN })
	void whatIsLockedIsWaitedForAsLongAsIsAllowed(String driver) {
		use(driver);
		String held = this.name + "held";
		String created = this.name + "created";
		writer.append(held, "0");
		instance.events().append(NewEvent.of(held, "first"));
		CountDownLatch release = new CountDownLatch(1);
		CountDownLatch locked = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> other.transaction().executeWithoutResult((status) -> {
			other.writer().append(held, "1");
			other.events().append(NewEvent.of(held, "second"));
			other.writer().create(created, StreamOptions.none());
			locked.countDown();
			Eventually.await(release);
		}));
		Eventually.await(locked);
		long start = System.nanoTime();
		// More than once, since a prepared statement changes its ways
		for (int i = 0; i < 3; i++) {
			List<CompletableFuture<?>> waiting = new ArrayList<>();
			for (Runnable write : List.<Runnable>of(() -> writer.append(held, "a"),
					() -> writer.appendAll(held, List.of(new byte[1], new byte[1])),
					() -> writer.appendAt(held, 1, new byte[1]), () -> writer.complete(held), () -> writer.delete(held),
					() -> writer.append(created, "a"), () -> writer.create(created, StreamOptions.none()))) {
				waiting.add(Background.run(write));
			}
			waiting.add(writer.appendAsync(held, "a"));
			waiting.add(Background.run(() -> instance.events().append(NewEvent.of(held, "third"))));
			waiting.add(Background.run(() -> instance.events().appendAll(held, List.of(NewEvent.of(held, "third")))));
			for (int free = 0; free < 10; free++) {
				assertThat(writer.append(this.name + "free", "a")).isEqualTo(10 * i + free);
			}
			for (CompletableFuture<?> write : waiting) {
				assertThat(Eventually.failure(write)).isInstanceOfAny(StreamLockedException.class,
						RunLockedException.class);
			}
		}
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isBetween(Duration.ofMillis(1500),
				Duration.ofSeconds(20));
		release.countDown();
		Eventually.get(holder);
		assertThat(writer.append(held, "2")).isEqualTo(2);
		assertThat(instance.events().append(NewEvent.of(held, "third")).sequence()).isEqualTo(3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "", SIMPLE, SIMPLE + "&autosave=always", DriverSettings.HIDDEN })
	void aCommitThatFailsIsReportedAsWhatItIs(String driver) {
		use(driver);
		for (Form form : List.of(Form.FIRST, Form.ALL, Form.AT)) {
			String stream = this.name + form;
			assertThatExceptionOfType(DataAccessException.class).isThrownBy(() -> form.append(stream, "refused"))
				.withMessageContaining("refused");
			assertThatExceptionOfType(AppendOutcomeUnknownException.class)
				.isThrownBy(() -> form.append(stream, "lost"));
			form.append(stream, "stored");
			assertThat(instance.reader().page(stream, StreamPosition.start(), 10).chunks()).extracting(Chunk::text)
				.startsWith("stored");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { SIMPLE, DriverSettings.HIDDEN })
	void readersElsewhereAreWokenAfterTheCommit(String driver) {
		use(driver);
		for (int i = 0; i < 10; i++) {
			String stream = this.name + i;
			RecordingHandler handler = new RecordingHandler();
			other.reader().subscribe(stream, StreamPosition.start(), handler);
			writer.appendAll(stream, List.of(new byte[1], new byte[1]));
			handler.awaitChunks(2);
			writer.complete(stream);
			handler.awaitComplete();
		}
	}

	/**
	 * The ways of appending that lock first.
	 */
	private enum Form {

		FIRST {

			@Override
			void append(String stream, String text) {
				writer.append(stream, text);
			}

		},

		ALL {

			@Override
			void append(String stream, String text) {
				writer.appendAll(stream, List.of(text.getBytes(), "b".getBytes()));
			}

		},

		AT {

			@Override
			void append(String stream, String text) {
				writer.appendAt(stream, 0, text.getBytes());
			}

		},

		NEXT {

			@Override
			void append(String stream, String text) {
				writer.append(stream, "a");
				writer.append(stream, text);
			}

		},

		BATCH {

			@Override
			void append(String stream, String text) {
				IntStream.range(0, 20)
					.mapToObj((i) -> writer.appendAsync((i == 10) ? stream : stream + "/" + i, (i == 10) ? text : "a"))
					.toList()
					.forEach(Eventually::get);
			}

		},

		TRANSACTION {

			@Override
			void append(String stream, String text) {
				List<String> streams = List.of(stream + "/a", stream + "/b", stream);
				streams.forEach((each) -> writer.create(each, StreamOptions.none()));
				instance.transaction()
					.executeWithoutResult((status) -> streams.forEach(
							(each) -> writer.appendOnCommit(each, ((each.equals(stream)) ? text : "a").getBytes())));
			}

		};

		abstract void append(String stream, String text);

		void append(String stream) {
			append(stream, "held");
		}

	}

}
