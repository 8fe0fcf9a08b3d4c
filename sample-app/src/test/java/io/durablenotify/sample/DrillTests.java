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

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamLockedException;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import tools.jackson.databind.JsonNode;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

/**
 * What the person on call sees: for each fault, the meter that moves, the alert that
 * fires in a real Prometheus, and what the endpoint and the console show. The rules are
 * as they are, but for how long they wait.
 */
@SampleTest
@TestInstance(Lifecycle.PER_CLASS)
class DrillTests extends PageTest {

	@TempDir
	static Path directory;

	@Autowired
	JdbcConnectionDetails connectionDetails;

	@Autowired
	EmbeddedPostgres postgres;

	PgBouncer pooler;

	ConfigurableApplicationContext instance;

	SampleClient client;

	Prometheus prometheus;

	@BeforeAll
	void start() throws Exception {
		this.pooler = new PgBouncer(Files.createDirectory(directory.resolve("pgbouncer")), this.postgres.getPort());
		this.instance = new SpringApplicationBuilder(SampleApplication.class).run("--server.port=0",
				"--spring.application.name=drill", "--spring.datasource.url=" + this.connectionDetails.getJdbcUrl(),
				"--durable-notify.listener.url=" + this.pooler.url(), "--durable-notify.listener.backoff.max-delay=1s",
				"--durable-notify.streams.append-timeout=500ms");
		this.client = new SampleClient(this.instance.getEnvironment());
		this.prometheus = new Prometheus(Files.createDirectory(directory.resolve("prometheus")),
				"localhost:" + this.instance.getEnvironment().getProperty("local.server.port"),
				impatient(Files.readString(ObservabilityTests.RULES)));
	}

	private static String impatient(String rules) {
		return rules.replaceAll("(?m)^ +for: .*\n", "")
			.replaceAll("\\[\\d+m\\]", "[6s]")
			.replaceAll("(?m)> 600$", "> 3");
	}

	@AfterAll
	void stop() throws Exception {
		if (this.prometheus != null) {
			this.prometheus.close();
		}
		if (this.instance != null) {
			this.instance.close();
		}
		if (this.pooler != null) {
			this.pooler.close();
		}
	}

	@Override
	@BeforeEach
	void openPage() {
		startBrowser();
		browser.get(this.client.url() + "/actuator/durablenotifyconsole");
		awaitText("status", "listening");
	}

