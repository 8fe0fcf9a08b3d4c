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

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for streams that are completed together with their last chunk.
 */
class LastChunkTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.streams.max-chunk-size=1000B" })
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void readersGetTheChunkAndThenTheEnd() {
		for (Instance readers : List.of(instance, other)) {
			String stream = "read/" + ((readers == instance) ? "here" : "there");
			RecordingHandler handler = new RecordingHandler();
			readers.reader().subscribe(stream, StreamPosition.start(), handler);
			assertThat(writer.append(stream, "a")).isZero();
			handler.awaitChunks(1);
			assertThat(writer.complete(stream, "b")).isOne();
			assertThat(handler.awaitComplete().texts()).containsExactly("a", "b");
		}
	}

	@Test
	void theLastChunkCanBeTheOnlyOne() {
		RecordingHandler handler = new RecordingHandler();
		other.reader().subscribe("only", StreamPosition.start(), handler);
		assertThat(writer.complete("only", bytes("a"))).isZero();
		assertThat(handler.awaitComplete().texts()).containsExactly("a");
		assertThat(reader.info("only").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
	}

	@ParameterizedTest
	@ValueSource(strings = { "extended", "simple" })
	void chunkAndEndAreOfOneTransactionHoweverTheDriverSendsThem(String mode) {
		TestDatabase sentSo = new TestDatabase(database.url() + "&preferQueryMode=" + mode);
		try (Instance sender = Instance.start(sentSo)) {
			sender.writer().append(mode, "a");
			assertThat(sender.writer().complete(mode, "b")).isOne();
		}
		assertThat(database.jdbc()
			.queryForObject(
					"""
							SELECT s.xmin = c.xmin FROM durable_notify.streams s JOIN durable_notify.stream_chunks c USING (stream_id)
							WHERE s.name = ? AND c.chunk_index = 1
							""",
					Boolean.class, mode))
			.isTrue();
	}

	@Test
	void whenTheEndFailsTheChunkIsNotStored() {
		database.jdbc().execute("""
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					RAISE EXCEPTION 'refused';
				END
				$$;
				CREATE TRIGGER refuse BEFORE UPDATE ON durable_notify.streams
					FOR EACH ROW WHEN (NEW.name LIKE 'refused%') EXECUTE FUNCTION refuse()
				""");
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("refused", StreamPosition.start(), handler);
		writer.append("refused", "a");
		assertThatExceptionOfType(DataAccessException.class).isThrownBy(() -> writer.complete("refused", "b"))
			.withMessageContaining("refused");
		assertThatExceptionOfType(DataAccessException.class).isThrownBy(() -> writer.complete("refused-new", "b"));
		assertThat(reader.info("refused-new")).isEmpty();
		assertThat(reader.info("refused").orElseThrow().nextIndex()).isOne();
		// Connections are as before, and the stream is still open
		assertThat(writer.append("refused", "c")).isOne();
		assertThat(handler.awaitChunks(2).texts()).containsExactly("a", "c");
	}

	@Test
	void aStreamThatHasEndedIsLeftAsItIs() {
		writer.complete("ended", "a");
		StreamInfo info = reader.info("ended").orElseThrow();
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.complete("ended", "b"))
			.satisfies((ex) -> assertThat(ex.getState()).isEqualTo(StreamState.COMPLETED));
		other.writer().cancel("cancelled", "enough");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.complete("cancelled", "b"))
			.satisfies((ex) -> assertThat(ex.getState()).isEqualTo(StreamState.CANCELLED));
		assertThatExceptionOfType(StreamEndedException.class)
			.isThrownBy(() -> instance.transaction().execute((status) -> writer.complete("ended", "b")));
		assertThat(reader.info("ended")).hasValue(info);
	}

	@Test
	void whatIsRefusedEndsNothing() {
		writer.append("limits", "a");
		assertThatIllegalArgumentException().isThrownBy(() -> writer.complete("limits", new byte[1001]));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.complete("limits", "a\ud83c"));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.complete("", "a"));
		assertThat(reader.info("limits").orElseThrow().state()).isEqualTo(StreamState.OPEN);
	}

	@Test
	void bothArePartOfTheCallersTransaction() {
		RecordingHandler handler = new RecordingHandler();
		other.reader().subscribe("transaction", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.complete("transaction", "a")).isZero();
			status.setRollbackOnly();
		});
		assertThat(reader.info("transaction")).isEmpty();
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.append("transaction", "b")).isZero();
			assertThat(writer.complete("transaction", "c")).isOne();
		});
		assertThat(handler.awaitComplete().texts()).containsExactly("b", "c");
	}

	@Test
	void itComesAfterWhatTheThreadHasAppendedWithoutWaiting() {
		List<CompletableFuture<Long>> appends = new ArrayList<>();
		for (int i = 0; i < 200; i++) {
			appends.add(writer.appendAsync("async", "a"));
		}
		assertThat(writer.complete("async", "last")).isEqualTo(200);
		assertThat(appends).allMatch((append) -> !append.isCompletedExceptionally());
	}

	@Test
	void appendsFromElsewhereAreBeforeItOrRefused() {
		for (int round = 0; round < 10; round++) {
			String stream = "race/" + round;
			List<CompletableFuture<Integer>> appends = new ArrayList<>();
			for (StreamWriter racing : List.of(writer, other.writer())) {
				appends.add(Background.supply(() -> {
					for (int stored = 0;; stored++) {
						try {
							racing.append(stream, "a");
						}
						catch (StreamEndedException ex) {
							return stored;
						}
					}
				}));
			}
			long last = writer.complete(stream, "last");
			int stored = appends.stream().mapToInt(CompletableFuture::join).sum();
			assertThat(last).isEqualTo(stored);
			assertThat(reader.info(stream).orElseThrow().nextIndex()).isEqualTo(stored + 1);
		}
	}

	@Test
	void anAppenderIsCompletedByIt() {
		try (StreamAppender appender = writer.appender("appender")) {
			appender.append("a");
			assertThat(appender.complete("b")).isOne();
			assertThatIllegalStateException().isThrownBy(() -> appender.append("c"));
			assertThatIllegalStateException().isThrownBy(() -> appender.complete("c"));
			appender.complete();
		}
		try (StreamAppender appender = writer.appender("appender-bytes")) {
			assertThat(appender.complete(bytes("a"))).isZero();
		}
		assertThat(reader.list(StreamQuery.all().prefix("appender"))).extracting(StreamInfo::state)
			.containsOnly(StreamState.COMPLETED);
	}

	@Test
	void anAppenderThatCouldNotBeCompletedByItFails() {
		try (StreamAppender appender = writer.appender("incomplete")) {
			appender.append("a");
			assertThatIllegalArgumentException().isThrownBy(() -> appender.complete(new byte[1001]));
			assertThatIllegalStateException().isThrownBy(appender::complete);
			assertThatIllegalStateException().isThrownBy(() -> appender.complete("b"));
		}
		StreamInfo info = reader.info("incomplete").orElseThrow();
		assertThat(info.failureReason()).isEqualTo("abandoned: the writer failed");
		assertThat(info.nextIndex()).isOne();
	}

	/**
	 * By default they see another's chunk, or end, only once they are repeated.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "REPEATABLE_READ", "SERIALIZABLE" })
	void anIsolationLevelOfThePoolDoesNotMatter(String level) throws Exception {
		try (Instance isolated = Instance.start(database,
				"spring.datasource.hikari.transaction-isolation=TRANSACTION_" + level)) {
			String stream = "isolated/" + level;
			CompletableFuture<Long> last = instance.transaction().execute((status) -> {
				writer.append(stream, "a");
				CompletableFuture<Long> waiting = Background.supply(() -> isolated.writer().complete(stream, "b"));
				database.awaitLockWait();
				return waiting;
			});
			assertThat(last.get(30, TimeUnit.SECONDS)).isOne();
			String ended = stream + "/ended";
			writer.append(ended, "a");
			CompletableFuture<Boolean> cancelled = instance.transaction().execute((status) -> {
				writer.complete(ended);
				CompletableFuture<Boolean> waiting = Background.supply(() -> isolated.writer().cancel(ended, "enough"));
				database.awaitLockWait();
				return waiting;
			});
			assertThat(cancelled.get(30, TimeUnit.SECONDS)).isFalse();
		}
	}

	/**
	 * An implementation of the version before.
	 */
	@Test
	void anAppenderThatKnowsNothingOfItDoesOneAfterTheOther() {
		List<String> calls = new ArrayList<>();
		StreamAppender appender = new StreamAppender() {

			@Override
			public long append(CharSequence text) {
				calls.add("append " + text);
				return 7;
			}

			@Override
			public long append(byte[] data) {
				return append(new String(data, StandardCharsets.UTF_8));
			}

			@Override
			public void complete() {
				calls.add("complete");
			}

			@Override
			public void fail(String reason) {
				calls.add("fail " + reason);
			}

			@Override
			public void close() {
				calls.add("close");
			}

		};
		assertThat(appender.complete("a")).isEqualTo(7);
		assertThat(appender.complete(bytes("b"))).isEqualTo(7);
		appender.cancel("c");
		assertThat(calls).containsExactly("append a", "complete", "append b", "complete", "fail c");
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
