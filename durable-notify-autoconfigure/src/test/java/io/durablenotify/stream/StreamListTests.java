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

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests for {@link StreamReader#list}.
 */
class StreamListTests {

	@Fixture
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Test
	void aListedStreamIsDescribedLikeAnyOther() {
		writer.create("described/1", StreamOptions.none().owner("o").contentType("a/b").timeToLive(Duration.ofDays(1)));
		writer.append("described/1", "a");
		writer.append("described/2", "b");
		writer.fail("described/2", "broken");
		assertThat(list(StreamQuery.all().prefix("described/"))).containsExactly(
				instance.reader().info("described/1").orElseThrow(),
				instance.reader().info("described/2").orElseThrow());
	}

	@Test
	void pagesLeadThroughAllStreamsOfAPrefixInTheOrderOfTheirBytes() {
		List<String> expected = new ArrayList<>();
		IntStream.range(0, 25).mapToObj((i) -> "paged/%02d".formatted(i)).forEach(expected::add);
		// Neither as a dictionary nor as Java sorts them
		expected.addAll(List.of("paged/B", "paged/a", "paged/ä", "paged/\uffee", "paged/🎈"));
		expected.forEach((name) -> writer.append(name, "a"));
		List.of("page", "paged", "paged.", "paged0", "pagee").forEach((name) -> writer.append(name, "a"));
		StreamQuery query = StreamQuery.all().prefix("paged/").limit(7);
		assertThat(pages(query)).containsExactlyElementsOf(expected);
		assertThat(pages(query.open())).containsExactlyElementsOf(expected);
		Collections.reverse(expected);
		assertThat(pages(query.descending())).containsExactlyElementsOf(expected);
		assertThat(pages(query.descending().open())).containsExactlyElementsOf(expected);
	}

	private static List<String> pages(StreamQuery query) {
		List<String> names = new ArrayList<>();
		List<StreamInfo> page = list(query);
		while (!page.isEmpty()) {
			assertThat(page.size()).isEqualTo((names.size() < 28) ? 7 : 2);
			page.forEach((info) -> names.add(info.name()));
			page = list(query.after(names.get(names.size() - 1)));
		}
		return names;
	}

	@Test
	void aPageBeginsAfterANameThatIsNotThere() {
		List.of("behind/a", "behind/c").forEach((name) -> writer.append(name, "a"));
		StreamQuery query = StreamQuery.all().prefix("behind/");
		assertThat(names(query.after("behind/b"))).containsExactly("behind/c");
		assertThat(names(query.after("behind/c"))).isEmpty();
		assertThat(names(query.after("a"))).containsExactly("behind/a", "behind/c");
		assertThat(names(query.after("z"))).isEmpty();
		assertThat(names(query.descending())).containsExactly("behind/c", "behind/a");
		assertThat(names(query.descending().after("behind/b"))).containsExactly("behind/a");
		assertThat(names(query.descending().after("behind/a"))).isEmpty();
		assertThat(names(query.descending().after("z"))).containsExactly("behind/c", "behind/a");
		assertThat(names(query.descending().after("a"))).isEmpty();
	}

	@ParameterizedTest
	@CsvSource({ "%", "_", "\\", "literal%", "literal_", "literal\\", "literal*", "literal." })
	void aPrefixIsTakenLiterally(String prefix) {
		writer.append("literal-but-not", "a");
		writer.append("literalx", "a");
		writer.append(prefix + "1", "a");
		writer.append(prefix + "2", "a");
		assertThat(names(StreamQuery.all().prefix(prefix))).containsExactly(prefix + "1", prefix + "2");
		assertThat(names(StreamQuery.all().prefix(prefix).descending())).containsExactly(prefix + "2", prefix + "1");
	}

	@Test
	void aNameIsItsOwnPrefix() {
		writer.append("whole", "a");
		assertThat(names(StreamQuery.all().prefix("whole"))).containsExactly("whole");
		assertThat(names(StreamQuery.all().prefix("whole").descending())).containsExactly("whole");
	}

	@Test
	void aPrefixOfTheGreatestCharactersHasAnEnd() {
		String greatest = "\udbff\udfff";
		List<String> names = List.of("end/" + greatest, "end/" + greatest.repeat(508), "end0");
		names.forEach((name) -> writer.append(name, "a"));
		assertThat(names(StreamQuery.all().prefix("end/").descending())).containsExactly(names.get(1), names.get(0));
		assertThat(names(StreamQuery.all().prefix("end/" + greatest))).containsExactly(names.get(0), names.get(1));
		assertThat(names(StreamQuery.all().prefix(names.get(1)).descending())).containsExactly(names.get(1));
	}

	@Test
	void onlyStreamsThatHaveNotEndedAreOpen() {
		List.of("ended/1", "ended/2", "ended/3", "ended/4", "ended/5")
			.forEach((name) -> writer.create(name, StreamOptions.none().owner("carol")));
		writer.append("ended/5", "a");
		writer.complete("ended/1");
		writer.fail("ended/2", "broken");
		writer.cancel("ended/4", "enough");
		StreamQuery query = StreamQuery.all().prefix("ended/").open();
		assertThat(names(query)).containsExactly("ended/3", "ended/5");
		assertThat(names(query.owner("carol"))).containsExactly("ended/3", "ended/5");
		assertThat(names(query.owner("carol").descending().limit(1))).containsExactly("ended/5");
		assertThat(names(query.owner("carol").after("ended/3"))).containsExactly("ended/5");
		assertThat(names(query.owner("dave"))).isEmpty();
		writer.complete("ended/3");
		assertThat(names(query)).containsExactly("ended/5");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void fewOpenStreamsAreFoundAmongManyThatHaveEnded(boolean analyzed) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (Instance large = Instance.start(database, "spring.datasource.hikari.maximum-pool-size=1")) {
			int version = database.jdbc()
				.queryForObject("SELECT current_setting('server_version_num')::int", Integer.class);
			assumeTrue(version >= 150_000, "pg_stat_force_next_flush() came with PostgreSQL 15");
			database.jdbc().execute("ALTER TABLE durable_notify.streams SET (autovacuum_enabled = off)");
			database.jdbc()
				.update("""
						INSERT INTO durable_notify.streams (name, owner, ended_at, end_state)
						SELECT 'many/' || i, 'alice', clock_timestamp(), 'completed' FROM generate_series(100001, 200000) AS i
						""");
			if (analyzed) {
				database.jdbc().execute("VACUUM ANALYZE durable_notify.streams");
			}
			List<String> open = IntStream.range(0, 10).mapToObj((i) -> "many/1%d5000x".formatted(i)).toList();
			open.forEach((name) -> large.writer().create(name, StreamOptions.none().owner("alice")));
			List<String> reversed = new ArrayList<>(open);
			Collections.reverse(reversed);
			StreamQuery query = StreamQuery.all().open();
			long before = entriesRead(large);
			for (int i = 0; i < 12; i++) {
				for (StreamQuery each : List.of(query, query.prefix("many/"), query.owner("alice"),
						query.owner("alice").prefix("many/"))) {
					assertThat(large.reader().list(each)).extracting(StreamInfo::name).containsExactlyElementsOf(open);
					assertThat(large.reader().list(each.descending())).extracting(StreamInfo::name)
						.containsExactlyElementsOf(reversed);
				}
				StreamQuery page = StreamQuery.all().prefix("many/").limit(10);
				assertThat(large.reader().list(page)).hasSize(10);
				assertThat(large.reader().list(page.descending())).hasSize(10);
				assertThat(large.reader().list(page.owner("alice").descending())).hasSize(10);
			}
			assertThat(entriesRead(large) - before).isLessThan(12 * 11 * 20);
		}
	}

	private static long entriesRead(Instance instance) {
		instance.jdbc().execute("SELECT pg_stat_force_next_flush()");
		return instance.jdbc()
			.queryForObject(
					"""
							SELECT t.seq_tup_read + sum(i.idx_tup_read) FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
							WHERE t.schemaname = 'durable_notify' AND t.relname = 'streams' GROUP BY t.seq_tup_read
							""",
					Long.class);
	}

	@Test
	void onlyWhatAnOwnerHasIsListed() {
		List.of("own/1", "own/3", "else/1").forEach((name) -> writer.create(name, StreamOptions.none().owner("alice")));
		writer.create("own/2", StreamOptions.none().owner("bob"));
		writer.append("own/4", "a");
		assertThat(names(StreamQuery.all().owner("alice"))).containsExactly("else/1", "own/1", "own/3");
		assertThat(names(StreamQuery.all().owner("alice").prefix("own/"))).containsExactly("own/1", "own/3");
		assertThat(names(StreamQuery.all().owner("alice").after("else/1").limit(1))).containsExactly("own/1");
		assertThat(names(StreamQuery.all().owner("alic"))).isEmpty();
		assertThat(names(StreamQuery.all().prefix("own/"))).containsExactly("own/1", "own/2", "own/3", "own/4");
	}

	@Test
	void everythingIsListedWhereNothingIsAskedFor() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		try (Instance fresh = Instance.start(database)) {
			assertThat(fresh.reader().list(StreamQuery.all())).isEmpty();
			IntStream.range(0, 101).forEach((i) -> fresh.writer().append("%03d".formatted(i), "a"));
			assertThat(fresh.reader().list(StreamQuery.all())).hasSize(100);
			assertThat(fresh.reader().list(StreamQuery.all().limit(10_000))).hasSize(101);
		}
	}

	@ParameterizedTest
	@CsvSource({ "LATIN1, ÿ", "SQL_ASCII, ÿ", "EUC_JP, 本" })
	void aDatabaseOfAnotherEncodingListsToo(String encoding, String last) {
		TestDatabase database = PostgresServer.shared()
			.createDatabase("ENCODING '%s' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".formatted(encoding));
		try (Instance foreign = Instance.start(database)) {
			List.of(last, last + "1", last + last, "z").forEach((name) -> foreign.writer().append(name, "a"));
			// More often than the driver needs to prepare a statement on the server
			for (int i = 0; i < 12; i++) {
				assertThat(foreign.reader().list(StreamQuery.all().prefix(last))).extracting(StreamInfo::name)
					.containsExactly(last, last + "1", last + last);
				assertThat(foreign.reader().list(StreamQuery.all().prefix(last).descending().open()))
					.extracting(StreamInfo::name)
					.containsExactly(last + last, last + "1", last);
			}
		}
	}

	private static List<StreamInfo> list(StreamQuery query) {
		return instance.reader().list(query);
	}

	private static List<String> names(StreamQuery query) {
		return list(query).stream().map(StreamInfo::name).toList();
	}

}