	/**
	 * Wait until an element of the console has texts, and the console highlights some.
	 */
	private static void awaitConsole(String element, List<String> texts, String... highlighted) {
		await(element).atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
			assertThat(text(element)).contains(texts);
			for (String begin : highlighted) {
				assertThat(highlighted()).anyMatch((text) -> text.startsWith(begin));
			}
		});
	}

	private static List<String> highlighted() {
		String texts = (String) script(
				"return [...document.querySelectorAll('section .bad')].map((element) => element.textContent).join('\\n')");
		return texts.lines().toList();
	}

	private double value(String expression) {
		JsonNode result = this.prometheus.query(expression);
		return (result.isEmpty()) ? Double.NaN : value(result.get(0));
	}

	private static double value(JsonNode series) {
		return Double.parseDouble(series.get("value").get(1).asString());
	}

	private void awaitValue(String expression, double least) {
		await(expression).atMost(Duration.ofSeconds(60)).until(() -> value(expression) >= least);
	}

	private void awaitEndpoint(String path, String... texts) {
		await(path).atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(this.client.get("/actuator/durablenotify" + path).body()).contains(texts));
	}

	@Test
	void allRulesAndPanelsHaveData() throws Exception {
		await("rules").atMost(Duration.ofSeconds(30))
			.untilAsserted(() -> assertThat(this.prometheus.rules()).hasSizeGreaterThan(10)
				.allSatisfy((rule) -> assertThat(rule.get("health").asString()).as(rule.get("name").asString())
					.isEqualTo("ok")));
		List<String> expressions = ObservabilityTests.expressions(".*");
		assertThat(expressions)
			.allSatisfy((expression) -> await(expression).atMost(Duration.ofSeconds(60)).until(() -> {
				moveAllMeters();
				return this.prometheus.query(expression)
					.valueStream()
					.anyMatch((series) -> !Double.isNaN(value(series)));
			}));
	}

	/**
	 * Without one of these an average is NaN: it is of nothing.
	 */
	private void moveAllMeters() throws InterruptedException {
		this.instance.getBean(WorkQueue.class).enqueue(WorkRequest.of(Receipts.QUEUE, "no order"));
		this.instance.getBean(NotificationListener.class).probe();
		StreamWriter writer = this.instance.getBean(StreamWriter.class);
		long last = writer.append("drill/data", "a");
		CountDownLatch caughtUp = new CountDownLatch((int) last + 1);
		CountDownLatch live = new CountDownLatch(1);
		Subscription reader = this.instance.getBean(StreamReader.class)
			.subscribe("drill/data", StreamPosition.start(),
					(chunk) -> ((chunk.index() > last) ? live : caughtUp).countDown());
		assertThat(caughtUp.await(30, TimeUnit.SECONDS)).isTrue();
		writer.append("drill/data", "a");
		assertThat(live.await(30, TimeUnit.SECONDS)).isTrue();
		reader.cancel();
	}

	@Test
	void eachSeriesThatARuleSelectsIsThere() throws Exception {
		List<String> selectors = selectors(Files.readString(ObservabilityTests.RULES));
		assertThat(selectors).hasSizeGreaterThan(20)
			.contains("durablenotify_listener_status{status=\"backing_off\"}")
			.allSatisfy((selector) -> await(selector).atMost(Duration.ofSeconds(30))
				.until(() -> !this.prometheus.query(selector).isEmpty()));
	}

	/**
	 * Return what the rules select, with a selector for each alternative of a regular
	 * expression.
	 */
	private static List<String> selectors(String rules) {
		return Pattern.compile("durablenotify_\\w+(\\{[^}]*})?")
			.matcher(rules)
			.results()
			.map(MatchResult::group)
			.flatMap((selector) -> {
				Matcher alternatives = Pattern.compile("(.*)=~\"([^\"]*)\"(.*)").matcher(selector);
				return (alternatives.matches()) ? Stream.of(alternatives.group(2).split("\\|"))
					.map((value) -> "%s=\"%s\"%s".formatted(alternatives.group(1), value, alternatives.group(3)))
						: Stream.of(selector);
			})
			.distinct()
			.toList();
	}

	@Test
	void aPoolerCutsListen() throws Exception {
		this.prometheus.awaitAlert("DurableNotifyNotListening", false);
		this.pooler.kill();
		this.prometheus.awaitAlert("DurableNotifyNotListening", true);
		assertThat(value("max(durablenotify_listener_status{status=~'backing_off|connecting'})")).isOne();
		awaitEndpoint("", "\"status\":\"BACKING_OFF\"", "\"error\":\"");
		awaitConsole("history", List.of("backing off", "connection"), "backing off");
		awaitText("status", "backing off");
		picture("drill-listen");
		this.pooler.start();
		this.prometheus.awaitAlert("DurableNotifyNotListening", false);
		awaitValue("durablenotify_listener_reconnects_total", 1);
	}

	@Test
	void aHandlerHangs() {
		CountDownLatch release = new CountDownLatch(1);
		StreamReader reader = this.instance.getBean(StreamReader.class);
		StreamWriter writer = this.instance.getBean(StreamWriter.class);
		Subscription subscription = reader.subscribe("drill/hangs", StreamPosition.start(),
				(chunk) -> awaitQuietly(release));
		Subscription goesOn = reader.subscribe("drill/goes-on", StreamPosition.start(), (chunk) -> {
		});
		try {
			writer.append("drill/hangs", "a");
			await("alert").atMost(Duration.ofSeconds(60)).until(() -> {
				writer.append("drill/goes-on", "a");
				return this.prometheus.firing().contains("DurableNotifyHandlerHangs");
			});
			assertThat(value("max(durablenotify_handler_running_seconds{topic='streams'})")).isGreaterThan(3);
			assertThat(this.prometheus.firing()).doesNotContain("DurableNotifyReadersFull",
					"DurableNotifyReadersStuck");
			awaitEndpoint("/streams?state=behind", "\"drill/hangs\"", "\"lag\":1,", "\"running\":\"PT");
			awaitConsole("readers", List.of("drill/hangsbehind", " running for "));
			writer.appendAll("drill/hangs", IntStream.range(1, 20_000).mapToObj((i) -> new byte[10]).toList());
			this.prometheus.awaitAlert("DurableNotifyReadersFull", true);
			assertThat(value("max(durablenotify_readers_lag{topic='streams'})")).isGreaterThan(10_000);
			awaitEndpoint("/streams?state=full", "\"drill/hangs\"", "\"lag\":20000");
			awaitConsole("readers", List.of("drill/hangsfull", "20000"), "full", "1 full");
			picture("drill-handler");
		}
		finally {
			release.countDown();
			subscription.cancel();
			goesOn.cancel();
		}
	}

	private static void awaitQuietly(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Test
	void aHandlerOfWorkHangsBesideOneThatGoesOn() {
		CountDownLatch release = new CountDownLatch(1);
		WorkQueue queue = this.instance.getBean(WorkQueue.class);
		Subscription listener = this.instance.getBean(WorkListeners.class)
			.register(WorkListenerSpec.of("drill").concurrency(2), (item) -> {
				if ("hangs".equals(item.key())) {
					awaitQuietly(release);
				}
				return WorkOutcome.done();
			});
		try {
			queue.enqueue(WorkRequest.of("drill", "a").key("hangs"));
			await("alert").atMost(Duration.ofSeconds(60)).until(() -> {
				queue.enqueue(WorkRequest.of("drill", "b"));
				return this.prometheus.firing().contains("DurableNotifyWorkHangs");
			});
			assertThat(value("max(durablenotify_work_handler_running_seconds{queue='drill'})")).isGreaterThan(3);
			awaitValue("durablenotify_work_finished_total{queue='drill',outcome='done'}", 1);
			awaitEndpoint("/work", "\"name\":\"drill\"", "\"longestRunning\":\"PT");
			awaitConsole("queues", List.of("drill", "1 of 2, longest "));
		}
		finally {
			release.countDown();
			listener.cancel();
		}
	}

	@Test
	void aTransactionHoldsAStream() throws Exception {
		StreamWriter writer = this.instance.getBean(StreamWriter.class);
		writer.append("drill/held", "a");
		try (Connection holder = DriverManager.getConnection(this.connectionDetails.getJdbcUrl())) {
			holder.setAutoCommit(false);
			holder.createStatement().execute("SELECT FROM durable_notify.streams WHERE name = 'drill/held' FOR UPDATE");
			// Again and again: the rule looks at what increases
			await("alert").atMost(Duration.ofSeconds(60)).until(() -> {
				assertThatExceptionOfType(StreamLockedException.class)
					.isThrownBy(() -> writer.append("drill/held", "b"));
				return this.prometheus.firing().contains("DurableNotifyAppendsLocked");
			});
			awaitValue("durablenotify_database_oldest_transaction_seconds", 1);
			CompletableFuture<Long> waiting = writer.appendAsync("drill/held", "b");
			awaitEndpoint("", "\"locked\":1");
			browser.findElement(By.id("name")).sendKeys("drill/held", Keys.ENTER);
			AtomicReference<CompletableFuture<?>> appends = new AtomicReference<>(waiting);
			await("console").atMost(Duration.ofSeconds(30)).until(() -> {
				// Each of them waits for half a second
				if (appends.get().isDone()) {
					appends.set(writer.appendAsync("drill/held", "b"));
				}
				return text("stream").contains("Stateopen")
						&& highlighted().contains("1 locked by another transaction");
			});
			picture("drill-transaction");
			appends.get().handle((index, failure) -> null).join();
		}
		assertThat(writer.append("drill/held", "b")).isOne();
	}

	@Test
	void aQueueStandsStill() {
		WorkAdmin admin = this.instance.getBean(WorkAdmin.class);
		admin.pause(Receipts.QUEUE);
		try {
			this.instance.getBean(WorkQueue.class).enqueue(WorkRequest.of(Receipts.QUEUE, "drill").key("drill"));
			this.instance.getBean(JdbcTemplate.class)
				.update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes' WHERE key = 'drill'");
			this.prometheus.awaitAlert("DurableNotifyWorkLate", true);
			assertThat(value("max(durablenotify_work_oldest_due_seconds{queue='%s'})".formatted(Receipts.QUEUE)))
				.isGreaterThan(60);
			awaitEndpoint("/work", "\"name\":\"receipts\"", "\"oldestDue\":\"PT2M", "\"paused\":true");
			awaitConsole("queues", List.of("receipts", "paused"), "2m");
			picture("drill-queue");
			narrow();
			assertThat(script("return document.documentElement.scrollWidth")).isEqualTo(380L);
			picture("drill-queue-narrow");
			wide();
			this.instance.getBean(WorkQueue.class).cancel(Receipts.QUEUE, "drill");
		}
		finally {
			admin.resume(Receipts.QUEUE);
		}
	}

}
