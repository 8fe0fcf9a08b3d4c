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

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionDefinition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for where readers begin that are opened from the end in a transaction: at the end
 * that the transaction sees, without what it has written itself, and never later.
 */
class StreamStartTests {

	private static final AtomicInteger streams = new AtomicInteger();

	@Fixture
	private static TestDatabase database;

	/**
	 * Has one connection, so that the transaction's is the only one.
	 */
	@Fixture(properties = { "spring.datasource.hikari.maximum-pool-size=1",
			"spring.datasource.hikari.connection-timeout=5000", "durable-notify.poll.interval=200ms" })
	private static Instance instance;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	private String stream;

	private final RecordingHandler handler = new RecordingHandler();

	@BeforeEach
	void store() {
		this.stream = "start/" + streams.incrementAndGet();
		other.writer().append(this.stream, "0");
		other.writer().append(this.stream, "1");
		other.writer().append(this.stream, "2");
	}

	@AfterEach
	void cancelReaders() {
		LogSubscriptions<Chunk> readers = ObservedReaders.of(instance);
		ReaderStates.all(readers).forEach(Subscription::cancel);
	}

	private void append(String text) {
		instance.writer().append(this.stream, text);
	}

	private void appendElsewhere(String text) {
		other.writer().append(this.stream, text);
	}

	private void subscribe(StreamPosition from) {
		instance.reader().subscribe(this.stream, from, this.handler);
	}

	private void assertTexts(String... texts) {
		this.handler.awaitChunks(texts.length);
		assertThat(this.handler.texts()).containsExactly(texts);
		assertThat(this.handler.ends()).isZero();
	}

	@Test
	void whatItHasAppendedItselfComesWithItsCommit() {
		instance.transaction().executeWithoutResult((status) -> {
			append("own 3");
			subscribe(StreamPosition.end());
			append("own 4");
		});
		appendElsewhere("5");
		assertTexts("own 3", "own 4", "5");
	}

	@Test
	void whatIsRolledBackLeavesNoReaderWaitingBeyondTheEnd() {
		instance.transaction().executeWithoutResult((status) -> {
			append("own 3");
			append("own 4");
			append("own 5");
			subscribe(StreamPosition.end());
			status.setRollbackOnly();
		});
		appendElsewhere("3");
		assertTexts("3");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void theChunksOfSavepointsAreItsOwnToo(boolean rollback) {
		instance.transaction().executeWithoutResult((status) -> {
			Object released = status.createSavepoint();
			append("own 3");
			status.releaseSavepoint(released);
			Object savepoint = status.createSavepoint();
			append("own 4");
			append("own 5");
			other.writer().append("other", "takes a number of a transaction");
			subscribe(StreamPosition.end());
			if (rollback) {
				status.rollbackToSavepoint(savepoint);
				append("own 4 again");
			}
		});
		appendElsewhere("last");
		if (rollback) {
			assertTexts("own 3", "own 4 again", "last");
		}
		else {
			assertTexts("own 3", "own 4", "own 5", "last");
		}
	}

	@Test
	void whatOthersHaveCommittedSinceItBeganToWriteIsBeforeTheEnd() {
		instance.transaction().executeWithoutResult((status) -> {
			instance.writer().append("elsewhere", "takes a number of a transaction");
			appendElsewhere("3");
			appendElsewhere("4");
			subscribe(StreamPosition.end());
			appendElsewhere("5");
		});
		appendElsewhere("6");
		assertTexts("5", "6");
	}

	@ParameterizedTest
	@ValueSource(
			ints = { TransactionDefinition.ISOLATION_REPEATABLE_READ, TransactionDefinition.ISOLATION_SERIALIZABLE })
	void anOldSnapshotBeginsEarlierAndNeverLater(int isolationLevel) {
		for (boolean writes : List.of(true, false)) {
			RecordingHandler handler = new RecordingHandler();
			String stream = this.stream + "/" + writes;
			other.writer().append(stream, "before");
			instance.transaction(isolationLevel).executeWithoutResult((status) -> {
				instance.reader().info(stream);
				if (writes) {
					instance.writer().append("elsewhere", "takes a number of a transaction");
				}
				other.writer().append(stream, "since the snapshot");
				instance.reader().subscribe(stream, StreamPosition.end(), handler);
				other.writer().append(stream, "since then");
			});
			handler.awaitChunks(2);
			assertThat(handler.texts()).containsExactly("since the snapshot", "since then");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 2, 3, 100 })
	void theLastOnesAreCountedWithoutItsOwn(int count) {
		instance.transaction().executeWithoutResult((status) -> {
			append("own 3");
			subscribe(StreamPosition.last(count));
			status.setRollbackOnly();
		});
		appendElsewhere("3");
		List<String> all = List.of("0", "1", "2", "3");
		assertTexts(all.subList(Math.max(0, 3 - count), 4).toArray(String[]::new));
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aStreamThatItHasCreatedIsWaitedForAsOneThatDoesNotExist(boolean rollback) {
		this.stream = this.stream + "/created";
		instance.transaction().executeWithoutResult((status) -> {
			append("own 0");
			subscribe(StreamPosition.end());
			// Others search it, and do not find it
			RecordingHandler elsewhere = new RecordingHandler();
			other.reader().subscribe(this.stream, StreamPosition.start(), elsewhere);
			assertThat(other.reader().info(this.stream)).isEmpty();
			if (rollback) {
				status.setRollbackOnly();
			}
		});
		appendElsewhere("next");
		if (rollback) {
			assertTexts("next");
		}
		else {
			assertTexts("own 0", "next");
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aStreamThatItHasEndedEndsWithItsCommit(boolean rollback) {
		instance.transaction().executeWithoutResult((status) -> {
			append("own 3");
			instance.writer().complete(this.stream);
			subscribe(StreamPosition.last(1));
			if (rollback) {
				status.setRollbackOnly();
			}
		});
		if (rollback) {
			appendElsewhere("3");
			assertTexts("2", "3");
		}
		else {
			this.handler.awaitComplete();
			assertThat(this.handler.texts()).containsExactly("2", "own 3");
		}
	}

	@Test
	void cursorsAndPublishersBeginThereToo() {
		try (StreamCursor cursor = instance.transaction().execute((status) -> {
			append("own 3");
			StreamCursor opened = instance.reader().cursor(this.stream, StreamPosition.last(1));
			status.setRollbackOnly();
			return opened;
		})) {
			appendElsewhere("3");
			assertThat(cursor.poll(Eventually.TIMEOUT).text()).isEqualTo("2");
			assertThat(cursor.poll(Eventually.TIMEOUT).text()).isEqualTo("3");
		}
	}

	@Test
	void aTransactionThatHasFailedDoesNotKeepAReaderFromBeingOpened() {
		other.transaction().executeWithoutResult((status) -> {
			assertThatExceptionOfType(DataAccessException.class).isThrownBy(() -> other.jdbc().execute("SELECT 1 / 0"));
			other.reader().subscribe(this.stream, StreamPosition.last(1), this.handler);
			status.setRollbackOnly();
		});
		assertTexts("2");
	}

	@Test
	void withoutATransactionItIsTheEndOfNow() {
		subscribe(StreamPosition.end());
		append("3");
		assertTexts("3");
	}

}
