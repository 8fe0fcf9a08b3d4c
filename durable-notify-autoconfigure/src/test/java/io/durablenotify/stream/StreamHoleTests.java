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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for readers of streams that have lost chunks which the API never removes: each
 * gets what comes before the hole, and then ends with a reason.
 */
class StreamHoleTests {

	private static final int CHUNKS = 5_000;

	private static final int BUFFER_SIZE = 256;

	private static final AtomicInteger streams = new AtomicInteger();

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { "durable-notify.poll.interval=200ms", "durable-notify.streams.buffer-size=" + BUFFER_SIZE })
	private static Instance instance;

	@Fixture
	private static StreamReader reader;

	private static String store(int bytes) {
		String stream = "hole/" + streams.incrementAndGet() + "/";
		StoredStreams.store(database, stream, 1, CHUNKS, bytes);
		return stream + "0";
	}

	private static void remove(String stream, long first, long last) {
		assertThat(database.jdbc()
			.update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index BETWEEN ? AND ? AND stream_id = "
					+ "(SELECT stream_id FROM durable_notify.streams WHERE name = ?)", first, last, stream))
			.isEqualTo((int) (last - first + 1));
	}

	@ParameterizedTest
	@CsvSource({ "5, 5", "0, 0", "0, 4499", "0, 4998", "256, 511", "100, 199", "1000, 1255", "1000, 1099", "1000, 4499",
			"1000, 4998", "4998, 4998" })
	void aHoleIsAnErrorToEveryReader(int first, int last) throws Exception {
		String stream = store(10);
		remove(stream, first, last);
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		RecordingHandler atTheHole = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.at(first), atTheHole);
		RecordingHandler fromTheEnd = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.last(CHUNKS - first), fromTheEnd);
		RecordingSubscriber subscriber = new RecordingSubscriber();
		reader.publisher(stream, StreamPosition.start()).subscribe(subscriber);
		subscriber.request(Long.MAX_VALUE);
		RecordingValues values = new RecordingValues();
		StreamTemplate.of(instance.writer(), reader, StreamCodec.text())
			.subscribe(stream, StreamPosition.start(), values);
		assertEnds(handler, stream, first, last);
		assertEnds(subscriber, stream, first, last);
		assertThat(isTruncated(values.errors.awaitError(), stream, first, last)).isTrue();
		assertThat(values.count).hasValue(first);
		assertNothing(atTheHole, stream, first, last);
		if (first > 0) {
			assertNothing(fromTheEnd, stream, first, last);
		}
		else {
			// As where the first ones were trimmed
			fromTheEnd.awaitChunks(CHUNKS - last - 1).assertGapFree(last + 1, CHUNKS - last - 1);
		}
		assertThat(indexesByCursor(stream, first, last)).hasSize(first);
	}

	private static void assertNothing(RecordingHandler handler, String stream, int first, int last) {
		assertThat(isTruncated(handler.awaitError(), stream, first, last)).isTrue();
		assertThat(handler.chunks()).isEmpty();
	}

	private static void assertEnds(RecordingHandler handler, String stream, int first, int last) {
		assertThat(isTruncated(handler.awaitError(), stream, first, last)).as(handler.toString()).isTrue();
		handler.assertGapFree(0, first);
		assertThat(handler.ends()).isOne();
	}

	private static boolean isTruncated(Throwable error, String stream, int first, int last) {
		return error instanceof StreamTruncatedException && String.valueOf(error.getMessage())
			.contains("'%s' has lost chunks: expected index %d, but %d was found".formatted(stream, first, last + 1));
	}

	private static List<Long> indexesByCursor(String stream, int first, int last) {
		List<Long> indexes = new ArrayList<>();
		try (StreamCursor cursor = reader.cursor(stream, StreamPosition.start())) {
			assertTruncated(() -> cursor.forEach((chunk) -> indexes.add(chunk.index())), stream, first, last);
		}
		return indexes;
	}

	private static void assertTruncated(ThrowingCallable call, String stream, int first, int last) {
		assertThatExceptionOfType(StreamTruncatedException.class).isThrownBy(call)
			.matches((error) -> isTruncated(error, stream, first, last));
	}

	@ParameterizedTest
	@CsvSource({ "5, 5", "0, 0", "0, 4499", "0, 4998", "100, 199", "150, 150", "1000, 4499", "1000, 4998" })
	void pagesEndBeforeAHoleAndThenThrow(int first, int last) {
		String stream = store(10);
		remove(stream, first, last);
		for (int limit : List.of((first < 10) ? 1 : 50, 100, 10_000)) {
			List<Long> indexes = new ArrayList<>();
			while (indexes.size() < first) {
				ChunkPage page = reader.page(stream, StreamPosition.at(indexes.size()), limit);
				page.chunks().forEach((chunk) -> indexes.add(chunk.index()));
				assertThat(page.chunks()).isNotEmpty();
				assertThat(page.nextIndex()).isEqualTo(indexes.size());
				assertThat(page.state()).isEqualTo(StreamState.OPEN);
			}
			assertThat(indexes).hasSize(first).doesNotHaveDuplicates().isSorted();
			assertTruncated(() -> reader.page(stream, StreamPosition.at(first), limit), stream, first, last);
			if (first > 0) {
				assertTruncated(() -> reader.page(stream, StreamPosition.last(CHUNKS - first), limit), stream, first,
						last);
			}
		}
		assertThat(reader.page(stream, StreamPosition.at(last + 1), 10_000).chunks())
			.hasSize(Math.min(10_000, CHUNKS - last - 1));
	}

	@Test
	void aPageOfLargeChunksEndsBeforeAHoleToo() {
		String stream = store(1_000);
		remove(stream, 10, 20);
		assertThat(reader.page(stream, StreamPosition.start(), 10_000).chunks()).hasSize(10);
		assertTruncated(() -> reader.page(stream, StreamPosition.at(10), 10_000), stream, 10, 20);
	}

	@Test
	void pagesOfAFamilyNameTheStreamAsItIs() {
		try (Instance family = Instance.start(database, "durable-notify.streams.families.holes.prefix=hole/")) {
			String stream = store(10);
			remove(stream, 0, 1);
			StreamReader reader = (StreamReader) family.context().getBean("durableNotifyStreamReader.holes");
			assertTruncated(() -> reader.page(stream.substring("hole/".length()), StreamPosition.start(), 10), stream,
					0, 1);
		}
	}

	@ParameterizedTest
	@CsvSource({ "1000, 1000", "1000, 4499", "1000, 4998" })
	void aHoleThatAppearsWhileAReaderReadsIsAnErrorWhenItGetsThere(int first, int last) {
		String stream = store(10);
		RecordingSubscriber subscriber = new RecordingSubscriber();
		reader.publisher(stream, StreamPosition.start()).subscribe(subscriber);
		subscriber.request(100).awaitChunks(100);
		remove(stream, first, last);
		subscriber.request(Long.MAX_VALUE);
		assertEnds(subscriber, stream, first, last);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void aHoleInWhatIsYetToComeIsAnErrorToAReaderThatWaits(boolean completed) {
		String stream = store(10);
		RecordingHandler handler = new RecordingHandler();
		Subscription subscription = reader.subscribe(stream, StreamPosition.start(), handler);
		handler.awaitChunks(CHUNKS);
		Eventually.await(() -> ReaderStates.isIdle(subscription), subscription::toString);
		// Stored without a wake-up: the poll finds it
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) "
					+ "SELECT stream_id, 9000, '' FROM durable_notify.streams WHERE name = ?", stream);
		if (completed) {
			instance.writer().complete(stream);
		}
		assertEnds(handler, stream, CHUNKS, 8_999);
	}

	@Test
	void aTailThatIsRemovedIsAnErrorToAReaderThatHasReceivedIt() {
		String stream = store(10);
		RecordingHandler handler = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), handler);
		handler.awaitChunks(CHUNKS);
		remove(stream, 10, CHUNKS - 1);
		assertThat(handler.awaitError()).isInstanceOf(StreamTruncatedException.class)
			.hasMessageContaining("expected index 5000, but the stream ends at 10");
	}

	@Test
	void manyReadersOfOneHoleAreEndedAndOthersGoOn() {
		String stream = store(10);
		String whole = store(10);
		remove(stream, 1000, 4499);
		List<RecordingHandler> handlers = new ArrayList<>();
		List<RecordingHandler> others = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			handlers.add(new RecordingHandler());
			reader.subscribe(stream, StreamPosition.at(i * 40), handlers.get(i));
			others.add(new RecordingHandler());
			reader.subscribe(whole, StreamPosition.at(i * 40), others.get(i));
		}
		for (int i = 0; i < 20; i++) {
			assertThat(handlers.get(i).awaitError()).isInstanceOf(StreamTruncatedException.class);
			handlers.get(i).assertGapFree(i * 40, 1000 - i * 40);
			others.get(i).awaitChunks(CHUNKS - i * 40).assertGapFree(i * 40, CHUNKS - i * 40);
		}
	}

	/**
	 * Counts values.
	 */
	private static final class RecordingValues implements ValueHandler<String> {

		private final AtomicInteger count = new AtomicInteger();

		private final RecordingHandler errors = new RecordingHandler();

		@Override
		public void onValue(String value, long index) {
			this.count.incrementAndGet();
		}

		@Override
		public void onError(Throwable error) {
			this.errors.onError(error);
		}

	}

}
