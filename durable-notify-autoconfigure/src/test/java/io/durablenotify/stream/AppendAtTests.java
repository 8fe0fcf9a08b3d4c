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
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.dao.OptimisticLockingFailureException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamWriter#appendAt(String, long, byte[])}.
 */
class AppendAtTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static Instance other;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@BeforeAll
	static void start() {
		AppendGate.install(database);
	}

	@Test
	void theNextIndexIsStoredAndAnyOtherRefused() {
		assertThat(writer.appendAt("at", 0, bytes("a"))).isZero();
		assertThat(writer.appendAt("at", 1, bytes("b"))).isOne();
		assertThat(writer.append("at", "c")).isEqualTo(2);
		assertThat(writer.appendAt("at", 3, bytes("d"))).isEqualTo(3);
		assertRefused("at", 3, 4);
		assertRefused("at", 0, 4);
		assertRefused("at", 5, 4);
		assertRefused("at", Long.MAX_VALUE, 4);
		// After a refusal, too, and where this instance knows nothing of the stream
		assertThat(other.writer().appendAt("at", 4, bytes("e"))).isEqualTo(4);
		assertRefused("at", 4, 5);
		assertThat(writer.appendAt("at", 5, bytes("f"))).isEqualTo(5);
		assertThat(texts("at")).containsExactly("a", "b", "c", "d", "e", "f");
	}

	private static void assertRefused(String stream, long index, long nextIndex) {
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> writer.appendAt(stream, index, bytes("never")))
			.isInstanceOf(OptimisticLockingFailureException.class)
			.withMessageContaining("nothing was stored")
			.satisfies((ex) -> {
				assertThat(ex.getExpectedIndex()).isEqualTo(index);
				assertThat(ex.getNextIndex()).isEqualTo(nextIndex);
			});
	}

	@Test
	void anEmptyStreamIsAtZero() {
		database.jdbc().update("INSERT INTO durable_notify.streams (name) VALUES ('empty')");
		assertRefused("empty", 1, 0);
		assertThat(writer.appendAt("empty", 0, bytes("a"))).isZero();
	}

	@Test
	void aRefusalCreatesNoStream() {
		assertRefused("missing", 1, 0);
		instance.transaction().executeWithoutResult((status) -> assertRefused("missing", 1, 0));
		assertThat(reader.info("missing")).isEmpty();
	}

	@Test
	void anEndedStreamSaysSoForAnyIndex() {
		writer.append("ended", "a");
		writer.complete("ended");
		for (long index : new long[] { 0, 1, 2 }) {
			assertThatExceptionOfType(StreamEndedException.class)
				.isThrownBy(() -> writer.appendAt("ended", index, bytes("b")));
		}
	}

	@Test
	void aNegativeIndexIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> writer.appendAt("negative", -1, bytes("a")))
			.withMessageContaining("-1");
		assertThat(reader.info("negative")).isEmpty();
	}

	@Test
	void itIsAPartOfTheTransaction() {
		instance.transaction().executeWithoutResult((status) -> {
			assertThat(writer.appendAt("tx", 0, bytes("a"))).isZero();
			assertThat(writer.append("tx", "b")).isOne();
			assertThat(writer.appendAt("tx", 2, bytes("c"))).isEqualTo(2);
			// Leaves the transaction usable
			assertRefused("tx", 2, 3);
			assertThat(writer.appendAt("tx", 3, bytes("d"))).isEqualTo(3);
		});
		assertThat(texts("tx")).containsExactly("a", "b", "c", "d");
		instance.transaction().executeWithoutResult((status) -> {
			writer.appendAt("tx", 4, bytes("undone"));
			status.setRollbackOnly();
		});
		assertThat(writer.appendAt("tx", 4, bytes("e"))).isEqualTo(4);
	}

	@Test
	void amongOthersOfItsBatchEachHasItsOwnOutcome() throws Exception {
		writer.append("in-batch", "a");
		CompletableFuture<Long> before;
		CompletableFuture<Long> after;
		List<CompletableFuture<Object>> racing;
		try (AppendGate gate = AppendGate.hold(database, instance)) {
			before = writer.appendAsync("in-batch", "b");
			racing = IntStream.range(0, 4).mapToObj((i) -> Background.<Object>supply(() -> {
				try {
					return writer.appendAt("in-batch", 2, bytes("at"));
				}
				catch (UnexpectedIndexException ex) {
					return ex;
				}
			})).toList();
			after = writer.appendAsync("in-batch/other", "c");
		}
		assertThat(Eventually.get(before)).isOne();
		assertThat(Eventually.get(after)).isZero();
		assertThat(racing.stream().map(Eventually::get).filter((outcome) -> outcome.equals(2L))).hasSize(1);
		assertThat(texts("in-batch")).containsExactly("a", "b", "at");
	}

	@Test
	void ofRacingWritersOneWinsEachIndex() throws Exception {
		List<Callable<Integer>> tasks = IntStream.range(0, 4).<Callable<Integer>>mapToObj((caller) -> () -> {
			StreamWriter own = (caller % 2 == 0) ? writer : other.writer();
			int won = 0;
			for (int index = 0; index < 50; index++) {
				try {
					own.appendAt("raced", index, bytes(caller + ":" + index));
					won++;
				}
				catch (UnexpectedIndexException ex) {
					assertThat(ex.getNextIndex()).isGreaterThan(index);
				}
			}
			return won;
		}).toList();
		assertThat(StreamWriterTests.runAll(tasks).stream().mapToInt(Integer::intValue).sum()).isEqualTo(50);
		List<String> texts = texts("raced");
		assertThat(IntStream.range(0, 50).mapToObj((index) -> texts.get(index).split(":")[1]))
			.containsExactlyElementsOf(IntStream.range(0, 50).mapToObj(String::valueOf).toList());
	}

	private static List<String> texts(String stream) {
		return reader.page(stream, StreamPosition.start(), 1000).chunks().stream().map(Chunk::text).toList();
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

}
