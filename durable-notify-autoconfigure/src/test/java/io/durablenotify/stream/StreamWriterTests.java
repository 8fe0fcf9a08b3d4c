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
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.observation.Observed;
import io.durablenotify.stream.append.StreamEnd;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;
import org.springframework.dao.QueryTimeoutException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.BDDMockito.given;
import static org.mockito.BDDMockito.then;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link StreamWriter} outside transactions.
 */
class StreamWriterTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.streams.max-chunk-size=1000B")
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void textComesBackAsItWas() {
		String text = "  indented\r\n\n\ttab, ü, 🎈, and the end ";
		writer.append("text", text);
		assertThat(reader.page("text", StreamPosition.start(), 1).chunks()).extracting(Chunk::text)
			.containsExactly(text);
	}

	@Test
	void bytesComeBackAsTheyWere() {
		byte[] data = new byte[1000];
		ThreadLocalRandom.current().nextBytes(data);
		writer.append("bytes", data);
		assertThat(reader.page("bytes", StreamPosition.start(), 1).chunks().get(0).data()).isEqualTo(data);
	}

	@Test
	void anEmptyChunkIsAChunk() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("empty", StreamPosition.start(), handler);
		assertThat(writer.append("empty", "")).isZero();
		assertThat(writer.append("empty", new byte[0])).isOne();
		writer.complete("empty");
		handler.awaitComplete();
		assertThat(handler.texts()).containsExactly("", "");
		assertThat(reader.info("empty").orElseThrow().nextIndex()).isEqualTo(2);
	}

	@Test
	void indexesCountFromZeroInEachStream() {
		for (int i = 0; i < 5; i++) {
			assertThat(writer.append("first", "a")).isEqualTo(i);
			assertThat(writer.append("second", "b")).isEqualTo(i);
		}
	}

	@Test
	void manyWritersOnOneStreamGiveOneOrderToEveryReader() throws Exception {
		try (Instance other = Instance.start(database)) {
			List<RecordingHandler> live = List.of(new RecordingHandler(), new RecordingHandler());
			reader.subscribe("shared", StreamPosition.start(), live.get(0));
			other.reader().subscribe("shared", StreamPosition.start(), live.get(1));
			List<Callable<List<Long>>> tasks = new ArrayList<>();
			for (int i = 0; i < 8; i++) {
				StreamWriter own = (i % 2 == 0) ? writer : other.writer();
				String text = "writer " + i;
				tasks.add(() -> LongStream.range(0, 100).map((n) -> own.append("shared", text)).boxed().toList());
			}
			Set<Long> indexes = new TreeSet<>();
			for (List<Long> ofWriter : runAll(tasks)) {
				assertThat(ofWriter).isSorted();
				indexes.addAll(ofWriter);
			}
			assertThat(indexes).hasSize(800);
			writer.complete("shared");
			RecordingHandler fresh = new RecordingHandler();
			reader.subscribe("shared", StreamPosition.start(), fresh);
			fresh.awaitComplete().assertGapFree(0, 800);
			for (RecordingHandler handler : live) {
				handler.awaitComplete().assertGapFree(0, 800);
				assertThat(handler.texts()).isEqualTo(fresh.texts());
			}
		}
	}

	@Test
	void newStreamsCreatedAtOnceByManyThreadsAreCreatedOnce() throws Exception {
		List<Callable<Integer>> tasks = new ArrayList<>();
		for (int thread = 0; thread < 16; thread++) {
			tasks.add(() -> {
				for (int i = 0; i < 200; i++) {
					writer.append("created/" + i, "a");
				}
				return 0;
			});
		}
		runAll(tasks);
		assertThat(IntStream.range(0, 200)
			.mapToLong((i) -> reader.info("created/" + i).orElseThrow().nextIndex())
			.toArray()).containsOnly(16);
	}

	@Test
	void anAppendToACompletedStreamIsRefused() {
		writer.append("completed", "a");
		writer.complete("completed");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.append("completed", "b"))
			.withMessageMatching("Stream 'completed' was completed at .*; nothing was stored\\.")
			.satisfies((ex) -> assertThat(ex.getState()).isEqualTo(StreamState.COMPLETED));
		assertThat(reader.info("completed").orElseThrow().nextIndex()).isOne();
	}

	@Test
	void anAppendToAFailedStreamThrowsTheReason() {
		writer.append("failed", "a");
		writer.fail("failed", "out of words");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> writer.append("failed", "b"))
			.withMessageContaining("out of words")
			.satisfies((ex) -> assertThat(ex.getReason()).isEqualTo("out of words"));
	}

	@Test
	void theFirstEndStays() {
		writer.append("ended", "a");
		writer.complete("ended");
		StreamInfo info = reader.info("ended").orElseThrow();
		writer.complete("ended");
		writer.fail("ended", "too late");
		assertThat(reader.info("ended")).hasValue(info);
	}

	@Test
	void anEndCreatesTheStream() {
		writer.fail("only-failed", "nothing to say");
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("only-failed", StreamPosition.start(), handler);
		assertThat(handler.awaitError()).isInstanceOf(StreamFailedException.class)
			.hasMessage("Stream 'only-failed' failed: nothing to say");
	}

	@Test
	void appendsThatRaceWithTheEndAreBeforeItOrRefused() throws Exception {
		for (int round = 0; round < 20; round++) {
			String stream = "race/" + round;
			writer.append(stream, "first");
			List<Callable<Integer>> tasks = new ArrayList<>();
			for (int thread = 0; thread < 4; thread++) {
				tasks.add(() -> {
					for (int stored = 0; stored < 10_000; stored++) {
						try {
							writer.append(stream, "a");
						}
						catch (StreamEndedException ex) {
							return stored;
						}
					}
					throw new AssertionError("Never refused");
				});
			}
			tasks.add(() -> {
				while (reader.info(stream).orElseThrow().nextIndex() < 5) {
					Thread.onSpinWait();
				}
				writer.complete(stream);
				return 1;
			});
			int stored = runAll(tasks).stream().mapToInt(Integer::intValue).sum();
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe(stream, StreamPosition.start(), handler);
			handler.awaitComplete().assertGapFree(0, stored);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "a b", "a\tb", "a\u0000", "a\u00a0b", "\ud83c" })
	void aNameThatBreaksTheRulesIsRefused(String name) {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append(name, "text"))
			.withMessageContaining("1 to 512 characters")
			.withMessageEndingWith("If this is the text, the arguments are swapped: append(stream, text).");
		assertThatIllegalArgumentException().isThrownBy(() -> writer.complete(name));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.fail(name, "reason"));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.appender(name));
		assertThatIllegalArgumentException().isThrownBy(() -> reader.info(name));
		assertThatIllegalArgumentException().isThrownBy(() -> reader.page(name, StreamPosition.start(), 1));
		assertThatIllegalArgumentException().isThrownBy(() -> reader.subscribe(name, StreamPosition.start(), (c) -> {
		}));
	}

	@Test
	void aNameOf512CharactersIsTheLongest() {
		writer.append("🎈".repeat(512), "text");
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append("a".repeat(513), "text"));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append(null, "text"))
			.withMessageContaining("null");
	}

	@Test
	void aChunkOverTheLimitIsRefusedAndNothingStored() {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append("large", new byte[1001]))
			.withMessageContaining("at most 1000 bytes")
			.withMessageContaining("but has 1001")
			.withMessageContaining("durable-notify.streams.max-chunk-size");
		assertThat(reader.info("large")).isEmpty();
		assertThat(writer.append("large", new byte[1000])).isZero();
	}

	@Test
	void aTextThatWasCutInTheMiddleOfACharacterIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append("cut", "a\ud83c"))
			.withMessageContaining("unpaired surrogate");
		assertThat(reader.info("cut")).isEmpty();
	}

	@Test
	void anAppenderThatIsCompletedEndsItsStream() {
		try (StreamAppender appender = writer.appender("whole")) {
			assertThat(appender.append("a")).isZero();
			assertThat(appender.append("b".getBytes(StandardCharsets.UTF_8))).isOne();
			appender.complete();
		}
		assertThat(reader.info("whole").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
	}

	@Test
	void anAppenderThatIsLeftWithoutCompleteFailsItsStream() {
		try (StreamAppender appender = writer.appender("abandoned")) {
			appender.append("a");
		}
		StreamInfo info = reader.info("abandoned").orElseThrow();
		assertThat(info.state()).isEqualTo(StreamState.FAILED);
		assertThat(info.failureReason()).isEqualTo("abandoned: closed without complete()");
	}

	@Test
	void anAppenderStoresNothingAfterAFailedAppend() {
		try (StreamAppender appender = writer.appender("holed")) {
			appender.append("a");
			assertThatIllegalArgumentException().isThrownBy(() -> appender.append(new byte[1001]));
			assertThatIllegalStateException().isThrownBy(() -> appender.append("c"))
				.withCauseInstanceOf(IllegalArgumentException.class);
			assertThatIllegalStateException().isThrownBy(appender::complete);
		}
		StreamInfo info = reader.info("holed").orElseThrow();
		assertThat(info.state()).isEqualTo(StreamState.FAILED);
		assertThat(info.nextIndex()).isOne();
	}

	@Test
	void anAppenderWhoseCompleteFailedIsNotCalledAbandonedWithoutIt() {
		DefaultStreamWriter failing = mock();
		given(failing.end("incomplete", StreamEnd.COMPLETED, null)).willThrow(new QueryTimeoutException("lost"));
		try (StreamAppender appender = appender(failing, "incomplete")) {
			appender.append("a");
			assertThatExceptionOfType(QueryTimeoutException.class).isThrownBy(appender::complete);
			assertThatIllegalStateException().isThrownBy(() -> appender.append("b"));
		}
		then(failing).should().end("incomplete", StreamEnd.FAILED, "abandoned: the writer failed");
	}

	private static StreamAppender appender(DefaultStreamWriter writer, String stream) {
		EndCallbacks callbacks = new EndCallbacks(Runnable::run);
		OpenAppenders appenders = mock();
		given(appenders.ends()).willReturn(mock());
		return new DefaultStreamAppender(new OpenAppender(appenders, writer, stream, AppenderOptions.noLease(),
				callbacks, new AppenderObservation(Observed.NONE)), callbacks);
	}

	@Test
	void anAppenderStoresNothingAfterAnError() {
		DefaultStreamWriter failing = mock();
		given(failing.append(eq("error"), anyLong(), any())).willThrow(new OutOfMemoryError("too large"));
		StreamAppender appender = appender(failing, "error");
		assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> appender.append("a"));
		assertThatIllegalStateException().isThrownBy(() -> appender.append("b"));
		then(failing).should().append(eq("error"), anyLong(), any());
	}

	@Test
	void theSqlFunctionAppendsAndWakesReaders() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("sql", StreamPosition.start(), handler);
		for (int i = 0; i < 3; i++) {
			Long index = database.jdbc()
				.queryForObject("SELECT durable_notify.append('sql', convert_to(?, 'UTF8'))", Long.class, "chunk " + i);
			assertThat(index).isEqualTo(i);
		}
		handler.awaitChunks(3);
		assertThat(handler.texts()).containsExactly("chunk 0", "chunk 1", "chunk 2");
		assertThat(writer.append("sql", "from Java")).isEqualTo(3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "a b", "a\u00a0b", "a\u2003b", "a\u0085b", "a\u3000b" })
	void theSqlFunctionRefusesANameThatJavaRefuses(String name) {
		assertThatExceptionOfType(DataAccessException.class)
			.isThrownBy(() -> database.jdbc().queryForObject("SELECT durable_notify.append(?, 'x')", Long.class, name))
			.withMessageContaining("streams_name_valid");
	}

	@Test
	void theSqlFunctionRefusesNull() {
		assertThatExceptionOfType(DataAccessException.class)
			.isThrownBy(
					() -> database.jdbc().queryForObject("SELECT durable_notify.append('sql-null', NULL)", Long.class))
			.withMessageContaining("nothing was stored");
	}

	@Test
	void theSqlFunctionRefusesAnEndedStream() {
		writer.complete("sql-ended");
		assertThatExceptionOfType(DataAccessException.class)
			.isThrownBy(
					() -> database.jdbc().queryForObject("SELECT durable_notify.append('sql-ended', 'x')", Long.class))
			.withMessageContaining("Stream 'sql-ended' was completed at")
			.withMessageContaining("nothing was stored");
	}

	@Test
	void aListOfVeryManyEmptyChunksIsRefused() {
		List<byte[]> chunks = Collections.nCopies(64 * 1024 * 1024 / 128 + 1, new byte[0]);
		assertThatIllegalArgumentException().isThrownBy(() -> writer.appendAll("empty-chunks", chunks))
			.withMessageContaining("durable-notify.streams.append-buffer");
		assertThat(reader.info("empty-chunks")).isEmpty();
	}

	@Test
	void aChunkNeverShowsItsPayload() {
		writer.append("secret", "the payload");
		Chunk chunk = reader.page("secret", StreamPosition.start(), 1).chunks().get(0);
		assertThat(chunk.toString()).doesNotContain("payload").contains("secret", "bytes=11");
		assertThat(chunk)
			.isEqualTo(new Chunk("secret", 0, "the payload".getBytes(StandardCharsets.UTF_8), chunk.createdAt()));
	}

	static <T> List<T> runAll(List<Callable<T>> tasks) throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(tasks.size());
		try {
			List<T> results = new ArrayList<>();
			for (Future<T> future : executor.invokeAll(tasks)) {
				results.add(future.get());
			}
			return results;
		}
		finally {
			executor.shutdownNow();
		}
	}

}
