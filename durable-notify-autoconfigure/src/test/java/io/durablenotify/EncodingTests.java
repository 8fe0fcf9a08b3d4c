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

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.channel.DurableChannels;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.EventHandler;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.RunQuery;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamState;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.tuple;

/**
 * Tests for databases in other encodings than UTF-8: what they can spell is stored, and
 * what they cannot ends nothing but its own.
 */
@ExtendWith(OutputCaptureExtension.class)
class EncodingTests {

	/**
	 * No encoding but UTF-8 has it with all those below.
	 */
	private static final String NOWHERE = "日€😀";

	private final AtomicInteger changes = new AtomicInteger();

	private static TestDatabase database(String encoding) {
		return PostgresServer.shared()
			.createDatabase("ENCODING '%s' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".formatted(encoding));
	}

	@ParameterizedTest
	@CsvSource({ "WIN1252, Preis-€-Ÿ", "WIN1251, Цена-Ђ", "KOI8R, цена─", "LATIN1, ÿ-ß", "LATIN9, Preis-€",
			"WIN874, ราคา€", "EUC_JP, 日本", "SQL_ASCII, 日本-€-ß-😀" })
	void whatTheDatabaseCanSpellIsStored(String encoding, String text, CapturedOutput output) {
		TestDatabase database = database(encoding);
		try (Instance instance = Instance.start(database, EncodingTests::withWork, "spring.application.name=" + text,
				"durable-notify.streams.families.own.prefix=" + text + "/",
				"durable-notify.streams.families.own.retention=1h",
				"durable-notify.events.terminal-types=" + text + "_ended");
				WorkFeatures features = WorkFeatures.listen(instance.context(), "work" + text)) {
			features.use(text);
			useStreams(instance, text);
			useEvents(instance, text);
			useChanges(instance, text);
			database.jdbc()
				.queryForObject("SELECT durable_notify.append(?, 'chunk'), durable_notify.publish(?, ?)",
						(result, row) -> result.getLong(1), text + "/sql", text, text);
			assertThat(instance.reader().info(text + "/sql")).isPresent();
			assertThat(database.jdbc()
				.queryForList("SELECT conname FROM pg_constraint WHERE contype = 'c' AND NOT convalidated")).isEmpty();
			clean(instance);
			assertThat(output).contains("The database's encoding is " + encoding);
		}
		assertThat(output).doesNotContain("Failed to");
	}

	private static void useStreams(Instance instance, String text) {
		instance.writer().create(text, StreamOptions.none().owner(text));
		RecordingHandler handler = new RecordingHandler();
		instance.reader().subscribe(text, StreamPosition.start(), handler);
		instance.writer().append(text, text);
		try (StreamAppender appender = instance.writer().appender(text + "/appender")) {
			appender.append(text);
			appender.complete();
		}
		instance.writer().fail(text, text);
		assertThat(handler.awaitError()).hasMessageContaining(text);
		assertThat(handler.texts()).containsExactly(text);
		assertThat(instance.reader().list(StreamQuery.all().owner(text).prefix(text)))
			.extracting(StreamInfo::name, StreamInfo::owner, StreamInfo::failureReason)
			.containsExactly(tuple(text, text, text));
		assertThat(instance.reader().list(StreamQuery.all().prefix(text).after(text))).hasSize(1);
	}

	private static void useEvents(Instance instance, String text) {
		NewEvent event = NewEvent.of(text, text).correlationId(text).idempotencyKey(text);
		assertThat(instance.events().append(event).sequence()).isOne();
		assertThat(instance.events().append(event).sequence()).isOne();
		instance.events().appendAll(text, List.of(NewEvent.of(text, text + "_ended").payload("\"" + text + "\"")));
		assertThat(instance.events().findByCorrelation(text, text)).hasSize(1);
		assertThat(instance.events().runs(RunQuery.all().open())).isEmpty();
		assertThat(instance.events().read(text, 0, 10).events()).extracting(StoredEvent::type)
			.containsExactly(text, text + "_ended");
	}

	private void useChanges(Instance instance, String text) {
		ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
		int before = this.changes.get();
		notifier.subscribe(text, (change) -> this.changes.incrementAndGet()).isActive();
		notifier.publish(text, text, text);
		Eventually.await(() -> this.changes.get() > before, notifier::toString);
	}

