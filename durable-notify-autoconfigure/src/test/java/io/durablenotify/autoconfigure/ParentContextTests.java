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

package io.durablenotify.autoconfigure;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;
import io.durablenotify.Subscription;
import io.durablenotify.actuate.DurableNotifyMeters;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.database.CommitListener;
import io.durablenotify.instance.LeaseMeasures;
import io.durablenotify.loop.PeriodicMeasures;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.outbox.Externalized;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMeasures;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.SseClient;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.web.SseStreams;
import io.durablenotify.work.QueueListenerState;
import io.durablenotify.work.WorkBatchHandler;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkHandling;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.core.task.TaskExecutor;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.mockito.Mockito.mock;

/**
 * Tests for an application context with a child, both with the auto-configuration.
 */
@ExtendWith(OutputCaptureExtension.class)
class ParentContextTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static TestDatabase other;

	private static final List<String> seen = new CopyOnWriteArrayList<>();

	@ParameterizedTest
	@EnumSource(names = { "NONE", "SERVLET" })
	void handlersOfBothAreCalled(WebApplicationType type) {
		seen.clear();
		SpringApplicationBuilder parent = new SpringApplicationBuilder(Parent.class).web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1",
					"server.port=0", "durable-notify.outbox.http.orders.url=http://127.0.0.1:9/events");
		try (ConfigurableApplicationContext context = parent.run();
				ConfigurableApplicationContext child = new SpringApplicationBuilder(Child.class).parent(context)
					.web(type)
					.registerShutdownHook(false)
					.run()) {
			child.getBean(ChangeNotifier.class).publish("profiles", "7");
			child.getBean(WorkQueue.class).enqueue(WorkRequest.of("mail", "bob"));
			child.getBean(DurableTimers.class).set("sleep", "wf", "t", Instant.EPOCH);
			Eventually.await(() -> seen.size() == 3, () -> seen);
			assertThat(seen).containsExactlyInAnyOrder("profiles/7", "bob", "wf");
		}
	}

	@Test
	void anExternalizedEventOfTheChildIsStoredOnce() {
		try (ConfigurableApplicationContext parent = start(Parent.class, null);
				ConfigurableApplicationContext child = start(Child.class, parent)) {
			new TransactionTemplate(child.getBean(PlatformTransactionManager.class))
				.executeWithoutResult((status) -> child.publishEvent(new Ordered(7)));
			assertThat(database.jdbc().queryForObject("""
					SELECT count(*) FROM durable_notify.work_items JOIN durable_notify.work_queues USING (queue_id)
					WHERE name = 'outbox/orders'
					""", Integer.class)).isOne();
		}
	}

	@Test
	void theParentCountsAndShowsWhatTheChildDoes() throws Exception {
		try (ConfigurableApplicationContext parent = start(Parent.class, null)) {
			CountDownLatch release = new CountDownLatch(1);
			CountDownLatch sent = new CountDownLatch(1);
			try (ConfigurableApplicationContext child = start(Child.class, parent)) {
				child.getBean(WorkListeners.class).register(WorkListenerSpec.of("blocked"), (item) -> {
					release.await();
					return WorkOutcome.done();
				});
				child.getBean(WorkQueue.class).enqueue(WorkRequest.of("blocked", "x"));
				WorkHandling handling = parent.getBean(WorkHandling.class);
				Eventually.await(() -> running(handling, "blocked") == 1, handling::listeners);
				release.countDown();
				Eventually.await(() -> running(handling, "blocked") == 0, handling::listeners);
				child.getBean(ChildSender.class).sent = sent;
				new TransactionTemplate(child.getBean(PlatformTransactionManager.class))
					.executeWithoutResult((status) -> child.getBean(Outbox.class)
						.publish(OutboxEvent.of("t", "x").sender("of-the-child")));
				assertThat(sent.await(30, TimeUnit.SECONDS)).isTrue();
				OutboxMeasures measures = parent.getBean(OutboxMeasures.class);
				Eventually.await(() -> measures.senders().has("of-the-child"), measures::toString);
				assertThat(parent.getBean(LeaseMeasures.class).holders()).hasSize(2);
				assertThat(parent.getBean(LeaseMeasures.class).leases()).hasSizeGreaterThan(1);
			}
			assertThat(parent.getBean(WorkHandling.class).listeners())
				.noneMatch((state) -> state.queue().equals("blocked"));
			assertThat(parent.getBean(LeaseMeasures.class).holders()).hasSize(1);
		}
	}

	@Test
	void theParentHasTheMetersOfTheClientsAndTasksOfItsChild() {
		try (ConfigurableApplicationContext parent = start(Parent.class, null);
				ConfigurableApplicationContext child = new SpringApplicationBuilder(Child.class, Streaming.class)
					.parent(parent)
					.web(WebApplicationType.SERVLET)
					.registerShutdownHook(false)
					.properties("server.port=0", "server.address=127.0.0.1")
					.run()) {
			child.getBean(StreamWriter.class).append("watched", "a");
			int port = ((WebServerApplicationContext) child).getWebServer().getPort();
			MeterRegistry meters = parent.getBean(MeterRegistry.class);
			try (SseClient client = SseClient.open("http://127.0.0.1:%d/sse".formatted(port), null)) {
				client.awaitMessages(1);
				Eventually.await(() -> meters.get(DurableNotifyMeters.SSE_CLIENTS.meterName())
					.tags("state", "open")
					.gauge()
					.value() == 1, client::raw);
				child.getBean(StreamWriter.class).complete("watched");
			}
			assertThat(measures(child)).hasSizeGreaterThan(5).isSubsetOf(measures(parent));
		}
	}

	@Test
	void theParentHasTheMetersOfTheFamiliesOfItsChild() {
		try (ConfigurableApplicationContext parent = start(Parent.class, null);
				ConfigurableApplicationContext child = start(Child.class, parent,
						"durable-notify.streams.families.letters.prefix=letters/")) {
			StreamWriter writer = family(child, StreamWriter.class);
			RecordingHandler handler = new RecordingHandler();
			family(child, StreamReader.class).subscribe("read", StreamPosition.start(), handler);
			writer.append("read", "a");
			handler.awaitChunks(1);
			Health health = parent.getBean("durableNotifyHealthIndicator", HealthIndicator.class).health(true);
			assertThat(health.getDetails()).containsEntry("streams", Map.of("readers", 1));
			MeterRegistry meters = parent.getBean(MeterRegistry.class);
			assertThat(meters.get(DurableNotifyMeters.READERS.meterName()).tag("family", "letters").gauges())
				.extracting(Gauge::value)
				.containsOnlyOnce(1.0);
			assertThat(
					meters.get(DurableNotifyMeters.DELIVERED.meterName()).tag("family", "letters").functionCounters())
				.extracting(FunctionCounter::count)
				.containsOnlyOnce(1.0);
			assertThat(meters.get(DurableNotifyMeters.APPEND.meterName())
				.tags("topic", "streams", "outcome", "stored")
				.timer()
				.count()).isOne();
		}
	}

	@Test
	void handlersOfAChildRunOnItsOwnExecutor() {
		try (ConfigurableApplicationContext parent = start(Parent.class, null);
				ConfigurableApplicationContext child = start(ChildWithExecutor.class, parent,
						"durable-notify.streams.families.letters.prefix=letters/")) {
			CompletableFuture<String> thread = new CompletableFuture<>();
			family(child, StreamReader.class).subscribe("own", StreamPosition.start(),
					(chunk) -> thread.complete(Thread.currentThread().getName()));
			family(child, StreamWriter.class).append("own", "a");
			assertThat(Eventually.get(thread)).startsWith("of-the-child-");
		}
	}

	private static <T> T family(ConfigurableApplicationContext context, Class<T> type) {
		return BeanFactoryAnnotationUtils.qualifiedBeanOfType(context.getBeanFactory(), type, "letters");
	}

	private static List<PeriodicMeasures> measures(ConfigurableApplicationContext context) {
		return context.getBeansOfType(PeriodicTask.class).values().stream().map(PeriodicTask::measures).toList();
	}

	private static int running(WorkHandling handling, String queue) {
		return handling.listeners()
			.stream()
			.filter((state) -> state.queue().equals(queue))
			.mapToInt(QueueListenerState::running)
			.sum();
	}

	@Test
	void aChildWithAnotherDatabaseThanItsParentDoesNotStart(CapturedOutput output) {
		try (ConfigurableApplicationContext parent = start(Parent.class, null)) {
			assertThatException().isThrownBy(() -> start(OtherDatabase.class, parent));
			assertThat(output).contains("APPLICATION FAILED TO START")
				.contains("This application context would use a DataSource of ")
				.contains(name(other) + " as user")
				.contains("and its parent uses one of ")
				.contains(name(database) + " as user")
				.contains("set durable-notify.enabled=false for the child");
			assertThatException()
				.isThrownBy(() -> start(Child.class, parent, "durable-notify.schema.name=other_schema"));
			assertThat(output).contains("with the schema 'other_schema', and its parent uses one of ");
			start(OtherDatabase.class, parent, "durable-notify.enabled=false").close();
		}
	}

	private static String name(TestDatabase database) {
		return database.jdbc().queryForObject("SELECT current_database()", String.class);
	}

	@Test
	void aChildFindsTheQualifiedDataSourceOfItsParent() {
		seen.clear();
		try (ConfigurableApplicationContext parent = start(TwoDataSources.class, null);
				ConfigurableApplicationContext child = start(Child.class, parent)) {
			child.getBean(WorkQueue.class).enqueue(WorkRequest.of("mail", "bob"));
			Eventually.await(() -> seen.contains("bob"), () -> seen);
		}
	}

	@Test
	void theCommitsOfAParentWithoutDurableNotifyAreKnown() {
		try (ConfigurableApplicationContext parent = start(ManagerOnly.class, null)) {
			for (int i = 0; i < 2; i++) {
				try (ConfigurableApplicationContext child = start(Child.class, parent)) {
					PlatformTransactionManager manager = parent.getBean(PlatformTransactionManager.class);
					assertThat(child.getBean(PlatformTransactionManager.class)).isSameAs(manager);
					Outbox outbox = child.getBean(Outbox.class);
					assertThatIllegalStateException()
						.isThrownBy(() -> new TransactionTemplate(manager).executeWithoutResult(
								(status) -> afterCommit(() -> outbox.publish(OutboxEvent.of("t", "x")))))
						.withMessageContaining("after its commit");
					assertThat(((ConfigurableTransactionManager) manager).getTransactionExecutionListeners())
						.filteredOn(CommitListener.class::isInstance)
						.hasSize(1);
				}
			}
		}
	}

	private static void afterCommit(Runnable callback) {
		TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

			@Override
			public void afterCommit() {
				callback.run();
			}

		});
	}

	@Test
	void aChildUsesTheListenersThatItsParentHasDefined() {
		try (ConfigurableApplicationContext parent = start(ListenersOfItsOwn.class, null);
				ConfigurableApplicationContext child = start(Child.class, parent)) {
			assertThat(child.getBean(WorkListeners.class)).isSameAs(parent.getBean("recording"));
			assertThat(parent.getBean(ListenersOfItsOwn.class).queues).contains("mail");
		}
	}

	private static ConfigurableApplicationContext start(Class<?> source,
			@Nullable ConfigurableApplicationContext parent, String... properties) {
		SpringApplicationBuilder application = new SpringApplicationBuilder(source).web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties(properties);
		return ((parent != null) ? application.parent(parent)
				: application.properties("spring.datasource.url=" + database.url(),
						"spring.datasource.hikari.minimum-idle=1",
						"durable-notify.outbox.http.orders.url=http://127.0.0.1:9/events"))
			.run();
	}

	private static DataSource dataSource(TestDatabase database) {
		return new DriverManagerDataSource(database.url());
	}

	@Externalized(sender = "orders")
	record Ordered(int id) {
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class OtherDatabase {

		@Bean
		DataSource dataSource() {
			return ParentContextTests.dataSource(other);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration({ DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class })
	static class ManagerOnly {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class TwoDataSources {

		@Bean
		DataSource orders() {
			return dataSource(other);
		}

		@Bean
		@DurableNotifyDataSource
		DataSource messages() {
			return dataSource(database);
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class ListenersOfItsOwn {

		private final List<String> queues = new CopyOnWriteArrayList<>();

		@Bean
		WorkListeners recording() {
			return new WorkListeners() {

				@Override
				public Subscription register(WorkListenerSpec spec, WorkHandler handler) {
					ListenersOfItsOwn.this.queues.addAll(spec.queues());
					return mock();
				}

				@Override
				public Subscription registerBatch(WorkListenerSpec spec, WorkBatchHandler handler) {
					return mock();
				}

			};
		}

	}

	static class ChildSender implements OutboxSender {

		private volatile @Nullable CountDownLatch sent;

		@Override
		public String name() {
			return "of-the-child";
		}

		@Override
		public void send(OutboxMessage message) {
			if (this.sent != null) {
				this.sent.countDown();
			}
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(Sleeping.class)
	static class Parent {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import({ Listening.class, ChildSender.class })
	static class Child {

	}

	@Configuration(proxyBeanMethods = false)
	@Import(Child.class)
	static class ChildWithExecutor {

		@Bean(defaultCandidate = false)
		TaskExecutor durableNotifyTaskExecutor() {
			return new SimpleAsyncTaskExecutor("of-the-child-");
		}

	}

	@RestController
	record Streaming(SseStreams streams) {

		@GetMapping("/sse")
		ResponseEntity<SseEmitter> events() {
			return this.streams.respond("watched", null);
		}

	}

	static class Sleeping implements TimerHandler {

		@Override
		public String name() {
			return "sleep";
		}

		@Override
		public void onTimer(Timer timer) {
			seen.add(timer.instanceId());
		}

	}

	static class Listening {

		@ChangeListener("profiles")
		void on(Change change) {
			seen.add("profiles/" + change.key());
		}

		@WorkListener("mail")
		void on(String recipient) {
			seen.add(recipient);
		}

	}

}
