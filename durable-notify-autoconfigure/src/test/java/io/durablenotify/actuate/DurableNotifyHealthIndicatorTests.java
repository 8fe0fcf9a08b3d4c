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

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

import javax.sql.DataSource;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.autoconfigure.DurableNotifyHealthContributorAutoConfiguration;
import io.durablenotify.change.ChangeDelivery;
import io.durablenotify.change.ChangeDeliveryState;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerState;
import io.durablenotify.event.EventLog;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TcpProxy;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.work.WorkHealth;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link DurableNotifyHealthIndicator}.
 */
class DurableNotifyHealthIndicatorTests {

	private static final String NAME = "durableNotifyHealthIndicator";

	private static final String SEARCHED = "UPDATE durable_notify.work_queues SET look_took = ?::interval, "
			+ "looked_at = clock_timestamp() - interval '90 s' WHERE name = 'slow'";

	@Fixture
	private static TestDatabase database;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DurableNotifyAutoConfiguration.class, DurableNotifyHealthContributorAutoConfiguration.class))
		.withPropertyValues("spring.datasource.url=" + database.url());

	private static Instance start(String... properties) {
		return Instance.start(database, (application) -> application.sources(WithHealth.class), properties);
	}

	private static Health health(Instance instance) {
		return ((HealthIndicator) instance.context().getBean(NAME)).health();
	}

	private static Health awaitHealth(Instance instance, String status) {
		Eventually.await(() -> health(instance).getStatus().getCode().equals(status), () -> health(instance));
		return health(instance);
	}

	@Test
	void showsTheNumbersOfReaders() {
		try (Instance instance = start(); Instance idle = start()) {
			instance.reader().subscribe("stream", StreamPosition.start(), new RecordingHandler());
			instance.bean(EventLog.class).follow("run", 0, (event) -> {
			});
			instance.bean(ChangeNotifier.class).subscribe("topic", (change) -> {
			});
			assertThat(health(instance).getDetails()).containsEntry("streams", Map.of("readers", 1))
				.containsEntry("events", Map.of("readers", 1))
				.containsEntry("changes", Map.of("subscriptions", 1, "behind", 0));
			assertThat(health(idle).getDetails()).containsEntry("streams", Map.of("readers", 0))
				.containsEntry("work", Map.of("unhandledQueues", List.of(), "slowSearches", Map.of()));
		}
	}

	@Test
	void namesAQueueThatIsSlowToSearch() {
		try (Instance instance = start()) {
			instance.bean(WorkQueue.class).enqueue(WorkRequest.of("slow", "a"));
			database.jdbc().update(SEARCHED, "2 s");
			instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class).wake();
			Eventually
				.await(() -> Map.of("unhandledQueues", List.of(), "slowSearches", Map.of("slow", Duration.ofSeconds(2)))
					.equals(health(instance).getDetails().get("work")), () -> health(instance));
			assertThat(health(instance).getStatus()).isEqualTo(Status.UP);
		}
		finally {
			database.jdbc().execute("DELETE FROM durable_notify.work_items");
			database.jdbc().update(SEARCHED, "0 s");
		}
	}

	@Test
	void namesAQueueThatNoInstanceHandles() {
		try (Instance instance = start()) {
			instance.bean(WorkQueue.class).enqueue(WorkRequest.of("mail", "a"));
			database.jdbc().update("UPDATE durable_notify.work_items SET due_at = due_at - interval '2 minutes'");
			instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class).wake();
			Eventually.await(() -> Map.of("unhandledQueues", List.of("mail"), "slowSearches", Map.of())
				.equals(health(instance).getDetails().get("work")), () -> health(instance));
			assertThat(health(instance).getStatus()).isEqualTo(Status.UP);
		}
		finally {
			database.jdbc().execute("DELETE FROM durable_notify.work_items");
		}
	}

	@Test
	void isUpWhileListening() {
		Instant before = Instant.now();
		try (Instance instance = start()) {
			instance.context().getBean("durableNotifyWorkJanitor", PeriodicTask.class).wake();
			Eventually.await(() -> health(instance).getDetails().get("lastProbe") == ProbeOutcome.HEARD
					&& health(instance).getDetails().containsKey("clockDifference"), () -> health(instance));
			Health health = health(instance);
			assertThat(health.getStatus()).isEqualTo(Status.UP);
			assertThat(health.getDetails())
				.containsOnlyKeys("listener", "since", "reconnects", "pollInterval", "lastProbe", "streams", "events",
						"changes", "work", "notificationQueue", "clockDifference")
				.containsEntry("listener", ListenerState.Status.LISTENING)
				.containsEntry("reconnects", 0L)
				.containsEntry("pollInterval", Duration.ofSeconds(5));
			assertThat((double) health.getDetails().get("notificationQueue")).isBetween(0.0, 0.5);
			assertThat((Duration) health.getDetails().get("clockDifference")).isBetween(Duration.ofSeconds(-5),
					Duration.ofSeconds(5));
			assertThat((Instant) health.getDetails().get("since")).isBetween(before, Instant.now());
		}
	}

	@Test
	void isDegradedWhileTheListenerIsAwayAndThePollDelivers() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("durable-notify.listener.url=" + proxy.url() + "&password=secret",
						"durable-notify.listener.username=postgres", "durable-notify.listener.password=secret",
						"durable-notify.listener.backoff.max-delay=250ms",
						"durable-notify.poll.degraded-interval=200ms");
				Instance other = start()) {
			awaitHealth(instance, "UP");
			proxy.reject();
			Health degraded = awaitHealth(instance, "DEGRADED");
			assertThat(degraded.getDetails()).containsEntry("listener", ListenerState.Status.BACKING_OFF)
				.containsEntry("pollInterval", Duration.ofMillis(200))
				.containsKey("lastError");
			assertThat(degraded.toString()).doesNotContain("secret");
			RecordingHandler handler = new RecordingHandler();
			instance.reader().subscribe("polled", StreamPosition.start(), handler);
			other.writer().append("polled", "a");
			handler.awaitChunks(1);
			proxy.pass();
			Health again = awaitHealth(instance, "UP");
			assertThat(again.getDetails()).containsEntry("reconnects", 1L).containsKey("lastError");
		}
	}

	@Test
	void isDownWhileTheDatabaseCannotBeReached() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("spring.datasource.url=" + proxy.url(),
						"spring.datasource.hikari.connection-timeout=250",
						"durable-notify.listener.backoff.max-delay=250ms")) {
			awaitHealth(instance, "UP");
			proxy.reject();
			instance.awaitStatus(ListenerState.Status.BACKING_OFF);
			Health down = awaitHealth(instance, "DOWN");
			assertThat(down.getDetails()).containsEntry("database", "cannot be reached").containsKey("lastError");
			proxy.pass();
			awaitHealth(instance, "UP");
		}
	}

	@Test
	void isDownWhileTheListenerListensAndThePoolCannotReachTheDatabase() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("spring.datasource.url=" + proxy.url(),
						"spring.datasource.hikari.connection-timeout=250",
						"durable-notify.listener.url=" + database.url())) {
			awaitHealth(instance, "UP");
			proxy.reject();
			Health down = awaitHealth(instance, "DOWN");
			assertThat(down.getDetails()).containsEntry("listener", ListenerState.Status.LISTENING);
		}
	}

	@Test
	void answersWithinABoundWhereALinkIsSilent() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("spring.datasource.url=" + proxy.url(),
						"spring.datasource.hikari.maximum-pool-size=1",
						"spring.datasource.hikari.connection-timeout=250", "durable-notify.listener.enabled=false")) {
			awaitHealth(instance, "UP");
			proxy.freeze();
			long start = System.nanoTime();
			assertThat(health(instance).getStatus()).isEqualTo(Status.DOWN);
			assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
		}
	}

	@Test
	void isUpWhereTheListenerIsTurnedOff() {
		try (Instance instance = start("durable-notify.listener.enabled=false")) {
			Health health = health(instance);
			assertThat(health.getStatus()).isEqualTo(Status.UP);
			assertThat(health.getDetails()).containsEntry("listener", ListenerState.Status.DISABLED);
		}
	}

	@Test
	void isDownWhereTheListenerIsTurnedOffAndTheDatabaseCannotBeReached() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("spring.datasource.url=" + proxy.url(),
						"spring.datasource.hikari.connection-timeout=250", "durable-notify.listener.enabled=false")) {
			assertThat(health(instance).getStatus()).isEqualTo(Status.UP);
			proxy.reject();
			awaitHealth(instance, "DOWN");
		}
	}

	@Test
	void isDownWhileTheListenerIsAwayAndThereIsNoPoll() {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = start("durable-notify.listener.url=" + proxy.url(),
						"durable-notify.poll.interval=0")) {
			awaitHealth(instance, "UP");
			proxy.reject();
			assertThat(awaitHealth(instance, "DOWN").getDetails()).doesNotContainKey("database");
		}
	}

	@Test
	void isDownWhereThePoolHandsOutConnectionsThatAreBroken() throws Exception {
		Connection broken = mock(Connection.class);
		given(broken.getAutoCommit()).willReturn(true);
		DataSource dataSource = mock(DataSource.class);
		given(dataSource.getConnection()).willReturn(broken);
		NotificationListener listener = mock(NotificationListener.class);
		given(listener.state()).willReturn(new ListenerState(ListenerState.Status.BACKING_OFF, Instant.EPOCH, false, 0,
				null, null, null, "an error"));
		Poll poll = mock(Poll.class);
		given(poll.intervalInForce()).willReturn(Duration.ofSeconds(1));
		ChangeDelivery changes = mock(ChangeDelivery.class);
		given(changes.state()).willReturn(new ChangeDeliveryState(0, 0, Duration.ZERO, null, null));
		Health health = new DurableNotifyHealthIndicator(listener, poll,
				new ApplicationDatabase(dataSource, () -> null), List.of(), changes, mock(WorkHealth.class),
				() -> ServerState.UNKNOWN)
			.health();
		assertThat(health.getStatus()).isEqualTo(Status.DOWN);
	}

	@Test
	void leavesTheApplicationUpWhileDegraded() throws Exception {
		try (TcpProxy proxy = TcpProxy.to(database);
				Instance instance = Instance.start(database,
						(application) -> application.web(WebApplicationType.SERVLET).sources(WebApplication.class),
						"server.port=0", "server.address=127.0.0.1", "management.endpoint.health.show-details=always",
						"durable-notify.listener.url=" + proxy.url())) {
			proxy.reject();
			awaitHealth(instance, "DEGRADED");
			HttpResponse<String> response = get(instance, "/actuator/health");
			assertThat(response.statusCode()).isEqualTo(200);
			JsonNode body = JsonMapper.shared().readTree(response.body());
			assertThat(body.get("status").asString()).isEqualTo("UP");
			JsonNode component = body.get("components").get("durableNotify");
			assertThat(component.get("status").asString()).isEqualTo("DEGRADED");
			assertThat(component.get("details").get("listener").asString()).isEqualTo("BACKING_OFF");
			assertThat(component.get("details").get("pollInterval").asString()).isEqualTo("PT1S");
			assertThat(get(instance, "/actuator/health/durableNotify").statusCode()).isEqualTo(200);
		}
	}

	private static HttpResponse<String> get(Instance instance, String path) throws Exception {
		int port = ((WebServerApplicationContext) instance.context()).getWebServer().getPort();
		return HttpClient.newHttpClient()
			.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
					BodyHandlers.ofString());
	}

	@ParameterizedTest
	@ValueSource(strings = { "management.health.durable-notify.enabled=false",
			"management.health.durableNotify.enabled=false", "management.health.durablenotify.enabled=false",
			"management.health.defaults.enabled=false" })
	void backsOffWhenDisabled(String property) {
		this.contextRunner.withPropertyValues(property).run((context) -> assertThat(context).doesNotHaveBean(NAME));
	}

	@Test
	void backsOffWhenDisabledByTheEnvironment() {
		this.contextRunner
			.withInitializer(
					(context) -> context.getEnvironment()
						.getPropertySources()
						.addFirst(new SystemEnvironmentPropertySource(
								StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME,
								Map.of("MANAGEMENT_HEALTH_DURABLENOTIFY_ENABLED", "false"))))
			.run((context) -> assertThat(context).doesNotHaveBean(NAME));
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(DurableNotifyHealthContributorAutoConfiguration.class)
	static class WithHealth {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

	}

}
