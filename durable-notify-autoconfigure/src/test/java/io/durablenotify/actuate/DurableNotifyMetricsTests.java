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

package io.durablenotify.actuate;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.autoconfigure.DurableNotifyMetricsAutoConfiguration;
import io.durablenotify.observation.DurableNotifyObservations;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RequiredTool;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WebServerFilter.WebServer;
import io.durablenotify.web.ReactiveSseStreams;
import io.durablenotify.web.SseStreams;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.core.instrument.distribution.HistogramSupport;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.ResponseEntity;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link DurableNotifyMetrics} as a whole: which meters there are, and where
 * there are none.
 */
class DurableNotifyMetricsTests {

	/**
	 * Only events have idempotency keys; only chunks share a buffer and statements and
	 * are handed over, and their streams end.
	 */
	private static final Map<DurableNotifyMeters, Set<Tags>> IMPOSSIBLE = Map.of(DurableNotifyMeters.APPEND,
			Set.of(Tags.of("topic", "streams", "outcome", "duplicate"), Tags.of("topic", "events", "outcome", "ended"),
					Tags.of("topic", "events", "outcome", "unknown"), Tags.of("topic", "events", "outcome", "refused")),
			DurableNotifyMeters.APPEND_STATEMENT, Set.of(Tags.of("topic", "events", "mode", "batch")),
			DurableNotifyMeters.DELIVERED,
			Set.of(Tags.of("topic", "events", "source", "handover"), Tags.of("topic", "changes", "source", "handover")),
			DurableNotifyMeters.READERS_ENDED,
			Set.of(Tags.of("topic", "events", "reason", "completed"), Tags.of("topic", "events", "reason", "failed")));

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	/**
	 * What was counted, timed and summarized when the instance had started, by name.
	 */
	private static Map<String, List<Counted>> atStart;

	@BeforeAll
	static void start() {
		instance = Instance.start(database,
				(application) -> application.web(WebApplicationType.SERVLET)
					.sources(WithMetrics.class, WebApplication.class),
				"server.port=0", "server.address=127.0.0.1", "durable-notify.streams.families.answers.prefix=answers/",
				"durable-notify.sse.write-timeout=1s");
		atStart = registry().getMeters()
			.stream()
			.flatMap((meter) -> counted(meter).stream())
			.collect(Collectors.groupingBy((counter) -> counter.series().getName()));
		assertThat(atStart).containsKeys(DurableNotifyMeters.CLEANUP_REMOVED.meterName(),
				DurableNotifyMeters.HANDLER.meterName(), DurableNotifyMeters.APPEND_BATCH.meterName());
	}