	@ParameterizedTest
	@CsvSource({ "LATIN1", "WIN1252", "EUC_JP" })
	void whatItCannotSpellEndsNothingButItsOwn(String encoding) {
		TestDatabase database = database(encoding);
		try (Instance instance = Instance.start(database, EncodingTests::withWork, "spring.application.name=" + NOWHERE,
				"durable-notify.streams.families.own.prefix=" + NOWHERE,
				"durable-notify.streams.families.own.retention=1h",
				"durable-notify.events.terminal-types=run_completed," + NOWHERE);
				WorkFeatures features = WorkFeatures.listen(instance.context(), "plain")) {
			instance.awaitStatus(Status.LISTENING);
			refuseWork(instance);
			features.use("plain" + NOWHERE);
			RecordingHandler before = new RecordingHandler();
			instance.reader().subscribe("plain", StreamPosition.start(), before);
			RecordingHandler unspellable = new RecordingHandler();
			instance.reader().subscribe(NOWHERE, StreamPosition.start(), unspellable);
			assertThat(unspellable.awaitError()).isInstanceOf(DataIntegrityViolationException.class);
			EventErrors followed = new EventErrors();
			instance.events().follow(NOWHERE, 0, followed);
			Eventually.await(() -> followed.errors.get() == 1, followed.errors::get);
			assertThatExceptionOfType(DataIntegrityViolationException.class)
				.isThrownBy(() -> instance.writer().append(NOWHERE, "a"))
				.withMessageContaining("has no equivalent in encoding");
			appendTogether(instance);
			ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
			assertThatIllegalArgumentException()
				.isThrownBy(() -> notifier.subscribe(NOWHERE, (change) -> this.changes.incrementAndGet()))
				.withMessageContaining("encoding lacks");
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("plain", "a");
				assertThatIllegalArgumentException()
					.isThrownBy(() -> notifier.subscribe(NOWHERE, (change) -> this.changes.incrementAndGet()));
				assertThatIllegalArgumentException()
					.isThrownBy(() -> instance.listener().listen(NOWHERE, new Nothing()));
			});
			instance.writer().cancel("plain", NOWHERE);
			assertThat(before.awaitError()).hasMessageContaining("???");
			assertThat(before.texts()).containsExactly("a");
			useChanges(instance, "plain");
			instance.events().append(NewEvent.of("plain", "run_completed"));
			assertThat(instance.events().runs(RunQuery.all().open())).isEmpty();
			instance.writer().append("deleted", "a");
			instance.writer().delete("deleted");
			clean(instance);
			assertThat(instance.reader().info("plain").orElseThrow().state()).isEqualTo(StreamState.CANCELLED);
		}
	}

	private static void withWork(SpringApplicationBuilder application) {
		application.sources(WorkFeatures.Sources.class);
	}

	private static void refuseWork(Instance instance) {
		WorkQueue work = instance.bean(WorkQueue.class);
		DurableChannels channels = instance.bean(DurableChannels.class);
		Outbox outbox = instance.bean(Outbox.class);
		for (ThrowingCallable use : List.<ThrowingCallable>of(() -> work.enqueue(WorkRequest.of(NOWHERE, "a")),
				() -> work.enqueue(WorkRequest.of("plain", "a").key(NOWHERE)),
				() -> work.enqueue(WorkRequest.of("plain", "a").orderingKey(NOWHERE)),
				() -> instance.bean(WorkListeners.class)
					.register(WorkListenerSpec.of(NOWHERE), (item) -> WorkOutcome.done()),
				() -> channels.publish(NOWHERE, "a"), () -> channels.send("plain/received", NOWHERE, "a"),
				() -> channels.subscribe("plain/all", NOWHERE, (message) -> {
				}), () -> instance.reader().consumer(NOWHERE, "nowhere").subscribe((chunk) -> {
				}), () -> instance.reader().consumer("plain", NOWHERE).subscribe((chunk) -> {
				}),
				() -> instance.transaction()
					.executeWithoutResult(
							(status) -> outbox.publish(OutboxEvent.of("type", "a").orderingKey(NOWHERE))))) {
			assertThatException().isThrownBy(use).withMessageContaining("encoding");
		}
		CompletableFuture<?> unspellable = work.enqueueAsync(WorkRequest.of("plain", "a").key(NOWHERE));
		assertThat(unspellable).failsWithin(Eventually.TIMEOUT);
	}

	private static void appendTogether(Instance instance) {
		Map<String, CompletableFuture<Long>> appends = new LinkedHashMap<>();
		for (int i = 0; i < 20; i++) {
			appends.put("batch/" + i, instance.writer().appendAsync("batch/" + i, "a"));
			appends.put(NOWHERE + i, instance.writer().appendAsync(NOWHERE + i, "a"));
		}
		appends.forEach((stream, append) -> {
			if (stream.startsWith(NOWHERE)) {
				assertThat(append).failsWithin(Eventually.TIMEOUT)
					.withThrowableThat()
					.withCauseInstanceOf(DataIntegrityViolationException.class);
			}
			else {
				assertThat(append).succeedsWithin(Eventually.TIMEOUT).isEqualTo(0L);
			}
		});
	}

	private static void clean(Instance instance) {
		ReflectionTestUtils.invokeMethod(instance.context().getBean("durableNotifyStreamJanitor"), "wake");
		Eventually.await(() -> deletedStreams(instance).isEmpty(), () -> deletedStreams(instance));
		ReflectionTestUtils.invokeMethod(instance.context().getBean("durableNotifyRunJanitor"), "wake");
		if (!instance.events().runs(RunQuery.all()).isEmpty()) {
			Eventually.await(() -> !endedRuns(instance).isEmpty(), () -> endedRuns(instance));
		}
	}

	private static List<Long> deletedStreams(Instance instance) {
		return instance.jdbc().queryForList("SELECT stream_id FROM durable_notify.deleted_streams", Long.class);
	}

	private static List<String> endedRuns(Instance instance) {
		return instance.jdbc()
			.queryForList("SELECT run_id FROM durable_notify.workflow_runs WHERE ended_at IS NOT NULL", String.class);
	}

	/**
	 * Which SQL_ASCII databases hold, and no driver can read.
	 */
	@Test
	void whatIsNoUtf8EndsNothingButItsOwn(CapturedOutput output) {
		TestDatabase database = database("SQL_ASCII");
		try (Instance instance = Instance.start(database)) {
			ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
			Subscription bad = notifier.subscribe("bad", (change) -> this.changes.incrementAndGet());
			useChanges(instance, "good");
			database.jdbc().execute("SELECT durable_notify.publish('bad', convert_from('\\xff'::bytea, 'SQL_ASCII'))");
			Eventually.await(() -> !bad.isActive(), output::getOut);
			useChanges(instance, "good");
			assertThat(output).contains("Failed to read changes of topic 'bad'; its subscriptions end");
		}
	}

	@Test
	void whatTheClientCannotDecodeEndsNoSubscriptionThatBeginsAfterIt(CapturedOutput output) {
		TestDatabase database = database("WIN1252");
		try (Instance instance = Instance.start(database)) {
			ChangeNotifier notifier = instance.bean(ChangeNotifier.class);
			Subscription before = notifier.subscribe("bad", (change) -> this.changes.incrementAndGet());
			database.jdbc().execute("SELECT durable_notify.publish('bad', convert_from('\\x81'::bytea, 'WIN1252'))");
			Eventually.await(() -> !before.isActive(), output::getOut);
			useChanges(instance, "bad");
			useChanges(instance, "bad");
			assertThat(output).containsOnlyOnce("its subscriptions end");
		}
	}

	@Test
	void utf8IsNotWarnedOf(CapturedOutput output) {
		try (Instance instance = Instance.start(PostgresServer.shared().createDatabase(),
				"durable-notify.events.terminal-types=" + NOWHERE + "_ended")) {
			useStreams(instance, NOWHERE);
			useEvents(instance, NOWHERE);
			useChanges(instance, NOWHERE);
			instance.writer().fail("nul", "a\0b" + NOWHERE);
			assertThat(instance.reader().info("nul").orElseThrow().failureReason()).isEqualTo("a?b" + NOWHERE);
		}
		assertThat(output).doesNotContain("encoding");
	}

	private static final class EventErrors implements EventHandler {

		private final AtomicInteger errors = new AtomicInteger();

		@Override
		public void onEvent(StoredEvent event) {
		}

		@Override
		public void onError(Throwable error) {
			this.errors.incrementAndGet();
		}

	}

	private static final class Nothing implements ChannelHandler {

		@Override
		public void onNotification(String payload) {
		}

		@Override
		public void onResync() {
		}

	}

}
