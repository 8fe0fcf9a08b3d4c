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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link StreamWriter#appendOnCommit(String, byte[])}.
 */
@ExtendWith(OutputCaptureExtension.class)
class AppendOnCommitTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=0", "durable-notify.streams.append-buffer=1100000B" })
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Test
	void chunksComeWithTheCommitInTheirOrderAfterWhatOthersAppendedBefore() {
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe("held-back", StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			onCommit("held-back", "a");
			onCommit("held-back/other", "b");
			onCommit("held-back", "c");
			// Nothing is locked yet
			assertThat(Background.supply(() -> writer.append("held-back", "another's")).join()).isZero();
			assertThat(reader.info("held-back/other")).isEmpty();
		});
		handler.awaitChunks(3);
		assertThat(handler.texts()).containsExactly("another's", "a", "c");
		assertThat(texts("held-back/other")).containsExactly("b");
	}

	@Test
	void chunksAreGoneAfterARollback() {
		instance.transaction().executeWithoutResult((status) -> {
			onCommit("rolled-back", "a");
			status.setRollbackOnly();
		});
		assertThat(reader.info("rolled-back")).isEmpty();
		instance.transaction().executeWithoutResult((status) -> onCommit("rolled-back", "b"));
		assertThat(texts("rolled-back")).containsExactly("b");
	}

	@Test
	void chunksOfARollbackToASavepointAreGone() {
		TransactionTemplate nested = instance.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		instance.transaction().executeWithoutResult((status) -> {
			nested.executeWithoutResult((inner) -> {
				onCommit("savepoint", "undone, the first");
				inner.setRollbackOnly();
			});
			onCommit("savepoint", "kept");
			nested.executeWithoutResult((inner) -> onCommit("savepoint", "kept too"));
			nested.executeWithoutResult((inner) -> {
				onCommit("savepoint", "undone");
				inner.setRollbackOnly();
			});
			onCommit("savepoint", "the last");
		});
		assertThat(texts("savepoint")).containsExactly("kept", "kept too", "the last");
	}

	@Test
	void aFailureIsThrownByTheCommitAndRollsItBack() {
		writer.complete("has-ended");
		assertThatExceptionOfType(StreamEndedException.class)
			.isThrownBy(() -> instance.transaction().executeWithoutResult((status) -> {
				writer.append("fails-with-it", "a");
				onCommit("has-ended", "b");
			}));
		assertThat(reader.info("fails-with-it")).isEmpty();
	}

	@Test
	void withoutATransactionItIsRefused() {
		assertThatExceptionOfType(InvalidDataAccessApiUsageException.class).isThrownBy(() -> onCommit("none", "a"))
			.withMessageContaining("no transaction")
			.withMessageContaining("use append()");
		TransactionTemplate supports = instance.transaction();
		supports.setPropagationBehavior(TransactionDefinition.PROPAGATION_SUPPORTS);
		supports.executeWithoutResult((status) -> assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> onCommit("none", "a")));
		TransactionTemplate readOnly = instance.transaction();
		readOnly.setReadOnly(true);
		readOnly.executeWithoutResult((status) -> assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
			.isThrownBy(() -> onCommit("none", "a"))
			.withMessageContaining("read-only"));
		instance.transaction()
			.executeWithoutResult((status) -> assertThatIllegalArgumentException()
				.isThrownBy(() -> writer.appendOnCommit("none", null)));
		assertThat(reader.info("none")).isEmpty();
	}

	@Test
	void aTransactionGathersNoMoreThanTheBuffer() {
		instance.transaction().executeWithoutResult((status) -> {
			writer.appendOnCommit("gathered", new byte[1_000_000]);
			assertThatExceptionOfType(TaskRejectedException.class)
				.isThrownBy(() -> writer.appendOnCommit("gathered", new byte[200_000]))
				.withMessageContaining("durable-notify.streams.append-buffer")
				.withMessageContaining("Commit more often");
		});
		assertThat(reader.info("gathered").orElseThrow().nextIndex()).isOne();
		assertThatExceptionOfType(TaskRejectedException.class)
			.isThrownBy(() -> instance.transaction().executeWithoutResult((status) -> {
				for (int i = 0; i < 20_000; i++) {
					writer.appendOnCommit("many-empty", new byte[0]);
				}
			}));
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void inABeforeCommitCallbackItIsStored(boolean usedBefore, CapturedOutput output) {
		String stream = "before-commit/" + usedBefore;
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			if (usedBefore) {
				onCommit(stream, "early");
			}
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void beforeCommit(boolean readOnly) {
					onCommit(stream, "late");
				}

			});
		});
		handler.awaitChunks((usedBefore) ? 2 : 1);
		assertThat(handler.texts()).endsWith("late");
		assertThat(output).doesNotContain("WARN");
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void inAnAfterCommitCallbackItIsStoredAndSaid(boolean usedBefore, CapturedOutput output) {
		String stream = "after-commit/" + usedBefore;
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		instance.transaction().executeWithoutResult((status) -> {
			if (usedBefore) {
				onCommit(stream, "early");
			}
			TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

				@Override
				public void afterCommit() {
					onCommit(stream, "late");
				}

			});
		});
		handler.awaitChunks((usedBefore) ? 2 : 1);
		assertThat(handler.texts()).endsWith("late");
		assertThat(output).contains("REQUIRES_NEW");
	}

	@Test
	void aSuspendedTransactionKeepsItsChunksForItself() {
		instance.transaction().executeWithoutResult((outer) -> {
			onCommit("suspended", "outer");
			instance.newTransaction().executeWithoutResult((inner) -> onCommit("suspended", "inner"));
			assertThat(texts("suspended")).containsExactly("inner");
			instance.newTransaction().executeWithoutResult((inner) -> {
				onCommit("suspended", "rolled back");
				inner.setRollbackOnly();
			});
			onCommit("suspended", "outer again");
		});
		assertThat(texts("suspended")).containsExactly("inner", "outer", "outer again");
	}

	@Test
	void twoTransactionsWithTheSameStreamsInOppositeOrdersDoNotDeadlock() throws Exception {
		writer.append("opposite/a", "");
		writer.append("opposite/b", "");
		// So that two creates meet
		database.jdbc().execute("""
				CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
				CREATE TRIGGER slow BEFORE INSERT ON durable_notify.streams FOR EACH ROW
					WHEN (NEW.name LIKE 'opposite/new%') EXECUTE FUNCTION public.slow()
				""");
		for (int round = 0; round < 10; round++) {
			CyclicBarrier both = new CyclicBarrier(2);
			CompletableFuture<Void> one = transactionWith(both, "opposite/a", "opposite/b", "opposite/new-a/" + round,
					"opposite/new-b/" + round);
			CompletableFuture<Void> other = transactionWith(both, "opposite/new-b/" + round, "opposite/new-a/" + round,
					"opposite/b", "opposite/a");
			CompletableFuture.allOf(one, other).get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
		}
		assertThat(reader.info("opposite/a").orElseThrow().nextIndex()).isEqualTo(21);
		assertThat(reader.info("opposite/b").orElseThrow().nextIndex()).isEqualTo(21);
	}

	private static CompletableFuture<Void> transactionWith(CyclicBarrier both, String... streams) {
		return Background.run(() -> instance.transaction().executeWithoutResult((status) -> {
			List.of(streams).forEach((stream) -> onCommit(stream, "a"));
			try {
				both.await(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS);
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		}));
	}

	private static void onCommit(String stream, String text) {
		writer.appendOnCommit(stream, bytes(text));
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static List<String> texts(String stream) {
		return database.jdbc()
			.queryForList(
					"SELECT convert_from(data, 'UTF8') FROM durable_notify.stream_chunks JOIN "
							+ "durable_notify.streams USING (stream_id) WHERE name = ? ORDER BY chunk_index",
					String.class, stream);
	}

}
