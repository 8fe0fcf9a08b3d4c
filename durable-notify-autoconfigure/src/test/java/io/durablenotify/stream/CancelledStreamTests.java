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
import java.util.List;
import java.util.concurrent.CompletionException;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * Tests for streams that are cancelled. There is no poll, so that a reader receives only
 * what it was woken for.
 */
class CancelledStreamTests {

	private static final String REASON = "stopped by the reader";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void everyReaderInEveryInstanceEndsAfterTheLastChunk() {
		for (Instance readers : List.of(instance, other)) {
			String stream = "read/" + ((readers == instance) ? "here" : "there");
			RecordingHandler handler = new RecordingHandler();
			RecordingSubscriber subscriber = new RecordingSubscriber();
			readers.reader().subscribe(stream, StreamPosition.start(), handler);
			readers.reader().publisher(stream, StreamPosition.start()).subscribe(subscriber);
			subscriber.request(1);
			try (StreamCursor cursor = readers.reader().cursor(stream, StreamPosition.start())) {
				writer.append(stream, "a");
				handler.awaitChunks(1);
				assertThat(writer.cancel(stream, REASON)).isTrue();
				assertThat(cursor.iterator().next().text()).isEqualTo("a");
				assertCancelled(catchThrowable(() -> cursor.iterator().hasNext()), stream);
			}
			assertCancelled(handler.awaitError(), stream);
			assertThat(handler.texts()).containsExactly("a");
			assertCancelled(subscriber.awaitError(), stream);
		}
	}

	private static void assertCancelled(Throwable error, String stream) {
		assertThat(error).isInstanceOf(StreamFailedException.class)
			.isInstanceOfSatisfying(StreamCancelledException.class, (ex) -> {
				assertThat(ex.getReason()).isEqualTo(REASON);
				assertThat(ex.getStream()).isEqualTo(stream);
			})
			.hasMessage("Stream '%s' was cancelled: %s", stream, REASON);
	}

	@Test
	void readersThatComeLaterEndInEveryWayOfReading() {
		writer.appendAll("late", List.of(bytes("a"), bytes("b"), bytes("c")));
		writer.cancel("late", REASON);
		for (StreamPosition from : List.of(StreamPosition.start(), StreamPosition.at(2), StreamPosition.at(3),
				StreamPosition.last(2), StreamPosition.end())) {
			RecordingHandler handler = new RecordingHandler();
			reader.subscribe("late", from, handler);
			assertCancelled(handler.awaitError(), "late");
		}
		// Read the other way: the first chunk is too large for the quick one
		writer.append("late-large", bytes("x".repeat(5_000)));
		writer.cancel("late-large", REASON);
		assertThat(reader.page("late-large", StreamPosition.start(), 10_000).state()).isEqualTo(StreamState.CANCELLED);
		// Several readers that are fetched for in one statement
		RecordingHandler first = new RecordingHandler();
		RecordingHandler second = new RecordingHandler();
		reader.subscribe("both/1", StreamPosition.start(), first);
		reader.subscribe("both/2", StreamPosition.start(), second);
		instance.transaction().executeWithoutResult((status) -> {
			writer.cancel("both/1", REASON);
			writer.cancel("both/2", REASON);
		});
		assertCancelled(first.awaitError(), "both/1");
		assertCancelled(second.awaitError(), "both/2");
	}

	@Test
	void theStateIsShown() {
		writer.create("shown", StreamOptions.none().owner("alice"));
		writer.append("shown", "a");
		writer.cancel("shown", REASON);
		StreamInfo info = reader.info("shown").orElseThrow();
		assertThat(info.state()).isEqualTo(StreamState.CANCELLED);
		assertThat(info.failureReason()).isEqualTo(REASON);
		assertThat(info.endedAt()).isAfterOrEqualTo(info.lastAppendedAt());
		assertThat(reader.list(StreamQuery.all().prefix("shown"))).containsExactly(info);
		assertThat(reader.list(StreamQuery.all().owner("alice"))).containsExactly(info);
		assertThat(reader.page("shown", StreamPosition.start(), 1).state()).isEqualTo(StreamState.CANCELLED);
		assertThat(reader.page("shown", StreamPosition.last(1), 1).state()).isEqualTo(StreamState.CANCELLED);
		assertThat(reader.page("shown", StreamPosition.at(1), 1).state()).isEqualTo(StreamState.CANCELLED);
	}

	@Test
	void theWritersNextAppendFailsInEveryWayAndInstance() {
		writer.append("written", "a");
		other.writer().append("written", "b");
		writer.append("written", "c");
		assertThat(other.writer().cancel("written", REASON)).isTrue();
		for (StreamWriter anyWriter : List.of(writer, other.writer())) {
			assertRefused(catchThrowable(() -> anyWriter.append("written", "d")));
			assertRefused(catchThrowable(() -> anyWriter.appendAll("written", List.of(bytes("d")))));
			assertRefused(catchThrowable(() -> anyWriter.appendAt("written", 3, bytes("d"))));
			assertThatExceptionOfType(CompletionException.class)
				.isThrownBy(() -> anyWriter.appendAsync("written", "d").join())
				.satisfies((ex) -> assertRefused(ex.getCause()));
		}
		assertRefused(catchThrowable(() -> instance.transaction()
			.executeWithoutResult((status) -> writer.appendOnCommit("written", bytes("d")))));
		assertRefused(catchThrowable(
				() -> instance.transaction().executeWithoutResult((status) -> writer.append("written", "d"))));
		assertThat(reader.info("written").orElseThrow().nextIndex()).isEqualTo(3);
	}

