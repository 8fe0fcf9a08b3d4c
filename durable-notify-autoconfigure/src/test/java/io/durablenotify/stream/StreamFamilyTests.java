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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;

import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.Schema;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.annotation.Qualifier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for readers and writers of families: {@link StreamScope},
 * {@link StreamFamilyRegistrar} and {@link StreamRetention}.
 */
class StreamFamilyTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = Injected.class,
			properties = { "durable-notify.poll.interval=0", "durable-notify.streams.max-chunk-size=100B",
					"durable-notify.streams.buffer-size=16", "durable-notify.streams.families.answers.prefix=answers/",
					"durable-notify.streams.families.answers.buffer-size=4",
					"durable-notify.streams.families.answers.max-chunk-size=10B",
					"durable-notify.streams.families.archive.prefix=answers/archive/",
					"durable-notify.streams.families.archive.buffer-size=64",
					"durable-notify.streams.families.archive.max-chunk-size=1000B" })
	private static Instance instance;

	/**
	 * Those of all streams.
	 */
	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	/**
	 * Those of the family with the prefix "answers/".
	 */
	private static StreamWriter answersWriter;

	private static StreamReader answersReader;

	@BeforeAll
	static void start() {
		answersWriter = instance.bean(Injected.class).answersWriter;
		answersReader = instance.bean(Injected.class).answersReader;
	}

	@Test
	void beansOfFamiliesStandBesideThoseOfAllStreams() {
		Injected injected = instance.bean(Injected.class);
		assertThat(injected.readers).containsExactly(injected.reader);
		assertThat(injected.writer).isSameAs(instance.context().getBeanProvider(StreamWriter.class).getObject());
		assertThat(instance.bean(StreamReader.class)).isSameAs(injected.reader);
		assertThat(injected.answersReader).isNotSameAs(injected.reader);
		assertThat(injected.answersWriter).isNotSameAs(injected.writer);
		assertThat(qualified(StreamReader.class, "archive")).isNotIn(injected.reader, injected.answersReader);
	}

	@Test
	void everyWayToWriteLeadsBelowThePrefix() throws Exception {
		assertThat(answersWriter.append("written", "a")).isZero();
		assertThat(answersWriter.append("written", bytes("b"))).isEqualTo(1);
		assertThat(answersWriter.appendAll("written", List.of(bytes("c"), bytes("d")))).isEqualTo(2);
		assertThat(answersWriter.appendAt("written", 4, bytes("e"))).isEqualTo(4);
		assertThat(answersWriter.appendAsync("written", "f").get(30, TimeUnit.SECONDS)).isEqualTo(5);
		assertThat(answersWriter.appendAsync("written", bytes("g")).get(30, TimeUnit.SECONDS)).isEqualTo(6);
		instance.transaction().executeWithoutResult((status) -> {
			answersWriter.appendOnCommit("written", bytes("i"));
			answersWriter.append("written", "h");
			answersWriter.appendAsync("written", "-").join();
		});
		try (StreamAppender appender = answersWriter.appender("written")) {
			appender.append("j");
			appender.complete();
		}
		assertThat(texts(reader.page("answers/written", StreamPosition.start(), 100))).containsExactly("a", "b", "c",
				"d", "e", "f", "g", "h", "-", "i", "j");
		assertThat(reader.info("answers/written").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
		assertThat(reader.info("written")).isEmpty();
	}

	@Test
	void aStreamOfAFamilyIsCreatedEndedAndDeletedByItsName() {
		answersWriter.create("created", StreamOptions.none().owner("alice"));
		assertThat(reader.info("answers/created").orElseThrow().owner()).isEqualTo("alice");
		answersWriter.complete("created");
		assertThat(reader.info("answers/created").orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
		answersWriter.fail("broken", "why");
		assertThat(reader.info("answers/broken").orElseThrow().failureReason()).isEqualTo("why");
		assertThat(answersWriter.delete("created")).isTrue();
		assertThat(answersWriter.delete("created")).isFalse();
		assertThat(reader.info("answers/created")).isEmpty();
	}

	@Test
	void everyWayToReadGivesNamesThatTheReaderTakes() throws Exception {
		RecordingHandler handler = new RecordingHandler();
		RecordingSubscriber subscriber = new RecordingSubscriber();
		answersReader.subscribe("read", StreamPosition.start(), handler);
		answersReader.publisher("read", StreamPosition.start()).subscribe(subscriber);
		subscriber.request(Long.MAX_VALUE);
		try (StreamCursor cursor = answersReader.cursor("read", StreamPosition.start())) {
			writer.append("answers/read", "a");
			assertThat(cursor.iterator().next().stream()).isEqualTo("read");
		}
		assertThat(handler.awaitChunks(1).chunks()).extracting(Chunk::stream).containsExactly("read");
		assertThat(subscriber.awaitChunks(1).chunks()).extracting(Chunk::stream).containsExactly("read");
		ChunkPage page = answersReader.page("read", StreamPosition.start(), 10);
		assertThat(page).isEqualTo(new ChunkPage(handler.chunks(), 1, StreamState.OPEN));
		StreamInfo info = answersReader.info("read").orElseThrow();
		assertThat(info.name()).isEqualTo("read");
		assertThat(info.lastAppendedAt()).isEqualTo(page.chunks().get(0).createdAt());
		assertThat(answersReader.info(info.name())).contains(info);
		// Handed over by the append, or fetched
		writer.append("answers/read", "b");
		answersWriter.append("read", "c");
		assertThat(handler.awaitChunks(3).chunks()).extracting(Chunk::stream).containsOnly("read");
		assertThat(subscriber.awaitChunks(3).chunks()).isEqualTo(handler.chunks());
		RecordingHandler all = new RecordingHandler();
		reader.subscribe("answers/read", StreamPosition.start(), all);
		assertThat(all.awaitChunks(3).chunks()).extracting(Chunk::stream).containsOnly("answers/read");
		answersWriter.append("read", "d");
		assertThat(all.awaitChunks(4).chunks()).extracting(Chunk::stream).containsOnly("answers/read");
		writer.complete("answers/read");
		handler.awaitComplete();
		subscriber.awaitComplete();
	}

	@Test
	void theEndOfAFamilysStreamHasItsNameAndIsExplainedWithItsFullOne() {
		RecordingHandler failed = new RecordingHandler();
		RecordingHandler deleted = new RecordingHandler();
		answersReader.subscribe("failing", StreamPosition.start(), failed);
		answersReader.subscribe("deleting", StreamPosition.start(), deleted);
		answersWriter.fail("failing", "why");
		answersWriter.append("deleting", "a");
		deleted.awaitChunks(1);
		answersWriter.delete("deleting");
		assertThat(failed.awaitError())
			.isInstanceOfSatisfying(StreamFailedException.class,
					(ex) -> assertThat(ex.getStream()).isEqualTo("failing"))
			.hasMessage("Stream 'answers/failing' failed: why");
		assertThat(deleted.awaitError())
			.isInstanceOfSatisfying(StreamDeletedException.class,
					(ex) -> assertThat(ex.getStream()).isEqualTo("deleting"))
			.hasMessageContaining("'answers/deleting'");
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> answersWriter.append("failing", "a"))
			.withMessageContaining("'answers/failing'");
	}

	@Test
	void positionsFromTheEndAreThoseOfTheFamilysStream() {
		writer.append("positioned", "not this");
		for (String text : List.of("a", "b", "c")) {
			writer.append("answers/positioned", text);
		}
		RecordingHandler handler = new RecordingHandler();
		answersReader.subscribe("positioned", StreamPosition.last(2), handler);
		assertThat(handler.awaitChunks(2).texts()).containsExactly("b", "c");
	}

	@Test
	void aFamilyIsListedFromItsFirstToItsLastName() {
		List<String> listed = List.of("listed/1", "listed/2", "listed/3");
		listed.forEach((name) -> writer.create("answers/" + name, StreamOptions.none().owner("lister")));
		List.of("answer", "answers.", "answers/", "answers0", "listed/1")
			.forEach((name) -> writer.create(name, StreamOptions.none().owner("lister")));
		StreamQuery query = StreamQuery.all().owner("lister");
		assertThat(names(answersReader.list(query))).containsExactlyElementsOf(listed);
		assertThat(names(answersReader.list(query.prefix("listed/").after("listed/1").limit(1))))
			.containsExactly("listed/2");
		List<String> reversed = new ArrayList<>(listed);
		Collections.reverse(reversed);
		assertThat(names(answersReader.list(query.descending().open()))).containsExactlyElementsOf(reversed);
		assertThat(names(answersReader.list(query.descending().limit(1).after(reversed.get(0)))))
			.containsExactly(reversed.get(1));
		assertThat(answersReader.list(query.descending().after(listed.get(0)))).isEmpty();
		assertThat(answersReader.list(query.prefix("answers/"))).isEmpty();
		assertThat(names(reader.list(query))).contains("answers/", "answers/listed/1", "listed/1");
	}

	@Test
	void aFamilyWithinAnotherIsReachedByBoth() {
		StreamWriter archive = qualified(StreamWriter.class, "archive");
		StreamReader archiveReader = qualified(StreamReader.class, "archive");
		archive.append("nested", "a");
		answersWriter.append("archive/nested", "b");
		writer.append("answers/archive/nested", "c");
		RecordingHandler inner = new RecordingHandler();
		RecordingHandler outer = new RecordingHandler();
		archiveReader.subscribe("nested", StreamPosition.start(), inner);
		answersReader.subscribe("archive/nested", StreamPosition.start(), outer);
		assertThat(inner.awaitChunks(3).texts()).containsExactly("a", "b", "c");
		assertThat(outer.awaitChunks(3).texts()).containsExactly("a", "b", "c");
		assertThat(names(archiveReader.list(StreamQuery.all().prefix("n")))).containsExactly("nested");
		assertThat(names(answersReader.list(StreamQuery.all().prefix("archive/n")))).containsExactly("archive/nested");
	}

	@Test
	void whatATransactionAppendsOnCommitKeepsItsOrderAcrossWriters() {
		instance.transaction().executeWithoutResult((status) -> {
			answersWriter.appendOnCommit("gathered", bytes("a"));
			writer.appendOnCommit("answers/gathered", bytes("b"));
			answersWriter.appendOnCommit("gathered", bytes("c"));
		});
		assertThat(texts(answersReader.page("gathered", StreamPosition.start(), 10))).containsExactly("a", "b", "c");
	}

	@Test
	void theRulesForNamesAreAboutFullNames() {
		String longest = "x".repeat(512 - "answers/".length());
		assertThat(answersWriter.append(longest, "a")).isZero();
		assertThatIllegalArgumentException().isThrownBy(() -> answersWriter.append(longest + "x", "a"));
		assertThatIllegalArgumentException()
			.isThrownBy(() -> answersReader.subscribe("a b", StreamPosition.start(), new RecordingHandler()))
			.withMessageContaining("'answers/a b'");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "null" })
	void aFamilyHasNoStreamWithoutAName(String given) {
		String name = (given.equals("null")) ? null : given;
		assertThatIllegalArgumentException().isThrownBy(() -> answersWriter.append(name, "a"));
		assertThatIllegalArgumentException().isThrownBy(() -> answersWriter.appender(name));
		assertThatIllegalArgumentException().isThrownBy(() -> answersWriter.delete(name));
		assertThatIllegalArgumentException().isThrownBy(() -> answersReader.info(name));
		assertThatIllegalArgumentException().isThrownBy(() -> answersReader.publisher(name, StreamPosition.start()));
	}

	@Test
	void theLargestChunkIsTheFamilysWhetherSmallerOrLargerThanThatOfAll() {
		assertThatIllegalArgumentException().isThrownBy(() -> answersWriter.append("large", new byte[11]))
			.withMessage("Chunk for stream 'answers/large' must have at most 10 bytes "
					+ "(durable-notify.streams.families.answers.max-chunk-size), but has 11. "
					+ "Split it, or raise the limit");
		assertThat(answersWriter.append("large", new byte[10])).isZero();
		assertThat(writer.append("answers/large", new byte[100])).isEqualTo(1);
		assertThatIllegalArgumentException().isThrownBy(() -> writer.append("answers/large", new byte[101]))
			.withMessageContaining("(durable-notify.streams.max-chunk-size)");
		StreamWriter archive = qualified(StreamWriter.class, "archive");
		assertThat(archive.append("large", new byte[1000])).isZero();
	}

	@Test
	void aReadersBufferIsTheFamilysWhetherSmallerOrLargerThanThatOfAll() {
		for (int i = 0; i < 200; i++) {
			writer.appendAsync("answers/archive/buffered", "x");
		}
		writer.complete("answers/archive/buffered");
		assertThat(buffered(answersReader, "archive/buffered")).isEqualTo(4);
		assertThat(buffered(reader, "answers/archive/buffered")).isEqualTo(16);
		assertThat(buffered(qualified(StreamReader.class, "archive"), "buffered")).isGreaterThan(32);
	}

	private static <T> T qualified(Class<T> type, String qualifier) {
		return BeanFactoryAnnotationUtils.qualifiedBeanOfType(instance.context().getBeanFactory(), type, qualifier);
	}

	/**
	 * Return how many chunks a reader holds whose handler blocks.
	 */
	private static int buffered(StreamReader reader, String stream) {
		BlockingHandler handler = new BlockingHandler();
		Subscription subscription = reader.subscribe(stream, StreamPosition.start(), handler);
		Eventually.await(() -> ReaderStates.isFull(subscription), subscription::toString);
		int buffered = ReaderStates.buffered(subscription);
		handler.release();
		handler.awaitComplete();
		handler.assertGapFree(0, 200);
		return buffered;
	}

	@Test
	void aTemplateWorksOnAFamily() {
		StreamTemplate<String> template = StreamTemplate.of(answersWriter, answersReader, StreamCodec.text());
		assertThat(template.append("templated", "a")).isZero();
		assertThat(texts(reader.page("answers/templated", StreamPosition.start(), 10))).containsExactly("a");
	}

	@Test
	void aStreamIsKeptAsTheLongestPrefixSays() {
		StreamRetention retention = StreamRetention.of(Duration.ofDays(10),
				List.of(family("kept/brief/", Duration.ofHours(1)), family("kept/", Duration.ofDays(100)),
						family("kept/brief/usual/", null), family("briefer/", Duration.ofMinutes(1))));
		for (String stream : List.of("kept/a", "kept/brief/a", "kept/brief/usual/a", "briefer/a", "briefer", "other")) {
			writer.complete(stream);
			writer.complete(stream + "-young");
		}
		age("kept/a", "101 days");
		age("kept/a-young", "99 days");
		age("kept/brief/a", "61 minutes");
		age("kept/brief/a-young", "59 minutes");
		age("kept/brief/usual/a", "11 days");
		age("kept/brief/usual/a-young", "9 days");
		age("briefer/a", "2 minutes");
		age("briefer", "11 days");
		age("briefer-young", "9 days");
		age("other", "11 days");
		age("other-young", "9 days");
		assertThat(clean(retention, true)).isEqualTo(6);
		assertThat(names(reader.list(StreamQuery.all().limit(10_000))))
			.filteredOn((name) -> name.matches("(kept|brief|other).*"))
			.containsExactly("briefer-young", "briefer/a-young", "kept/a-young", "kept/brief/a-young",
					"kept/brief/usual/a-young", "other-young");
	}

	@Test
	void withoutAFullCheckOnlyWhatWasDueOfLateIsFound() {
		StreamRetention retention = StreamRetention.of(null, List.of(family("due/", Duration.ofHours(2))));
		for (String stream : List.of("due/late", "due/long-ago", "due/not-yet", "undue/long-ago")) {
			writer.complete(stream);
		}
		age("due/late", "175 minutes");
		age("due/long-ago", "185 minutes");
		age("due/not-yet", "115 minutes");
		age("undue/long-ago", "185 minutes");
		assertThat(clean(retention, false)).isEqualTo(1);
		assertThat(reader.info("due/late")).isEmpty();
		assertThat(clean(retention, true)).isEqualTo(1);
		assertThat(reader.info("due/long-ago")).isEmpty();
		assertThat(reader.info("due/not-yet")).isPresent();
		assertThat(reader.info("undue/long-ago")).isPresent();
	}

	@Test
	void moreStreamsOfFamiliesThanFitASliceAreDeletedInSeveral() {
		database.jdbc()
			.update("INSERT INTO durable_notify.streams (name, ended_at, end_state) "
					+ "SELECT 'many' || i % 3 || '/' || i, now() - interval '1d', 'completed' "
					+ "FROM generate_series(1, 2100) i");
		StreamRetention retention = StreamRetention.of(null,
				List.of(family("many0/", Duration.ofHours(1)), family("many1/", Duration.ofHours(2))));
		assertThat(clean(retention, true)).isEqualTo(1000);
		assertThat(clean(retention, true)).isEqualTo(400);
		assertThat(clean(retention, true)).isZero();
	}

	@Test
	void theRetentionOfAFamilyIsAProperty() {
		TestDatabase own = PostgresServer.shared().createDatabase();
		try (Instance retaining = Instance.start(own, "durable-notify.streams.retention=10d",
				"durable-notify.streams.families.answers.prefix=answers/",
				"durable-notify.streams.families.answers.retention=1h")) {
			List.of("answers/old", "answers/young", "old", "oldest").forEach(retaining.writer()::complete);
			List.of("answers/old", "old").forEach((stream) -> age(own, stream, "2 hours"));
			age(own, "oldest", "11 days");
			retaining.bean(StreamJanitor.class).wake();
			Eventually.await(() -> names(retaining.reader().list(StreamQuery.all())).size() == 2,
					() -> retaining.reader().list(StreamQuery.all()).toString());
			assertThat(names(retaining.reader().list(StreamQuery.all()))).containsExactly("answers/young", "old");
		}
	}

	private static StreamProperties.Family family(String prefix, Duration retention) {
		return new StreamProperties.Family(prefix, retention, null, null);
	}

	private static int clean(StreamRetention retention, boolean all) {
		PostgresStreamCleanup cleanup = new PostgresStreamCleanup(instance.bean(Schema.class).name());
		return instance.bean(ApplicationDatabase.class)
			.executeSeparately("clean up", (connection, joined) -> cleanup.clean(connection, retention, all, 0))
			.deleted()
			.size();
	}

	private static void age(String stream, String interval) {
		age(database, stream, interval);
	}

	private static void age(TestDatabase database, String stream, String interval) {
		database.jdbc()
			.update("UPDATE durable_notify.streams SET ended_at = ended_at - ?::interval WHERE name = ?", interval,
					stream);
	}

	private static List<String> names(List<StreamInfo> streams) {
		return streams.stream().map(StreamInfo::name).toList();
	}

	private static List<String> texts(ChunkPage page) {
		return page.chunks().stream().map(Chunk::text).toList();
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	static class Injected {

		private final StreamReader reader;

		private final StreamWriter writer;

		private final List<StreamReader> readers;

		private final StreamReader answersReader;

		private final StreamWriter answersWriter;

		Injected(StreamReader reader, StreamWriter writer, List<StreamReader> readers,
				@Qualifier("answers") StreamReader answersReader, @Qualifier("answers") StreamWriter answersWriter) {
			this.reader = reader;
			this.writer = writer;
			this.readers = readers;
			this.answersReader = answersReader;
			this.answersWriter = answersWriter;
		}

	}

}
