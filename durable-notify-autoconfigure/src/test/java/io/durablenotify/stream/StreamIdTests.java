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
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the ids of streams while the sequence gives those of others: after it was
 * reset, after logical replication, or after a restore.
 */
class StreamIdTests {

	private static final Map<String, BiConsumer<Instance, String>> WAYS = Map.ofEntries(
			way("append", (instance, stream) -> instance.writer().append(stream, "own")),
			way("append all", (instance, stream) -> instance.writer().appendAll(stream, List.of(bytes("own")))),
			way("append at", (instance, stream) -> instance.writer().appendAt(stream, 0, bytes("own"))),
			way("append async", (instance, stream) -> instance.writer().appendAsync(stream, "own").join()),
			way("in a transaction",
					(instance, stream) -> instance.transaction()
						.executeWithoutResult((status) -> instance.writer().append(stream, "own"))),
			way("on commit",
					(instance, stream) -> instance.transaction()
						.executeWithoutResult((status) -> instance.writer().appendOnCommit(stream, bytes("own")))),
			way("create", (instance, stream) -> {
				instance.writer().create(stream, StreamOptions.none().owner("me"));
				instance.writer().append(stream, "own");
			}), way("last chunk", (instance, stream) -> instance.writer().complete(stream, "own")),
			way("appender", (instance, stream) -> {
				try (StreamAppender appender = instance.writer().appender(stream)) {
					appender.append("own");
					appender.complete();
				}
			}), way("SQL", (instance, stream) -> append(stream)));

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static StreamJanitor janitor;

	@BeforeAll
	static void start() {
		janitor.stop();
	}

	private static Map.Entry<String, BiConsumer<Instance, String>> way(String name, BiConsumer<Instance, String> way) {
		return Map.entry(name, way);
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static void append(String stream) {
		database.jdbc()
			.queryForObject("SELECT durable_notify.append(?, convert_to('own', 'UTF8'))", Long.class, stream);
	}

	static Stream<String> ways() {
		return WAYS.keySet().stream().sorted();
	}

	@ParameterizedTest
	@MethodSource("ways")
	void aNewStreamHasNoChunksOfAnother(String way) {
		String prefix = way.replace(' ', '-');
		instance.writer().append(prefix + "/deleted", "of another");
		instance.writer().append(prefix + "/there", "of another");
		long deleted = id(prefix + "/deleted");
		assertThat(instance.writer().delete(prefix + "/deleted")).isTrue();
		restartWith(deleted);
		create(way, prefix + "/new");
		assertThat(texts(prefix + "/there")).containsExactly("of another");
		clean();
		assertThat(texts(prefix + "/new")).containsExactly("own");
	}

	@ParameterizedTest
	@MethodSource("ways")
	void chunksWithoutAStreamBelongToNone(String way) {
		String stream = way.replace(' ', '-') + "/beside";
		long id = 1_000_000 + stream.hashCode() % 1_000;
		database.jdbc()
			.update("INSERT INTO durable_notify.stream_chunks (stream_id, chunk_index, data) VALUES (?, 0, 'restored')",
					id);
		restartWith(id);
		create(way, stream);
	}

	@ParameterizedTest
	@MethodSource("ways")
	void aDeletedStreamWithoutChunksKeepsItsIdUntilItIsForgotten(String way) {
		String prefix = way.replace(' ', '-');
		instance.writer().create(prefix + "/empty", StreamOptions.none());
		long deleted = id(prefix + "/empty");
		assertThat(instance.writer().delete(prefix + "/empty")).isTrue();
		restartWith(deleted);
		create(way, prefix + "/after");
		assertThat(id(prefix + "/after")).isNotEqualTo(deleted);
		clean();
		assertThat(texts(prefix + "/after")).containsExactly("own");
	}

	private static void create(String way, String stream) {
		WAYS.get(way).accept(instance, stream);
		assertThat(texts(stream)).containsExactly("own");
	}

	@Test
	void whatIsEndedWithoutAChunkBeginsEmpty() {
		instance.writer().append("end/deleted", "of another");
		long deleted = id("end/deleted");
		assertThat(instance.writer().delete("end/deleted")).isTrue();
		restartWith(deleted);
		instance.writer().complete("end/completed");
		restartWith(deleted);
		instance.writer().fail("end/failed", "reason");
		restartWith(deleted);
		instance.writer().cancel("end/cancelled", "reason");
		assertThat(instance.reader().list(StreamQuery.all().prefix("end/"))).hasSize(3)
			.extracting(StreamInfo::nextIndex)
			.containsOnly(0L);
	}

	@Test
	void manyAtOnceEachTakeAnIdOfTheirOwn() {
		IntStream.range(0, 20).forEach((i) -> instance.writer().append("before/" + i, "of another"));
		for (int round = 0; round < 5; round++) {
			String prefix = "many/" + round + "/";
			restartWith(id("before/0"));
			List<CompletableFuture<Void>> creations = IntStream.range(0, 8)
				.mapToObj((thread) -> Background.run(() -> IntStream.range(0, 20)
					.forEach((i) -> create((thread % 2 == 0) ? "SQL" : "create", prefix + thread + "/" + i))))
				.toList();
			creations.forEach(CompletableFuture::join);
			assertThat(instance.reader().list(StreamQuery.all().prefix(prefix).limit(1000))).hasSize(160)
				.extracting(StreamInfo::nextIndex)
				.containsOnly(1L);
		}
		assertThat(texts("before/19")).containsExactly("of another");
	}

	/**
	 * Who restores a table may bring back a stream that was deleted since.
	 */
	@Test
	void aStreamThatIsThereKeepsItsChunksThoughItWasDeletedOnce() {
		instance.writer().append("restored", "own");
		markDeleted("restored", 0);
		clean();
		assertThat(texts("restored")).containsExactly("own");
		assertThat(instance.writer().append("restored", "more")).isOne();
		markDeleted("restored", 1);
		long id = id("restored");
		assertThat(instance.writer().delete("restored")).isTrue();
		clean();
		assertThat(database.jdbc()
			.queryForList("SELECT stream_id FROM durable_notify.stream_chunks WHERE stream_id = ?", Long.class, id))
			.isEmpty();
	}

	private static void markDeleted(String stream, long nextIndex) {
		database.jdbc()
			.update("INSERT INTO durable_notify.deleted_streams (stream_id, next_index) VALUES (?, ?)", id(stream),
					nextIndex);
	}

	private static long id(String stream) {
		return database.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = ?", Long.class, stream);
	}

	private static void restartWith(long id) {
		database.jdbc().execute("ALTER TABLE durable_notify.streams ALTER COLUMN stream_id RESTART WITH " + id);
	}

	private static List<String> texts(String stream) {
		return instance.reader().page(stream, StreamPosition.start(), 10).chunks().stream().map(Chunk::text).toList();
	}

	private static void clean() {
		janitor.start();
		janitor.wake();
		Eventually.await(() -> deletedStreams().isEmpty(), StreamIdTests::deletedStreams);
		janitor.stop();
	}

	private static List<Long> deletedStreams() {
		return database.jdbc().queryForList("SELECT stream_id FROM durable_notify.deleted_streams", Long.class);
	}

}
