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

package io.durablenotify.sample;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;

import io.durablenotify.sample.ServerSentEvents.Event;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamWriter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.core.env.Environment;
import org.springframework.core.io.Resource;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for answers over HTTP.
 */
@SampleTest
class AnswerTests {

	private static final String TEXT = "  Leading spaces,\n\n\n    indented lines\n\tand a tab 🙂\n\n";

	@Autowired
	Environment environment;

	@Autowired
	StreamWriter streams;

	@Autowired
	StreamReader reader;

	@Autowired
	@Qualifier("applicationTaskExecutor")
	ThreadPoolTaskExecutor executor;

	@Value("classpath:jabberwocky.txt")
	Resource jabberwocky;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
	}

	@Test
	void aPostIsAnsweredWithTheLocationOfTheBuiltInText() throws IOException {
		HttpResponse<String> response = this.client.post("/answers");
		assertThat(response.statusCode()).isEqualTo(201);
		String location = response.headers().firstValue("Location").orElseThrow();
		assertThat(location).matches("/answers/[0-9a-f-]{36}");
		try (ServerSentEvents events = this.client.read(location)) {
			assertThat(events.status()).isEqualTo(200);
			assertThat(ServerSentEvents.text(events.rest()))
				.isEqualTo(this.jabberwocky.getContentAsString(StandardCharsets.UTF_8));
		}
	}

	@Test
	void wordsComeInOrderAndTheEndIsAnEvent() {
		try (ServerSentEvents events = this.client.read(this.client.answer(TEXT))) {
			List<Event> all = events.rest();
			List<Event> chunks = all.subList(0, all.size() - 1);
			assertThat(chunks).extracting(Event::data).containsExactlyElementsOf(Words.of(TEXT));
			assertThat(chunks).extracting(Event::lastEventId)
				.containsExactlyElementsOf(IntStream.range(0, chunks.size()).mapToObj(String::valueOf).toList());
			assertThat(all.get(all.size() - 1).name()).isEqualTo("complete");
		}
	}

	@Test
	void aReaderThatComesBackInTheMiddleGetsTheRest() {
		UUID id = UUID.randomUUID();
		append(id, "one", " two", " three");
		String lastEventId;
		try (ServerSentEvents events = this.client.read("/answers/" + id)) {
			assertThat(ServerSentEvents.text(events.next(2))).isEqualTo("one two");
			lastEventId = "1";
		}
		try (ServerSentEvents events = this.client.read("/answers/" + id, lastEventId)) {
			assertThat(events.next().data()).isEqualTo(" three");
			append(id, " four");
			assertThat(events.next().data()).isEqualTo(" four");
			this.streams.complete(Answer.stream(id));
			assertThat(events.rest()).extracting(Event::name).containsExactly("complete");
		}
	}

	private void append(UUID id, String... words) {
		for (String word : words) {
			this.streams.append(Answer.stream(id), word);
		}
	}

	@Test
	void aReaderThatComesBackAfterTheEndGetsA204() {
		String location = this.client.answer(TEXT);
		String lastEventId;
		try (ServerSentEvents events = this.client.read(location)) {
			List<Event> all = events.rest();
			lastEventId = all.get(all.size() - 1).lastEventId();
		}
		try (ServerSentEvents events = this.client.read(location, lastEventId)) {
			assertThat(events.status()).isEqualTo(204);
		}
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void anAnswerThatIsStoppedEndsWithTheReasonAndItsWriterEndsQuietly(CapturedOutput output) {
		String location = this.client.answer("word ".repeat(20_000));
		try (ServerSentEvents events = this.client.read(location)) {
			events.next(3);
			assertThat(this.client.post(location + "/stop").body()).isEqualTo("{\"stopped\":true}");
			List<Event> rest = events.rest();
			assertThat(rest.get(rest.size() - 1)).satisfies((event) -> {
				assertThat(event.name()).isEqualTo("error");
				assertThat(event.data()).isEqualTo("stopped by the reader");
			});
		}
		await().atMost(Duration.ofSeconds(30)).until(() -> this.executor.getActiveCount() == 0);
		assertThat(output).doesNotContain("StreamEndedException").doesNotContain("ERROR");
		assertThat(this.client.post(location + "/stop").body()).isEqualTo("{\"stopped\":false}");
		assertThat(this.reader.info(Answer.stream(id(location))).orElseThrow().state())
			.isEqualTo(StreamState.CANCELLED);
	}

	@Test
	void anAnswerThatIsCompleteStaysSo() {
		String location = this.client.answer(TEXT);
		try (ServerSentEvents events = this.client.read(location)) {
			events.rest();
		}
		assertThat(this.client.post(location + "/stop").body()).isEqualTo("{\"stopped\":false}");
		assertThat(this.reader.info(Answer.stream(id(location))).orElseThrow().state())
			.isEqualTo(StreamState.COMPLETED);
	}

	@ParameterizedTest
	@ValueSource(strings = { "00000000-0000-0000-0000-000000000000", "42", "%20" })
	void anUnknownAnswerIsNotFound(String id) {
		assertThat(this.client.get("/answers/" + id).statusCode()).isEqualTo(404);
		assertThat(this.client.post("/answers/" + id + "/stop").statusCode()).isEqualTo(404);
	}

	@Test
	void aStopCreatesNothing() {
		UUID id = UUID.randomUUID();
		assertThat(this.client.post("/answers/" + id + "/stop").statusCode()).isEqualTo(404);
		assertThat(this.reader.info(Answer.stream(id))).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(strings = { "x", "-1", "99999999999999999999" })
	void aLastEventIdThatIsNoIndexIsABadRequest(String lastEventId) {
		try (ServerSentEvents events = this.client.read(this.client.answer(TEXT), lastEventId)) {
			assertThat(events.status()).isEqualTo(400);
		}
	}

	@Test
	void aBlankTextIsABadRequest() {
		HttpResponse<String> response = this.client.post("/answers", "text/plain", " \n");
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("The text is blank");
	}

	@Test
	void aTextThatIsTooLongIsABadRequest() {
		HttpResponse<String> response = this.client.post("/answers", "text/plain", "x".repeat(100_001));
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("The text must have at most 100,000 characters, but has 100,001");
	}

	@Test
	void aFormIsNoText() {
		HttpResponse<String> response = this.client.post("/answers", "application/x-www-form-urlencoded", "text=x");
		assertThat(response.statusCode()).isEqualTo(415);
	}

	@Test
	void answersAreListedByTheBeginningOfTheirTextWithTheLatestFirst() {
		String control = this.client.answer("\n  \0Control\nsecond line");
		String emoji = this.client.answer("🙂".repeat(61));
		assertThat(this.client.get("/answers").body())
			.startsWith("[{\"id\":\"%s\",\"title\":\"%s…\",".formatted(id(emoji), "🙂".repeat(60)))
			.contains("{\"id\":\"%s\",\"title\":\" Control\",".formatted(id(control)));
	}

	private static String id(String location) {
		return location.substring(location.lastIndexOf('/') + 1);
	}

}
