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
import java.util.function.BiFunction;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what an instance remembers of streams, and others have changed since.
 */
class AppendHintTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static Instance other;

	/**
	 * The ways of an append to the table.
	 */
	enum Way {

		ALONE((stream, text) -> instance.writer().append(stream, text)),

		IN_A_BATCH((stream, text) -> instance.writer().appendAll(stream, List.of(bytes(text), bytes("more")))),

		IN_A_TRANSACTION(
				(stream, text) -> instance.transaction().execute((status) -> instance.writer().append(stream, text)));

		private final BiFunction<String, String, Long> append;

		Way(BiFunction<String, String, Long> append) {
			this.append = append;
		}

		long append(String stream, String text) {
			return this.append.apply(stream, text);
		}

		String stream(String name) {
			String stream = name + "/" + this;
			// Known by its id and its next index
			for (int i = 0; i < 10; i++) {
				assertThat(instance.writer().append(stream, "old")).isEqualTo(i);
			}
			return stream;
		}

	}

	@ParameterizedTest
	@EnumSource
	void othersWroteInBetween(Way way) {
		String stream = way.stream("written-by-others");
		other.writer().append(stream, "other");
		database.jdbc().queryForObject("SELECT durable_notify.append(?, 'sql')", Long.class, stream);
		assertThat(way.append(stream, "new")).isEqualTo(12);
		assertGapFree(stream);
	}

	@ParameterizedTest
	@EnumSource
	void theLastChunksAreGoneAsAfterAFailover(Way way) {
		String stream = way.stream("truncated");
		delete("chunk_index >= 5", stream);
		assertThat(way.append(stream, "new")).isEqualTo(5);
		assertGapFree(stream);
		delete("chunk_index >= 5", stream);
		other.writer().append(stream, "other");
		assertThat(way.append(stream, "new")).isEqualTo(6);
		assertGapFree(stream);
		delete("true", stream);
		assertThat(way.append(stream, "new")).isZero();
		assertGapFree(stream);
	}

	@ParameterizedTest
	@EnumSource
	void anExpectedIndexIsHeldAgainstTheTableNotAgainstWhatIsRemembered(Way way) {
		String stream = way.stream("expected");
		delete("chunk_index >= 5", stream);
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> instance.writer().appendAt(stream, 10, bytes("never")))
			.satisfies((ex) -> assertThat(ex.getNextIndex()).isEqualTo(5));
		assertThat(instance.writer().appendAt(stream, 5, bytes("new"))).isEqualTo(5);
		assertThat(way.append(stream, "new")).isEqualTo(6);
	}

	@ParameterizedTest
	@EnumSource
	void itWasDeletedAndCreatedAgainByAnotherInstance(Way way) {
		String stream = way.stream("recreated");
		deleteStream(stream);
		assertThat(other.writer().append(stream, "other")).isZero();
		assertThat(way.append(stream, "new")).isOne();
		assertGapFree(stream);
		deleteStream(stream);
		assertThat(way.append(stream, "new")).isZero();
		assertGapFree(stream);
	}

	@ParameterizedTest
	@EnumSource
	void itWasDeletedAndCreatedAgainAndHasEnded(Way way) {
		String stream = way.stream("recreated-and-ended");
		deleteStream(stream);
		other.writer().complete(stream);
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> way.append(stream, "never"));
	}

	@ParameterizedTest
	@EnumSource
	void itsIdIsAnotherStreamsAsAfterAFailover(Way way) {
		String stream = way.stream("id-given-away");
		Long id = database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, stream);
		database.jdbc().update("UPDATE durable_notify.streams SET name = ? WHERE stream_id = ?", stream + "/new", id);
		assertThat(way.append(stream, "new")).isZero();
		assertThat(other.writer().append(stream + "/new", "its own")).isEqualTo(10);
		assertGapFree(stream);
		assertGapFree(stream + "/new");
	}

	private static void delete(String condition, String stream) {
		database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE %s AND stream_id = (SELECT stream_id FROM durable_notify.streams WHERE name = ?)"
				.formatted(condition), stream);
	}

	private static void deleteStream(String stream) {
		delete("true", stream);
		database.jdbc().update("DELETE FROM durable_notify.streams WHERE name = ?", stream);
	}

	private static void assertGapFree(String stream) {
		assertThat(database.jdbc()
			.queryForObject(
					"SELECT count(*) = coalesce(max(chunk_index) + 1, 0) FROM durable_notify.stream_chunks JOIN "
							+ "durable_notify.streams USING (stream_id) WHERE name = ?",
					Boolean.class, stream))
			.isTrue();
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
