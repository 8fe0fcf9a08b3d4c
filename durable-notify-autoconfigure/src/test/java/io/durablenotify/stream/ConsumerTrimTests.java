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

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionDefinition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for the removal of chunks of open streams that all living consumers have had.
 */
class ConsumerTrimTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	@Fixture
	private static StreamConsumers consumers;

	private final RecordingConsumer handler = new RecordingConsumer();

	@AfterEach
	void removeConsumers() {
		consumers.list().forEach((consumer) -> consumers.remove(consumer.name()));
	}

	private static void append(String stream, int count) {
		writer.appendAll(stream, IntStream.range(0, count).mapToObj((i) -> ("" + i).getBytes()).toList());
	}

	private static List<Long> range(long from, long to) {
		return LongStream.range(from, to).boxed().toList();
	}

	private static long trim(String stream) {
		return database.jdbc()
			.queryForObject("SELECT durable_notify.trim_stream(?, interval '1 hour', 10)", Long.class, stream);
	}

	private static int trimAll(String stream) {
		int removed = 0;
		long slice = trim(stream);
		while (slice > 0) {
			assertThat(slice).isLessThanOrEqualTo(10);
			removed += (int) slice;
			slice = trim(stream);
		}
		return removed;
	}

	private static List<Long> stored(String stream) {
		return database.jdbc()
			.queryForList("SELECT chunk_index FROM durable_notify.stream_chunks JOIN durable_notify.streams "
					+ "USING (stream_id) WHERE name = ? ORDER BY chunk_index", Long.class, stream);
	}

	private static void consume(String stream, String name, int count) {
		RecordingConsumer handler = new RecordingConsumer();
		Subscription subscription = reader.consumer(stream, name).subscribe(handler);
		handler.awaitChunks(count);
		subscription.cancel();
		Eventually.await(() -> consumers.find(name).orElseThrow().owner() == null, () -> consumers.list());
	}

	@Test
	void whatALivingConsumerHasNotHadStays() {
		append("living", 30);
		consume("living", "slow", 30);
		append("living", 30);
		consume("living", "fast", 60);
		assertThat(trimAll("living")).isEqualTo(29);
		assertThat(stored("living")).isEqualTo(range(29, 60));
		reader.consumer("living", "slow").subscribe(this.handler);
		this.handler.awaitChunks(30);
		assertThat(this.handler.indexes("living")).isEqualTo(range(30, 60));
		assertThat(this.handler.gaps()).isEmpty();
	}

	@Test
	void aConsumerOfAPrefixThatHasNotBegunKeepsAll() {
		append("all/a", 10);
		consume("all/a", "fast", 10);
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_consumers (name, selection, is_prefix) VALUES ('new', 'all/', true)");
		assertThat(trimAll("all/a")).isZero();
	}

	@Test
	void theLastChunkStaysAndAppendsGoOnFromIt() {
		append("last", 25);
		consume("last", "last", 25);
		assertThat(trimAll("last")).isEqualTo(24);
		assertThat(writer.append("last", "next")).isEqualTo(25);
		reader.consumer("last", "last").subscribe(this.handler);
		this.handler.awaitChunks(1);
		assertThat(this.handler.indexes("last")).containsExactly(25L);
		assertThat(this.handler.gaps()).isEmpty();
	}

	@Test
	void withoutAConsumerThatCountsOnlyTheLastChunkStays() {
		append("nobody", 25);
		assertThat(trimAll("nobody")).isEqualTo(24);
		assertThat(stored("nobody")).containsExactly(24L);
		append("nobody", 5);
		consume("nobody", "gone", 6);
		append("nobody", 5);
		database.jdbc()
			.update("UPDATE durable_notify.stream_consumers SET last_active_at = now() - interval '2 hours'");
		assertThat(trimAll("nobody")).isEqualTo(10);
		assertThat(stored("nobody")).containsExactly(34L);
	}

	@Test
	void aConsumerThatWasAwayForLongerThanTheLimitGetsAGap() {
		append("away", 10);
		consume("away", "away", 10);
		append("away", 40);
		consume("away", "fast", 50);
		assertThat(trimAll("away")).isEqualTo(9);
		database.jdbc()
			.update("UPDATE durable_notify.stream_consumers SET last_active_at = last_active_at - interval '2 hours' "
					+ "WHERE name = 'away'");
		assertThat(trimAll("away")).isEqualTo(40);
		append("away", 5);
		reader.consumer("away", "away").inTransaction().subscribe(this.handler);
		this.handler.awaitChunks(6);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap("away", "away", 10, 49, false));
		assertThat(this.handler.indexes("away")).isEqualTo(range(49, 55));
	}

	@ParameterizedTest
	@ValueSource(strings = { "'null', NULL", "NULL, interval '1 day'", "'null', interval '1 day', NULL" })
	void withoutAValueNothingIsRemoved(String values) {
		append("null", 2);
		assertThatExceptionOfType(DataAccessException.class)
			.isThrownBy(() -> database.jdbc()
				.queryForObject("SELECT durable_notify.trim_stream(%s)".formatted(values), Long.class))
			.withMessageContaining("must not be null; nothing was removed");
		assertThat(stored("null")).startsWith(0L);
	}

	@Test
	void aNewConsumerOfATrimmedStreamGetsAGap() {
		append("trimmed", 10);
		consume("trimmed", "trimmed", 10);
		assertThat(trimAll("trimmed")).isEqualTo(9);
		reader.consumer("trimmed", "new").subscribe(this.handler);
		this.handler.awaitChunks(1);
		assertThat(this.handler.gaps()).containsExactly(new ConsumerGap("new", "trimmed", 0, 9, false));
	}

	@Test
	void aReaderOfTheStreamGoesOnWithTheFirstChunkThatIsLeft() {
		append("returning", 21);
		consume("returning", "returning", 21);
		assertThat(trimAll("returning")).isEqualTo(20);
		append("returning", 2);
		String identity = reader.info("returning").orElseThrow().identity();
		StreamPosition after = StreamPosition.after(19).in(identity);
		assertThat(reader.page("returning", after, 10).chunks()).hasSize(3);
		RecordingHandler back = new RecordingHandler();
		reader.subscribe("returning", after, back);
		back.awaitChunks(3).assertGapFree(20, 3);
		RecordingHandler late = new RecordingHandler();
		reader.subscribe("returning", StreamPosition.after(18).in(identity), late);
		assertThat(late.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("expected index 19, but 20 was found");
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void positionsFromTheEndBeginWithTheFirstChunkThatIsLeft(boolean inTransaction) throws Exception {
		String stream = "left/" + inTransaction;
		append(stream, 10);
		assertThat(trimAll(stream)).isEqualTo(9);
		RecordingHandler handler = new RecordingHandler();
		RecordingHandler earliest = new RecordingHandler();
		RecordingSubscriber subscriber = new RecordingSubscriber();
		List<StreamCursor> cursors = new ArrayList<>();
		Runnable open = () -> {
			assertThat(reader.page(stream, StreamPosition.last(5), 10).chunks()).extracting(Chunk::index)
				.containsExactly(9L);
			reader.subscribe(stream, StreamPosition.last(5), handler);
			reader.subscribe(stream, StreamPosition.earliest(), earliest);
			reader.publisher(stream, StreamPosition.last(100)).subscribe(subscriber);
			cursors.add(reader.cursor(stream, StreamPosition.last(2)));
		};
		if (inTransaction) {
			instance.transaction().executeWithoutResult((status) -> open.run());
		}
		else {
			open.run();
		}
		append(stream, 1);
		subscriber.request(Long.MAX_VALUE);
		for (RecordingHandler each : List.of(handler, earliest, subscriber)) {
			each.awaitChunks(2).assertGapFree(9, 2);
		}
		try (StreamCursor cursor = cursors.get(0)) {
			assertThat(cursor.iterator().next().index()).isEqualTo(9);
		}
		append(stream, 4);
		for (int limit : List.of(1, 2, 10)) {
			assertThat(reader.page(stream, StreamPosition.last(7), limit).chunks()).extracting(Chunk::index)
				.isEqualTo(range(9, Math.min(15, 9 + limit)));
			assertThat(reader.page(stream, StreamPosition.earliest(), limit).nextIndex())
				.isEqualTo(Math.min(15, 9 + limit));
		}
		assertThat(reader.page(stream, StreamPosition.last(3), 10).chunks()).extracting(Chunk::index)
			.containsExactly(12L, 13L, 14L);
		assertThat(reader.page(stream, StreamPosition.end(), 10).nextIndex()).isEqualTo(15);
		assertThat(reader.page("unknown", StreamPosition.earliest(), 10).nextIndex()).isZero();
	}

	/**
	 * The snapshot of the transaction has what is not left.
	 */
	@Test
	void readersFromTheEndBeginWithTheFirstChunkThatTheirFirstFetchFinds() {
		append("later", 1_000);
		RecordingHandler earliest = new RecordingHandler();
		RecordingHandler last = new RecordingHandler();
		RecordingHandler fifth = new RecordingHandler();
		instance.transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ).executeWithoutResult((status) -> {
			assertThat(reader.info("later")).isPresent();
			assertThat(trimAll("later")).isEqualTo(999);
			reader.subscribe("later", StreamPosition.earliest(), earliest);
			reader.subscribe("later", StreamPosition.last(3), last);
			reader.subscribe("later", StreamPosition.at(5), fifth);
		});
		append("later", 1);
		earliest.awaitChunks(2).assertGapFree(999, 2);
		last.awaitChunks(2).assertGapFree(999, 2);
		assertThat(fifth.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("expected index 5, but 999 was found");
	}

	/**
	 * Chunks that are too large for the first statement are read by a second one.
	 */
	@Test
	void aPageFromTheEndBeginsWithTheFirstChunkThatItsLastStatementFinds() throws Exception {
		append("large", 10);
		StreamStore store = instance.bean(StreamStore.class);
		TailedStream stream = StreamScope.of(instance.bean(StreamProperties.class)).tailed("large");
		List<String> statements = new ArrayList<>();
		try (Connection connection = instance.bean(DataSource.class).getConnection()) {
			Connection trimming = (Connection) Proxy.newProxyInstance(Connection.class.getClassLoader(),
					new Class<?>[] { Connection.class }, (proxy, method, arguments) -> {
						if (method.getName().equals("prepareStatement")) {
							statements.add((String) arguments[0]);
							if (statements.size() == 2) {
								assertThat(trimAll("large")).isEqualTo(9);
							}
						}
						return method.invoke(connection, arguments);
					});
			ChunkPage page = store.page(trimming, stream, StreamPosition.earliest(), 10, 1);
			assertThat(page.chunks()).extracting(Chunk::index).containsExactly(9L);
			assertThat(page.nextIndex()).isEqualTo(10);
		}
	}

	@Test
	void aConsumerThatIsBeingCreatedAtTheEndHoldsOffTheRemoval() {
		append("creating", 10);
		instance.transaction().executeWithoutResult((status) -> {
			reader.consumer("creating", "creating").from(StreamPosition.end()).subscribe(this.handler);
			database.jdbc().queryForObject("SELECT durable_notify.append('creating', 'x')", Long.class);
			database.jdbc().queryForObject("SELECT durable_notify.append('creating', 'y')", Long.class);
			assertThat(trimAll("creating")).isZero();
		});
		this.handler.awaitChunks(2);
		assertThat(this.handler.indexes("creating")).containsExactly(10L, 11L);
		assertThat(this.handler.gaps()).isEmpty();
		assertThat(trimAll("unknown")).isZero();
	}

	@Test
	void twoJanitorsTakeNothingFromAConsumerThatReadsAndCommits() {
		AtomicBoolean done = new AtomicBoolean();
		AtomicLong removed = new AtomicLong();
		reader.consumer("busy", "plain").subscribe(this.handler);
		RecordingConsumer transactional = new RecordingConsumer();
		reader.consumer("busy", "transactional").inTransaction().subscribe(transactional);
		List<CompletableFuture<Void>> janitors = Stream.<Runnable>generate(() -> () -> {
			while (!done.get()) {
				removed.addAndGet(trim("busy"));
			}
		}).limit(2).map(CompletableFuture::runAsync).toList();
		for (int i = 0; i < 50; i++) {
			append("busy", 20);
		}
		this.handler.awaitChunks(1000);
		transactional.awaitChunks(1000);
		Eventually.await(() -> removed.get() >= 990, removed::toString);
		done.set(true);
		janitors.forEach(CompletableFuture::join);
		assertThat(this.handler.indexes("busy")).isEqualTo(range(0, 1000));
		assertThat(transactional.indexes("busy")).isEqualTo(range(0, 1000));
		assertThat(this.handler.gaps()).isEmpty();
		assertThat(transactional.gaps()).isEmpty();
		assertThat(stored("busy")).isNotEmpty().endsWith(999L);
	}

}