	private static Optional<Counted> counted(Meter meter) {
		if (meter instanceof FunctionCounter counter) {
			return Optional.of(new Counted(meter.getId(), counter.count()));
		}
		return (meter instanceof HistogramSupport recording)
				? Optional.of(new Counted(meter.getId(), recording.takeSnapshot().count())) : Optional.empty();
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	private static MeterBinder binder() {
		return instance.context().getBean("durableNotifyMetrics", MeterBinder.class);
	}

	private static MeterRegistry registry() {
		return instance.bean(MeterRegistry.class);
	}

	private static Collection<Meter> find(MeterRegistry registry, DurableNotifyMeters meter) {
		return registry.find(meter.meterName()).meters();
	}

	@ParameterizedTest
	@EnumSource
	void eachMeterIsThereFromTheStartWithItsTags(DurableNotifyMeters meter) {
		assertThat(find(registry(), meter)).isNotEmpty().allSatisfy((found) -> {
			assertThat(found.getId().getType()).isEqualTo(meter.kind().type());
			assertThat(found.getId().getDescription()).isEqualTo(meter.description());
			assertThat(found.getId().getTags()).extracting(Tag::getKey)
				.containsExactlyInAnyOrderElementsOf(meter.tags().stream().map(MeterTag::key).toList());
			meter.tags()
				.stream()
				.filter((tag) -> !tag.values().isEmpty())
				.forEach((tag) -> assertThat(found.getId().getTag(tag.key())).isIn(tag.values()));
		});
		assertThat(combinations(meter)).filteredOn((tags) -> !IMPOSSIBLE.getOrDefault(meter, Set.of()).contains(tags))
			.allSatisfy((tags) -> assertThat(registry().find(meter.meterName()).tags(tags).meters()).isNotEmpty());
	}

	/**
	 * Return each combination of the values that the tags can have.
	 */
	private static List<Tags> combinations(DurableNotifyMeters meter) {
		List<Tags> combinations = List.of(Tags.empty());
		for (MeterTag tag : meter.tags()) {
			if (!tag.values().isEmpty()) {
				combinations = combinations.stream()
					.flatMap((tags) -> tag.values().stream().map((value) -> tags.and(tag.key(), value)))
					.toList();
			}
		}
		return combinations;
	}

	@ParameterizedTest
	@EnumSource(names = { "READERS", "READERS_LAG", "HANDLER", "HANDLER_RUNNING", "DELIVERED" })
	void aFamilyHasItsSeriesBeforeItsFirstReader(DurableNotifyMeters meter) {
		assertThat(registry().find(meter.meterName()).tags("topic", "streams", "family", "answers").meters())
			.isNotEmpty();
	}

	/**
	 * The others move at the start, or by a poll, a probe or a cleanup.
	 */
	@ParameterizedTest
	@EnumSource(mode = Mode.EXCLUDE,
			names = { "LISTENER_ATTEMPTS", "LISTENER_PROBES", "LISTENER_PROBE", "LISTENER_NOTIFICATIONS",
					"WAKEUPS_NOTIFY", "WAKEUPS_BATCH", "WAKEUPS_RECEIVED", "WAKEUPS_RESYNCS", "POLL_ROUNDS",
					"LEASES_RENEWALS", "CLEANUP", "WORK_CLAIM", "WORK_CLAIMED" })
	void whatCountsIsZeroAfterTheStart(DurableNotifyMeters meter) {
		atStart.getOrDefault(meter.meterName(), List.of())
			.forEach((counter) -> assertThat(counter.count()).as("%s", counter.series()).isZero());
	}

	@Test
	void aRegistryThatComesLaterHasAllMetersThatAreDocumentedAndNoOthers() {
		MeterRegistry registry = new SimpleMeterRegistry();
		binder().bindTo(registry);
		assertThat(registry.getMeters()).extracting((meter) -> meter.getId().getName())
			.containsOnly(
					Stream.of(DurableNotifyMeters.values()).map(DurableNotifyMeters::meterName).toArray(String[]::new));
	}

	@ParameterizedTest
	@ValueSource(strings = { "durableNotifyTaskExecutor", "durableNotifyWorkExecutor" })
	void bootRegistersTheMetersOfTheExecutorsOfHandlers(String name) {
		assertThat(registry().get("executor.pool.size").tags("name", name).gauge().value()).isNotNegative();
	}

	@Test
	void allTablesOfTheSchemaHaveMeters() {
		assertThat(DurableNotifyMeters.DATABASE_TABLE_SIZE.tags().get(0).values())
			.containsExactlyInAnyOrderElementsOf(database.jdbc()
				.queryForList("SELECT relname FROM pg_class WHERE relnamespace = 'durable_notify'::regnamespace "
						+ "AND relkind = 'r' AND relname <> 'schema_history'", String.class));
	}

	/**
	 * Boot makes a timer of each observation, with other tags.
	 */
	@Test
	void noMeterHasTheNameOfAnObservation() {
		List<String> observed = new ArrayList<>();
		for (DurableNotifyObservations observation : DurableNotifyObservations.values()) {
			observed.add(mock(observation.getDefaultConvention(), CALLS_REAL_METHODS).getName());
		}
		assertThat(observed).contains("durablenotify.outbox.send");
		assertThat(DurableNotifyMeters.values()).extracting(DurableNotifyMeters::meterName)
			.doesNotContainAnyElementsOf(observed);
	}

	@Test
	void twoRegistriesAreBoth() {
		SimpleMeterRegistry first = new SimpleMeterRegistry();
		SimpleMeterRegistry second = new SimpleMeterRegistry();
		MeterRegistry both = new CompositeMeterRegistry(Clock.SYSTEM, List.of(first, second));
		binder().bindTo(both);
		instance.writer().append("counted", "a");
		for (MeterRegistry registry : List.of(first, second)) {
			assertThat(registry.get(DurableNotifyMeters.APPEND.meterName())
				.tags("topic", "streams", "outcome", "stored")
				.timer()
				.count()).isEqualTo(1);
		}
	}

	@Test
	void aClientThatTakesNothingWaitsAndIsGivenUpUntilItsConnectionEnds() throws Exception {
		try (Socket socket = readNothing(instance, "large")) {
			await(DurableNotifyMeters.SSE_CLIENTS, 1, "state", "waiting");
			await(DurableNotifyMeters.SSE_GIVEN_UP, 1);
			await(DurableNotifyMeters.SSE_CLIENTS, 0, "state", "waiting");
			await(DurableNotifyMeters.SSE_CLIENTS, 1, "state", "given_up");
		}
		await(DurableNotifyMeters.SSE_CLIENTS, 0, "state", "given_up");
	}

	private static Socket readNothing(Instance server, String stream) throws IOException {
		for (int i = 0; i < 16; i++) {
			server.writer().append(stream, "x".repeat(1_000_000));
		}
		Socket socket = new Socket("127.0.0.1", port(server));
		socket.getOutputStream()
			.write("GET /sse/%s HTTP/1.1\r\nHost: localhost\r\n\r\n".formatted(stream)
				.getBytes(StandardCharsets.UTF_8));
		return socket;
	}

	@Test
	void aClientThatTakesAllIsOpenUntilItsResponseEnds() {
		assertThatAClientIsOpenUntilItsResponseEnds(instance, "small");
	}

	private static void assertThatAClientIsOpenUntilItsResponseEnds(Instance server, String stream) {
		server.writer().append(stream, "a");
		SseClient client = SseClient.open("http://127.0.0.1:%d/sse/%s".formatted(port(server), stream), null);
		client.awaitMessages(1);
		await(server, DurableNotifyMeters.SSE_CLIENTS, 1, "state", "open");
		server.writer().complete(stream);
		await(server, DurableNotifyMeters.SSE_CLIENTS, 0, "state", "open");
	}

	@Test
	void clientsOfWebFluxAreCountedToo() throws Exception {
		try (Instance reactive = Instance.start(database,
				(application) -> application.web(WebApplicationType.REACTIVE)
					.sources(WithMetrics.class, ReactiveApplication.class),
				WebServer.NETTY.property(), "server.port=0", "server.address=127.0.0.1",
				"durable-notify.sse.write-timeout=2s")) {
			assertThatAClientIsOpenUntilItsResponseEnds(reactive, "small-reactive");
			try (Socket socket = readNothing(reactive, "large-reactive")) {
				await(reactive, DurableNotifyMeters.SSE_CLIENTS, 1, "state", "waiting");
				await(reactive, DurableNotifyMeters.SSE_GIVEN_UP, 1);
				await(reactive, DurableNotifyMeters.SSE_CLIENTS, 0, "state", "waiting");
			}
		}
	}

	private static int port(Instance server) {
		return ((WebServerApplicationContext) server.context()).getWebServer().getPort();
	}

	private static void await(DurableNotifyMeters meter, double value, String... tags) {
		await(instance, meter, value, tags);
	}

	private static void await(Instance server, DurableNotifyMeters meter, double value, String... tags) {
		WithMetrics.await(server, meter, (present) -> present == value, tags);
	}

	@Test
	void prometheusHasNothingToCriticize() throws Exception {
		Path promtool = RequiredTool.find("promtool");
		PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
		List<String> failures = new ArrayList<>();
		registry.config().onMeterRegistrationFailed((id, reason) -> failures.add(id + ": " + reason));
		binder().bindTo(registry);
		assertThat(failures).isEmpty();
		String scraped = registry.scrape();
		assertThat(scraped).contains("durablenotify_listener_status{status=\"listening\"} 1.0",
				"durablenotify_append_queued_limit_bytes ");
		Process process = new ProcessBuilder(promtool.toString(), "check", "metrics").redirectErrorStream(true).start();
		try (OutputStream input = process.getOutputStream()) {
			input.write(scraped.getBytes(StandardCharsets.UTF_8));
		}
		String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		assertThat(process.waitFor()).as(output).isZero();
		assertThat(output).isEmpty();
	}

	private static ApplicationContextRunner runner() {
		return new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
					DurableNotifyAutoConfiguration.class, DurableNotifyMetricsAutoConfiguration.class))
			.withPropertyValues("spring.datasource.url=" + database.url());
	}

	@Test
	void backsOffWithoutMicrometer() {
		runner().withClassLoader(new FilteredClassLoader("io.micrometer"))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(MetricsConfiguration.class));
	}

	@Test
	void backsOffWithoutARegistry() {
		runner().run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean("durableNotifyMetrics"));
	}

	@Test
	void isTurnedOffByTheSwitchOfBoot() {
		try (Instance off = Instance.start(database, (application) -> application.sources(WithMetrics.class),
				"management.metrics.enable.durablenotify=false")) {
			off.writer().append("uncounted", "a");
			assertThat(off.bean(MeterRegistry.class).getMeters()).extracting((meter) -> meter.getId().getName())
				.noneMatch((name) -> name.startsWith(DurableNotifyMeters.PREFIX));
		}
	}

	@Test
	void bindsNothingWithoutPostgres() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
					DurableNotifyAutoConfiguration.class, DurableNotifyMetricsAutoConfiguration.class))
			.withBean(MeterRegistry.class, SimpleMeterRegistry::new)
			.withPropertyValues("spring.datasource.url=jdbc:h2:mem:metrics")
			.run((context) -> {
				MeterRegistry registry = context.getBean(MeterRegistry.class);
				context.getBean(MeterBinder.class).bindTo(registry);
				assertThat(registry.getMeters()).isEmpty();
			});
	}

	@Test
	void whatIsImpossibleHasNoSeries() {
		IMPOSSIBLE.forEach((meter, impossible) -> assertThat(impossible)
			.allSatisfy((tags) -> assertThat(registry().find(meter.meterName()).tags(tags).meters()).isEmpty()));
	}

	private record Counted(Meter.Id series, double count) {
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

		@Bean
		Controller controller(SseStreams streams) {
			return new Controller(streams);
		}

		@Bean
		OutboxSender sender() {
			return new OutboxSender() {

				@Override
				public String name() {
					return "sender";
				}

				@Override
				public void send(OutboxMessage message) {
				}

			};
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class ReactiveApplication {

		@Bean
		ReactiveController controller(ReactiveSseStreams streams) {
			return new ReactiveController(streams);
		}

	}

	@RestController
	record ReactiveController(ReactiveSseStreams streams) {

		@GetMapping("/sse/{stream}")
		Mono<ResponseEntity<Flux<ServerSentEvent<String>>>> events(@PathVariable("stream") String stream) {
			return this.streams.respond(stream, null);
		}

	}

	@RestController
	record Controller(SseStreams streams) {

		@GetMapping("/sse/{stream}")
		ResponseEntity<SseEmitter> events(@PathVariable("stream") String stream) {
			return this.streams.respond(stream, null);
		}

	}

}
