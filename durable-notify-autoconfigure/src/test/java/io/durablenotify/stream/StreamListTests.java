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
import java.util.List;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link StreamReader#list}.
 */
class StreamListTests {

	private static Instance instance;

	private static StreamWriter writer;

	@BeforeAll
	static void start() {
		instance = Instance.start(PostgresServer.shared().createDatabase());
		writer = instance.writer();
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

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
		List<String> names = new ArrayList<>();
		StreamQuery query = StreamQuery.all().prefix("paged/").limit(7);
		List<StreamInfo> page = list(query);
		while (!page.isEmpty()) {
			assertThat(page.size()).isEqualTo((names.size() < 28) ? 7 : 2);
			page.forEach((info) -> names.add(info.name()));
			page = list(query.after(names.get(names.size() - 1)));
		}
		assertThat(names).containsExactlyElementsOf(expected);
	}

	@Test
	void aPageBeginsBehindANameThatIsNotThere() {
		List.of("behind/a", "behind/c").forEach((name) -> writer.append(name, "a"));
		StreamQuery query = StreamQuery.all().prefix("behind/");
		assertThat(names(query.after("behind/b"))).containsExactly("behind/c");
		assertThat(names(query.after("behind/c"))).isEmpty();
		assertThat(names(query.after("a"))).containsExactly("behind/a", "behind/c");
		assertThat(names(query.after("z"))).isEmpty();
	}

	@ParameterizedTest
	@CsvSource({ "%", "_", "\\", "literal%", "literal_", "literal\\", "literal*", "literal." })
	void aPrefixIsTakenLiterally(String prefix) {
		writer.append("literal-but-not", "a");
		writer.append("literalx", "a");
		writer.append(prefix + "1", "a");
		writer.append(prefix + "2", "a");
		assertThat(names(StreamQuery.all().prefix(prefix))).containsExactly(prefix + "1", prefix + "2");
	}

	@Test
	void aNameIsItsOwnPrefix() {
		writer.append("whole", "a");
		assertThat(names(StreamQuery.all().prefix("whole"))).containsExactly("whole");
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

	@Test
	void aDatabaseOfAnotherEncodingListsToo() {
		TestDatabase latin = PostgresServer.shared()
			.createDatabase("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
		try (Instance western = Instance.start(latin)) {
			List.of("ÿ", "ÿ1", "z").forEach((name) -> western.writer().append(name, "a"));
			assertThat(western.reader().list(StreamQuery.all().prefix("ÿ"))).extracting(StreamInfo::name)
				.containsExactly("ÿ", "ÿ1");
		}
	}

	private static List<StreamInfo> list(StreamQuery query) {
		return instance.reader().list(query);
	}

	private static List<String> names(StreamQuery query) {
		return list(query).stream().map(StreamInfo::name).toList();
	}

}
