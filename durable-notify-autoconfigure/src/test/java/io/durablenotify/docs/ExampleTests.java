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

package io.durablenotify.docs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import io.durablenotify.JsonStreamCodec;
import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.docs.ChangeExamples.Orders;
import io.durablenotify.docs.Engine.Accounts;
import io.durablenotify.docs.QuestionController.Model;
import io.durablenotify.docs.StreamExamples.Step;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamEndedException;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.stream.UnexpectedIndexException;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.SseParser;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.io.ByteArrayResource;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Runs the examples of the documents. Those of {@link Profiles} are run by
 * {@link CacheRecipeTests}.
 */
class ExampleTests {

	private static final Path DOCS = Path.of("../docs");

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	private static String url;

	private StreamExamples streams;

	@BeforeAll
	static void start() throws IOException {
		List<String> properties = families();
		properties.addAll(List.of("server.port=0", "server.address=127.0.0.1"));
		instance = Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET).sources(Application.class),
				properties.toArray(String[]::new));
		url = url(instance);
	}

	private static String url(Instance instance) {
		return "http://127.0.0.1:%d"
			.formatted(((WebServerApplicationContext) instance.context()).getWebServer().getPort());
	}

	/**
	 * The families that docs/streams.md configures.
	 */
	private static List<String> families() throws IOException {
		String yaml = Document.read(DOCS.resolve("streams.md")).block("yaml", "families");
		EnumerablePropertySource<?> source = (EnumerablePropertySource<?>) new YamlPropertySourceLoader()
			.load("families", new ByteArrayResource(yaml.getBytes(StandardCharsets.UTF_8)))
			.get(0);
		return new ArrayList<>(
				Arrays.stream(source.getPropertyNames()).map((name) -> name + "=" + source.getProperty(name)).toList());
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	@BeforeEach
	void deleteStreams() {
		for (String stream : List.of("answers/42", "runs/42")) {
			writer().delete(stream);
		}
		this.streams = new StreamExamples(writer(), instance.reader());
	}

	private static StreamWriter writer() {
		return instance.writer();
	}

	private static Iterator<String> words() {
		return List.of("Hello", ", ", "world").iterator();
	}

	@Test
	void anAnswerIsWrittenAndRead() {
		Answers answers = instance.bean(Answers.class);
		RecordingHandler handler = new RecordingHandler();
		answers.read("42", handler);
		answers.write("42", words());
		assertThat(handler.awaitComplete().texts()).containsExactly("Hello", ", ", "world");
	}

	@Test
	void aHandlerGetsChunksAndTheEnd() {
		this.streams.subscribe();
		this.streams.write("42", words());
		awaitSeen(this.streams.seen(), "[0, Hello]", "[1, , ]", "[2, world]", "[done]");
	}

	@Test
	void aHandlerGetsTheReasonOfAFailure() {
		this.streams.subscribe();
		writer().fail("answers/42", "no model");
		Eventually.await(() -> this.streams.seen().toString().contains("no model"), this.streams::seen);
	}

	@Test
	void aCursorGetsChunksAndTheEnd() {
		this.streams.write("42", words());
		this.streams.cursor();
		assertThat(this.streams.seen()).containsExactly("[0, Hello]", "[1, , ]", "[2, world]", "[done]");
	}

	@Test
	void aPageIsReadWithoutWaiting() {
		writer().appendAll("answers/42", IntStream.range(0, 120).mapToObj((i) -> StreamExamples.bytes("a")).toList());
		this.streams.page();
		assertThat(this.streams.seen()).singleElement().asString().startsWith("[OPEN, 20, 120, ");
	}

	@Test
	void valuesAreWrittenAndRead() {
		this.streams.template(JsonMapper.shared());
		awaitSeen(this.streams.seen(), "[0, fetch, 3]");
	}

	@Test
	void aConsumerGetsTheChunksTheEndAndAGap() {
		ConsumerExamples examples = new ConsumerExamples(instance.reader(), instance.jdbc());
		this.streams.write("42", words());
		Subscription subscription = examples.subscribe();
		Eventually.await(() -> examples.seen()
			.containsAll(List.of("answers/42 0 Hello", "answers/42 1 , ", "answers/42 2 world", "answers/42 closed")),
				examples::seen);
		writer().append("answers/gap", "Hello");
		Eventually.await(() -> examples.seen().contains("answers/gap 0 Hello"), examples::seen);
		writer().delete("answers/gap");
		Eventually.await(() -> examples.seen().contains("answers/gap missed from 1"), examples::seen);
		subscription.cancel();
	}

	@Test
	void aConsumerAddsUpInTransactions() {
		instance.jdbc().execute("CREATE TABLE totals AS SELECT 0 AS amount");
		new ConsumerExamples(instance.reader(), instance.jdbc()).transaction();
		for (int amount : List.of(20, 20, 2)) {
			writer().append("orders", "" + amount);
		}
		Eventually.await(() -> total() == 42, () -> total());
	}

	private static int total() {
		return instance.jdbc().queryForObject("SELECT amount FROM totals", Integer.class);
	}

	@Test
	void aRetryIsStoredOnce() {
		this.streams.retry(0, StreamExamples.bytes("a"));
		assertThat(instance.reader().info("runs/42").orElseThrow().nextIndex()).isEqualTo(1);
		assertThatExceptionOfType(UnexpectedIndexException.class)
			.isThrownBy(() -> this.streams.retry(0, StreamExamples.bytes("a")));
	}

	@Test
	void aStreamIsCreatedAndListed() {
		this.streams.create();
		this.streams.create();
		this.streams.list();
		assertThat(this.streams.seen()).containsExactly("[answers/42, OPEN]");
		assertThat(instance.reader().info("answers/42").orElseThrow().contentType()).isEqualTo("text/markdown");
	}

	@Test
	void aBrowserGetsAnAnswerAndStopsIt() {
		try (StreamAppender answer = writer().appender("answers/42")) {
			answer.append("Hello");
			answer.append("world");
			try (SseClient browser = SseClient.open(url + "/answers/42", "0").awaitMessages(1)) {
				assertThat(browser.messages()).containsExactly("world");
				client().post().uri(url + "/answers/42/stop").retrieve().toBodilessEntity();
				browser.awaitEnd();
				assertThat(browser.events()).last()
					.extracting(SseParser.Event::type, SseParser.Event::data)
					.containsExactly("error", "stopped by the reader");
			}
		}
	}

	/**
	 * Reactor's would end with the first context that closes.
	 */
	private static RestClient client() {
		return RestClient.builder().requestFactory(new JdkClientHttpRequestFactory()).build();
	}

	@Test
	void aBrowserGetsAnAnswerFromWebFlux() {
		try (Instance reactive = Instance.start(database,
				(application) -> application.web(WebApplicationType.REACTIVE).sources(ReactiveApplication.class),
				WebServer.NETTY.property(), "server.port=0", "server.address=127.0.0.1")) {
			writer().append("answers/42", "Hello");
			try (SseClient browser = SseClient.open(url(reactive) + "/answers/42", null).awaitMessages(1)) {
				assertThat(browser.messages()).containsExactly("Hello");
			}
		}
	}

	@Test
	void aBrowserThatAsksBeforeTheFirstChunkWaits() {
		String id = client().post().uri(url + "/questions").body("Why?").retrieve().body(String.class);
		try (SseClient browser = SseClient.open(url + "/questions/" + id + "/answer", null)) {
			assertThat(browser.status()).isEqualTo(200);
			assertThat(instance.reader().info("answers/" + id)).isEmpty();
			instance.bean(RecordedModel.class).answer.accept(words());
			assertThat(browser.awaitEnd().messages()).containsExactly("Hello", ", ", "world");
		}
	}

	@Test
	void aBrowserGetsWhatTheMapperReturns() {
		StreamCodec<Step> codec = new JsonStreamCodec<>(JsonMapper.shared(), Step.class);
		for (Step step : List.of(new Step("fetch", 0), new Step("fetch", 1))) {
			writer().append("runs/42", codec.encode(step));
		}
		writer().complete("runs/42");
		try (SseClient browser = SseClient.open(url + "/runs/42/steps", null).awaitEnd()) {
			String identity = instance.reader().info("runs/42").orElseThrow().identity();
			assertThat(browser.events()).containsExactly(new SseParser.Event("1@" + identity, "step", "fetch"),
					new SseParser.Event("end@" + identity, "complete", ""));
		}
	}

	@Test
	void aBrowserGetsTheEventsOfARun() {
		instance.events().append(NewEvent.of("orders/43", "run_created").payload("{\"by\": \"alice\"}"));
		instance.events().append(NewEvent.of("orders/43", "run_completed"));
		try (SseClient browser = SseClient.open(url + "/orders/43/events", null).awaitEnd()) {
			assertThat(browser.messages()).hasSize(2)
				.first()
				.asString()
				.startsWith("{\"sequence\":1,\"eventId\":\"")
				.contains("\"type\":\"run_created\",\"payload\":{\"by\": \"alice\"},\"createdAt\":\"");
			assertThat(browser.events()).last().extracting(SseParser.Event::type).isEqualTo("complete");
		}
	}

	@Test
	void aWriterWhoseAnswerWasStoppedIsDone() {
		writer().cancel("answers/42", "stopped by the reader");
		this.streams.write("42", words());
		assertThat(instance.reader().info("answers/42").orElseThrow().state()).isEqualTo(StreamState.CANCELLED);
	}

	@Test
	void theWordsOfAFluxAreWritten() {
		this.streams.write("42", Flux.just("Hello", ", ", "world"));
		this.streams.cursor();
		assertThat(this.streams.seen()).containsExactly("[0, Hello]", "[1, , ]", "[2, world]", "[done]");
	}

	@Test
	void aFluxThatFailsFailsItsStream() {
		assertThatIllegalStateException()
			.isThrownBy(() -> this.streams.write("42", Flux.error(new IllegalStateException("no model"))));
		assertThat(instance.reader().info("answers/42").orElseThrow().state()).isEqualTo(StreamState.FAILED);
	}

	@Test
	void aFluxWhoseStreamIsStoppedIsCancelled() {
		AtomicBoolean cancelled = new AtomicBoolean();
		Flux<String> words = Flux.<String>generate((sink) -> sink.next("a"))
			.doOnNext((word) -> writer().cancel("answers/42", "stopped"))
			.doOnCancel(() -> cancelled.set(true));
		assertThatExceptionOfType(StreamEndedException.class).isThrownBy(() -> this.streams.write("42", words));
		assertThat(cancelled).isTrue();
	}

	@Test
	void aFamilyHasNamesWithoutItsPrefix() {
		awaitSeen(instance.bean(AnswerFamily.class).seen(), "7: Hello");
		assertThat(instance.reader().info("answers/7")).isPresent();
	}

	@Test
	void otherLanguagesAppend() {
		RecordingHandler handler = new RecordingHandler();
		instance.bean(Answers.class).read("42", handler);
		database.jdbc().execute(Document.read(DOCS.resolve("streams.md")).block("sql", "durable_notify.append"));
		assertThat(handler.awaitChunks(1).texts()).containsExactly("a chunk");
	}

	@Test
	void aStreamIsTrimmedToItsLastChunk() {
		writer().appendAll("orders", Collections.nCopies(3, StreamExamples.bytes("0")));
		String trim = Document.read(DOCS.resolve("streams.md")).block("sql", "trim_stream");
		// Its consumer may be there, and have to take the chunks first
		Eventually.await(() -> {
			database.jdbc().execute(trim);
			return chunks("orders") == 1;
		}, () -> chunks("orders"));
	}

	private static int chunks(String stream) {
		return database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.stream_chunks JOIN durable_notify.streams "
					+ "USING (stream_id) WHERE name = ?", Integer.class, stream);
	}

	@Test
	void theOldestTransactionsAreFound() {
		String find = Document.read(DOCS.resolve("operations.md")).block("sql", "pg_stat_activity");
		assertThat(database.jdbc().queryForList(find)).isNotEmpty();
	}

	@Test
	void twoEnginesCompleteAStepOnce() {
		Engine engine = instance.bean(Engine.class);
		for (int i = 0; i < 2; i++) {
			engine.suspend("orders/1", "pay", "{}");
			engine.complete("orders/1", "pay");
		}
		assertThat(types("orders/1")).containsExactly("step_created", "step_completed");
		assertThat(instance.bean(RecordedAccounts.class).charged).containsExactly("orders/1");
	}

	@Test
	void anEngineReplaysARunAndTakesOver() {
		instance.events()
			.appendAll("orders/2", IntStream.range(0, 250).mapToObj((i) -> NewEvent.of("orders/2", "tick")).toList());
		database.jdbc()
			.execute("UPDATE durable_notify.workflow_events SET created_at = created_at - interval '1 hour' "
					+ "WHERE run_id = 'orders/2'");
		instance.bean(Engine.class).takeOver();
		assertThat(instance.events().read("orders/2", 250, 1).events()).singleElement()
			.extracting(StoredEvent::payload)
			.isEqualTo("250");
	}

	@Test
	void aRunIsFollowed() {
		EventExamples events = new EventExamples(instance.events());
		events.follow();
		instance.events().append(NewEvent.of("orders/42", "run_created"));
		awaitSeen(events.seen(), "1 run_created");
		instance.events().delete("orders/42");
		Eventually.await(() -> events.seen().toString().contains("RunTruncatedException"), events::seen);
	}

	private static List<String> types(String run) {
		return instance.events().read(run, 0, 100).events().stream().map(StoredEvent::type).toList();
	}

	@Test
	void aChangeOfATriggerDropsWhatIsCached() {
		database.jdbc().execute("CREATE TABLE profiles (id int, name text)");
		database.jdbc().execute(Document.read(DOCS.resolve("changes.md")).block("sql", "CREATE TRIGGER"));
		Map<String, String> cache = new ConcurrentHashMap<>(Map.of("1", "old", "2", "old"));
		Subscription subscription = ChangeExamples.subscribe(instance.bean(ChangeNotifier.class), cache);
		database.jdbc().execute("INSERT INTO profiles VALUES (1, 'new')");
		Eventually.await(() -> cache.equals(Map.of("2", "old")), () -> cache);
		subscription.cancel();
	}

	@Test
	void aChannelIsListenedTo() {
		List<String> refreshed = new CopyOnWriteArrayList<>();
		Subscription subscription = ChangeExamples.listen(instance.listener(), new Orders() {

			@Override
			public void refresh(String id) {
				refreshed.add(id);
			}

			@Override
			public void refreshAll() {
				refreshed.add("all");
			}

		});
		awaitSeen(refreshed, "all");
		database.jdbc().execute("NOTIFY orders_changed, '7'");
		awaitSeen(refreshed, "all", "7");
		subscription.cancel();
	}

	@Test
	void theQualifiedOneOfTwoDataSourcesIsUsed() {
		try (Instance other = Instance.start(database, (application) -> application.sources(TwoDataSources.class),
				"messages.url=" + database.url())) {
			other.writer().append("answers/42", "Hello");
			assertThat(other.transaction()
				.<Boolean>execute(
						(status) -> TransactionSynchronizationManager.hasResource(other.context().getBean("orders"))))
				.isTrue();
			TransactionTemplate transaction = new TransactionTemplate(
					other.context().getBean("messagesTransactions", PlatformTransactionManager.class));
			transaction.executeWithoutResult((status) -> {
				other.writer().append("answers/43", "Hello");
				status.setRollbackOnly();
			});
		}
		assertThat(instance.reader().info("answers/42")).isPresent();
		assertThat(instance.reader().info("answers/43")).isEmpty();
	}

	private static void awaitSeen(List<String> seen, String... expected) {
		Eventually.await(() -> seen.size() >= expected.length, () -> seen);
		assertThat(seen).containsExactly(expected);
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import({ AnswerController.class, AnswerFamily.class, Answers.class, Engine.class, QuestionController.class,
			RunController.class })
	static class Application {

		@Bean
		RecordedAccounts accounts() {
			return new RecordedAccounts();
		}

		@Bean
		RecordedModel model() {
			return new RecordedModel();
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(ReactiveAnswerController.class)
	static class ReactiveApplication {

	}

	static class RecordedAccounts implements Accounts {

		private final List<String> charged = new CopyOnWriteArrayList<>();

		@Override
		public void charge(String run) {
			this.charged.add(run);
		}

	}

	static class RecordedModel implements Model {

		private volatile Consumer<Iterator<String>> answer;

		@Override
		public void ask(String question, Consumer<Iterator<String>> answer) {
			this.answer = answer;
		}

	}

}