	private static void assertRefused(Throwable error) {
		assertThat(error).isInstanceOfSatisfying(StreamEndedException.class, (ex) -> {
			assertThat(ex.getState()).isEqualTo(StreamState.CANCELLED);
			assertThat(ex.getReason()).isEqualTo(REASON);
		})
			.hasMessageStartingWith("Stream 'written' was cancelled at ")
			.hasMessageEndingWith(" (%s); nothing was stored.", REASON);
	}

	@Test
	void theFirstEndStaysAndTheCallSaysWhetherItWasItsOwn() {
		writer.append("open", "a");
		assertThat(writer.cancel("open", REASON)).isTrue();
		writer.complete("completed");
		writer.fail("failed", "broken");
		for (String stream : List.of("open", "completed", "failed")) {
			StreamInfo info = reader.info(stream).orElseThrow();
			assertThat(writer.cancel(stream, "too late")).isFalse();
			assertThat(other.writer().cancel(stream, "too late")).isFalse();
			writer.complete(stream);
			writer.fail(stream, "too late");
			assertThat(reader.info(stream)).hasValue(info);
		}
		assertThat(reader.info("completed").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
		assertThat(reader.info("failed").orElseThrow().state()).isEqualTo(StreamState.FAILED);
	}

	@Test
	void aStopThatComesBeforeTheFirstAppendIsNotLost() {
		assertThat(writer.cancel("early", REASON)).isTrue();
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> other.writer().append("early", "a"));
		assertThat(reader.info("early").orElseThrow().nextIndex()).isZero();
	}

	@Test
	void aCancellationIsPartOfTheCallersTransaction() {
		RecordingHandler handler = new RecordingHandler();
		writer.append("transaction", "a");
		other.reader().subscribe("transaction", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.cancel("transaction", REASON)).isTrue();
			status.setRollbackOnly();
		});
		assertThat(writer.append("transaction", "b")).isOne();
		instance.transaction().executeWithoutResult((status) -> {
			writer.append("transaction", "c");
			assertThat(writer.cancel("transaction", REASON)).isTrue();
		});
		assertCancelled(handler.awaitError(), "transaction");
		assertThat(handler.texts()).containsExactly("a", "b", "c");
	}

	@Test
	void anAppenderThatIsCancelledStaysSo() {
		try (StreamAppender appender = writer.appender("appender")) {
			appender.append("a");
			appender.cancel(REASON);
			appender.cancel("again");
		}
		assertThat(reader.info("appender").orElseThrow().failureReason()).isEqualTo(REASON);
		assertThat(reader.info("appender").orElseThrow().state()).isEqualTo(StreamState.CANCELLED);
	}

	@Test
	void anAppenderWhoseStreamIsCancelledElsewhereLeavesItSo() {
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> {
			try (StreamAppender appender = writer.appender("elsewhere")) {
				appender.append("a");
				other.writer().cancel("elsewhere", REASON);
				appender.append("b");
			}
		}).satisfies((ex) -> assertThat(ex.getState()).isEqualTo(StreamState.CANCELLED));
		assertThat(reader.info("elsewhere").orElseThrow().failureReason()).isEqualTo(REASON);
	}

	@Test
	void aReasonIsNeeded() {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.cancel("reason", null));
		assertThatIllegalArgumentException().isThrownBy(() -> writer.cancel("", REASON));
		assertThat(reader.info("reason")).isEmpty();
	}

	@Test
	void theSqlFunctionRefusesToAppend() {
		writer.cancel("sql", REASON);
		writer.fail("sql-failed", REASON);
		writer.complete("sql-completed");
		assertThat(appendBySql("sql")).hasMessageContaining("Stream 'sql' was cancelled at ");
		assertThat(appendBySql("sql-failed")).hasMessageContaining("Stream 'sql-failed' was failed at ");
		assertThat(appendBySql("sql-completed")).hasMessageContaining("Stream 'sql-completed' was completed at ");
	}

	private static Throwable appendBySql(String stream) {
		return catchThrowable(
				() -> database.jdbc().queryForObject("SELECT durable_notify.append(?, '')", Long.class, stream));
	}

	/**
	 * By the statements of that version.
	 */
	@Test
	void anInstanceOfTheVersionBeforeTakesItForFailed() {
		JdbcTemplate jdbc = database.jdbc();
		writer.append("old-reader", "a");
		writer.cancel("old-reader", REASON);
		assertThat(jdbc.queryForMap("SELECT end_state, end_reason FROM durable_notify.streams WHERE name = ?",
				"old-reader"))
			.containsEntry("end_state", "failed")
			.containsEntry("end_reason", REASON);
		// What that version ends is not cancelled
		for (String state : List.of("completed", "failed")) {
			jdbc.update(
					"""
							INSERT INTO durable_notify.streams AS s (name, ended_at, end_state, end_reason)
							VALUES (?, clock_timestamp(), ?, ?)
							ON CONFLICT ON CONSTRAINT streams_name_key DO UPDATE
								SET ended_at = clock_timestamp(), end_state = excluded.end_state, end_reason = excluded.end_reason
								WHERE s.ended_at IS NULL
							""",
					"old-writer/" + state, state, (state.equals("failed")) ? "broken" : null);
		}
		assertThat(reader.list(StreamQuery.all().prefix("old-writer/"))).extracting(StreamInfo::state)
			.containsExactly(StreamState.COMPLETED, StreamState.FAILED);
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
