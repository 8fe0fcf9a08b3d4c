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

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

import javax.sql.DataSource;

import io.durablenotify.loop.DeliveryConfiguration;
import io.durablenotify.event.EventLog;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.listener.ListenerConnectionDetails;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.Schema;
import io.durablenotify.schema.SchemaMigrator;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.web.ReactiveSseRuns;
import io.durablenotify.web.ReactiveSseStreams;
import io.durablenotify.web.SseRuns;
import io.durablenotify.web.SseStreams;
import io.micrometer.observation.ObservationRegistry;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.task.TaskExecutionAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthContributor;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.thread.Threading;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.core.task.AsyncTaskExecutor;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.core.task.TaskExecutor;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.scheduling.annotation.Async;
import org.springframework.scheduling.annotation.EnableAsync;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;
import org.springframework.web.server.WebFilter;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.mockito.Mockito.RETURNS_DEEP_STUBS;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link DurableNotifyAutoConfiguration},
 * {@link DurableNotifyHealthContributorAutoConfiguration},
 * {@link DurableNotifyObservationAutoConfiguration},
 * {@link DurableNotifyWebMvcAutoConfiguration} and
 * {@link DurableNotifyWebFluxAutoConfiguration}.
 */
class DurableNotifyAutoConfigurationTests {

	private static final AutoConfigurations AUTO_CONFIGURATIONS = AutoConfigurations.of(
			DataSourceAutoConfiguration.class, DataSourceTransactionManagerAutoConfiguration.class,
			TransactionAutoConfiguration.class, TaskExecutionAutoConfiguration.class,
			DurableNotifyAutoConfiguration.class, DurableNotifyHealthContributorAutoConfiguration.class,
			DurableNotifyObservationAutoConfiguration.class, DurableNotifyWebMvcAutoConfiguration.class,
			DurableNotifyWebFluxAutoConfiguration.class);

	@Fixture
	private static TestDatabase database;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AUTO_CONFIGURATIONS)
		.withPropertyValues("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1");

	private final WebApplicationContextRunner webContextRunner = new WebApplicationContextRunner()
		.withConfiguration(AUTO_CONFIGURATIONS)
		.withPropertyValues("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1");

	private final ReactiveWebApplicationContextRunner reactiveContextRunner = new ReactiveWebApplicationContextRunner()
		.withConfiguration(AUTO_CONFIGURATIONS)
		.withPropertyValues("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1");

	@Test
	void providesAllBeans() {
		this.contextRunner.run((context) -> {
			assertThat(context).hasSingleBean(StreamWriter.class)
				.hasSingleBean(StreamReader.class)
				.hasSingleBean(StreamConsumers.class)
				.hasSingleBean(NotificationListener.class)
				.hasSingleBean(Wakeups.class)
				.hasSingleBean(Poll.class)
				.hasSingleBean(SchemaMigrator.class)
				.hasSingleBean(Schema.class)
				.hasSingleBean(ApplicationDatabase.class)
				.hasSingleBean(ListenerConnectionDetails.class)
				.hasBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME)
				.hasBean("durableNotifyHealthIndicator")
				.doesNotHaveBean(SseStreams.class)
				.doesNotHaveBean(ReactiveSseStreams.class);
			assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		});
	}

	@Test
	void providesSseStreamsInAServletWebApplication() {
		this.webContextRunner.run((context) -> assertThat(context).hasSingleBean(SseStreams.class)
			.hasSingleBean(SseRuns.class)
			.doesNotHaveBean(ReactiveSseStreams.class)
			.doesNotHaveBean(WebFilter.class));
	}

	@Test
	void providesReactiveSseStreamsInAReactiveWebApplication() {
		this.reactiveContextRunner.run((context) -> assertThat(context).hasSingleBean(ReactiveSseStreams.class)
			.hasSingleBean(ReactiveSseRuns.class)
			.hasSingleBean(WebFilter.class)
			.doesNotHaveBean(SseStreams.class));
	}

	@Test
	void backsOffWithUsersReactiveSseStreams() {
		ReactiveSseStreams own = mock(ReactiveSseStreams.class);
		ReactiveSseRuns ownRuns = mock(ReactiveSseRuns.class);
		this.reactiveContextRunner.withBean("own", ReactiveSseStreams.class, () -> own)
			.withBean("ownRuns", ReactiveSseRuns.class, () -> ownRuns)
			.run((context) -> {
				assertThat(context).getBean(ReactiveSseStreams.class).isSameAs(own);
				assertThat(context).getBean(ReactiveSseRuns.class).isSameAs(ownRuns);
			});
	}

	@Test
	void startsInAReactiveWebApplicationOnAnotherDatabaseOrWithoutOne() {
		this.reactiveContextRunner.withPropertyValues("spring.datasource.url=jdbc:h2:mem:reactive").run((context) -> {
			assertThat(context).hasNotFailed().hasSingleBean(WebFilter.class);
			assertThat(context.getBeanProvider(ReactiveSseStreams.class).getIfAvailable()).isNull();
		});
		new ReactiveWebApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(TaskExecutionAutoConfiguration.class,
					DurableNotifyAutoConfiguration.class, DurableNotifyWebFluxAutoConfiguration.class))
			.run((context) -> assertThat(context).hasNotFailed()
				.doesNotHaveBean(ReactiveSseStreams.class)
				.doesNotHaveBean(WebFilter.class));
		this.reactiveContextRunner.withPropertyValues("durable-notify.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed()
				.doesNotHaveBean(ReactiveSseStreams.class)
				.doesNotHaveBean(WebFilter.class));
	}

	@Test
	void backsOffWithNoDataSourceBean() {
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(TaskExecutionAutoConfiguration.class,
					DurableNotifyAutoConfiguration.class, DurableNotifyHealthContributorAutoConfiguration.class,
					DurableNotifyWebMvcAutoConfiguration.class))
			.run((context) -> assertThat(context).hasNotFailed()
				.doesNotHaveBean(StreamWriter.class)
				.doesNotHaveBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME)
				.doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void backsOffWithSeveralDataSources() {
		this.contextRunner.withBean("first", DataSource.class, () -> new DriverManagerDataSource(database.url()))
			.withBean("second", DataSource.class, () -> new DriverManagerDataSource(database.url()))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(StreamWriter.class));
	}

	@Test
	void usesThePrimaryOfSeveralDataSources() {
		this.contextRunner
			.withBean("first", DataSource.class, () -> new DriverManagerDataSource("jdbc:postgresql://invalid/x"))
			.withBean("second", DataSource.class, () -> new DriverManagerDataSource(database.url()),
					(definition) -> definition.setPrimary(true))
			.run((context) -> {
				assertThat(context).hasSingleBean(StreamWriter.class);
				assertThat(context.getBean(ApplicationDatabase.class).getDataSource())
					.isSameAs(context.getBean("second"));
			});
	}

	@Test
	void backsOffWhenDisabled() {
		this.webContextRunner.withPropertyValues("durable-notify.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(DataSource.class)
				.doesNotHaveBean(StreamWriter.class)
				.doesNotHaveBean(DurableNotifyProperties.class)
				.doesNotHaveBean(SseStreams.class)
				.doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void leavesUsersOwnBeansAloneWhenDisabled() {
		this.webContextRunner.withPropertyValues("durable-notify.enabled=false")
			.withBean(StreamReader.class, () -> mock())
			.withBean(NotificationListener.class, () -> mock())
			.run((context) -> assertThat(context).hasNotFailed()
				.doesNotHaveBean(SseStreams.class)
				.doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void backsOffWithoutThePostgresDriver() {
		this.webContextRunner.withClassLoader(new FilteredClassLoader("org.postgresql"))
			.withPropertyValues("spring.datasource.url=jdbc:h2:mem:without-driver")
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(DataSource.class)
				.doesNotHaveBean(StreamWriter.class)
				.doesNotHaveBean(SseStreams.class)
				.doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void worksWithoutWebMvcAndHealth() {
		this.webContextRunner.withClassLoader(new FilteredClassLoader(SseEmitter.class, HealthIndicator.class))
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(StreamWriter.class)
				.doesNotHaveBean(SseStreams.class)
				.doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void observesWhereThereIsARegistry() {
		this.contextRunner.withBean(ObservationRegistry.class, ObservationRegistry::create)
			.run((context) -> assertThat(context).hasSingleBean(Observations.class)
				.hasBean("durableNotifyObservedOutboxHttp")
				.doesNotHaveBean("durableNotifyOriginLinkingObservationHandler"));
	}

	@Test
	void observesNothingWithoutARegistry() {
		this.contextRunner.run(
				(context) -> assertThat(context).hasSingleBean(StreamWriter.class).doesNotHaveBean(Observations.class));
	}

	@Test
	void worksWithoutMicrometer() {
		this.contextRunner.withClassLoader(new FilteredClassLoader("io.micrometer"))
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(StreamWriter.class)
				.doesNotHaveBean(Observations.class));
	}

	@Test
	void observesWithoutTracingAndRestClient() {
		this.contextRunner.withClassLoader(new FilteredClassLoader("io.micrometer.tracing", "org.springframework.web"))
			.withBean(ObservationRegistry.class, ObservationRegistry::create)
			.run((context) -> assertThat(context).hasNotFailed()
				.hasSingleBean(Observations.class)
				.doesNotHaveBean("durableNotifyObservedOutboxHttp"));
	}

	@Test
	void backsOffWithUsersStreamWriter() {
		StreamWriter own = mock(StreamWriter.class);
		this.contextRunner.withBean("own", StreamWriter.class, () -> own)
			.run((context) -> assertThat(context).getBean(StreamWriter.class).isSameAs(own));
	}

	@Test
	void backsOffWithUsersEventLog() {
		EventLog own = mock(EventLog.class);
		this.contextRunner.withBean("own", EventLog.class, () -> own)
			.run((context) -> assertThat(context).getBean(EventLog.class).isSameAs(own));
	}

	@Test
	void backsOffWithUsersStreamReader() {
		StreamReader own = mock(StreamReader.class);
		this.webContextRunner.withBean("own", StreamReader.class, () -> own)
			.run((context) -> assertThat(context).hasSingleBean(SseStreams.class)
				.getBean(StreamReader.class)
				.isSameAs(own));
	}

	@Test
	void backsOffWithUsersStreamConsumers() {
		StreamConsumers own = mock(StreamConsumers.class);
		this.contextRunner.withBean("own", StreamConsumers.class, () -> own)
			.run((context) -> assertThat(context).hasNotFailed().getBean(StreamConsumers.class).isSameAs(own));
	}

	@Test
	void backsOffWithUsersBeansOfAFamily() {
		this.contextRunner.withUserConfiguration(FamilyConfiguration.class)
			.withPropertyValues("durable-notify.streams.families.answers.prefix=answers/",
					"durable-notify.streams.families.named.prefix=named/",
					"durable-notify.streams.families.other.prefix=other/")
			.run((context) -> {
				assertThat(context).hasNotFailed().hasBean("durableNotifyStreamReader");
				assertThat(qualified(context, StreamReader.class, "answers")).isSameAs(context.getBean("annotated"));
				assertThat(qualified(context, StreamReader.class, "named")).isSameAs(context.getBean("named"));
				assertThat(qualified(context, StreamWriter.class, "answers"))
					.isSameAs(context.getBean("durableNotifyStreamWriter.answers"));
				assertThat(qualified(context, StreamReader.class, "other"))
					.isSameAs(context.getBean("durableNotifyStreamReader.other"));
			});
	}

	@Test
	void familiesStayBesideUsersStreamReaderAndStreamWriter() {
		StreamReader reader = mock(StreamReader.class);
		StreamWriter writer = mock(StreamWriter.class);
		this.contextRunner.withBean("own", StreamReader.class, () -> reader)
			.withBean("ownWriter", StreamWriter.class, () -> writer)
			.withPropertyValues("durable-notify.streams.families.answers.prefix=own-answers/")
			.run((context) -> {
				assertThat(context.getBean(StreamReader.class)).isSameAs(reader);
				assertThat(context.getBean(StreamWriter.class)).isSameAs(writer);
				assertThat(qualified(context, StreamWriter.class, "answers").append("1", "a")).isZero();
				assertThat(qualified(context, StreamReader.class, "answers").info("1")).isPresent();
			});
	}

	@Test
	void aFamilyFromEnvironmentVariablesIsTheOneOfThatName() {
		this.contextRunner
			.withInitializer((context) -> context.getEnvironment()
				.getPropertySources()
				.addFirst(new SystemEnvironmentPropertySource("systemEnvironment",
						Map.of("DURABLENOTIFY_STREAMS_FAMILIES_ANSWERS_MAXCHUNKSIZE", "1B",
								"DURABLENOTIFY_STREAMS_FAMILIES_OTHER_PREFIX", "other/"))))
			.withPropertyValues("durable-notify.streams.families.answers.prefix=env-answers/")
			.run((context) -> {
				assertThat(qualified(context, StreamWriter.class, "other").append("1", "ab")).isZero();
				assertThatIllegalArgumentException()
					.isThrownBy(() -> qualified(context, StreamWriter.class, "answers").append("1", "ab"))
					.withMessageContaining("'env-answers/1'");
			});
	}

	private static <T> T qualified(ApplicationContext context, Class<T> type, String qualifier) {
		return BeanFactoryAnnotationUtils.qualifiedBeanOfType(context.getAutowireCapableBeanFactory(), type, qualifier);
	}

	@Test
	void backsOffWithUsersNotificationListener() {
		NotificationListener own = mock(NotificationListener.class, RETURNS_DEEP_STUBS);
		this.contextRunner.withBean("own", NotificationListener.class, () -> own)
			.run((context) -> assertThat(context).hasSingleBean(StreamReader.class)
				.getBean(NotificationListener.class)
				.isSameAs(own));
	}

	@Test
	void backsOffWithUsersListenerConnectionDetails() {
		String url = database.url() + "&ApplicationName=own";
		ListenerConnectionDetails own = () -> new DriverConnectionDetails(url, null, null, Map.of());
		this.contextRunner.withBean("own", ListenerConnectionDetails.class, () -> own).run((context) -> {
			assertThat(context).getBean(ListenerConnectionDetails.class).isSameAs(own);
			assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		});
	}

	@Test
	void backsOffWithUsersWakeups() {
		Wakeups own = mock(Wakeups.class, RETURNS_DEEP_STUBS);
		this.contextRunner.withBean("own", Wakeups.class, () -> own)
			.run((context) -> assertThat(context).hasSingleBean(StreamReader.class)
				.getBean(Wakeups.class)
				.isSameAs(own));
	}

	@Test
	void backsOffWithUsersPoll() {
		Poll own = mock(Poll.class, RETURNS_DEEP_STUBS);
		this.contextRunner.withBean("own", Poll.class, () -> own)
			.run((context) -> assertThat(context).hasSingleBean(StreamReader.class).getBean(Poll.class).isSameAs(own));
	}

	@Test
	void backsOffWithUsersSchemaMigrator() {
		SchemaMigrator own = () -> new Schema(new SchemaName("durable_notify"));
		this.contextRunner.withBean("own", SchemaMigrator.class, () -> own)
			.run((context) -> assertThat(context).hasSingleBean(StreamReader.class)
				.getBean(SchemaMigrator.class)
				.isSameAs(own));
	}

	@Test
	void backsOffWithUsersSseStreams() {
		SseStreams own = mock(SseStreams.class);
		this.webContextRunner.withBean("own", SseStreams.class, () -> own)
			.run((context) -> assertThat(context).getBean(SseStreams.class).isSameAs(own));
	}

	@Test
	void backsOffWithUsersTaskExecutor() {
		SimpleAsyncTaskExecutor own = new SimpleAsyncTaskExecutor("own-");
		this.contextRunner
			.withBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME, AsyncTaskExecutor.class, () -> own,
					(definition) -> ((AbstractBeanDefinition) definition).setDefaultCandidate(false))
			.run((context) -> {
				assertThat(context).getBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME).isSameAs(own);
				assertThat(handlerThread(context.getBean(StreamWriter.class), context.getBean(StreamReader.class),
						"own-executor"))
					.startsWith("own-");
			});
	}

	@Test
	void backsOffWithUsersHealthIndicator() {
		HealthIndicator own = () -> Health.up().build();
		this.contextRunner.withBean("durableNotifyHealthIndicator", HealthIndicator.class, () -> own)
			.run((context) -> assertThat(context).getBean("durableNotifyHealthIndicator").isSameAs(own));
	}

	@Test
	void backsOffWithUsersHealthContributor() {
		HealthIndicator own = () -> Health.up().build();
		this.contextRunner.withBean("durableNotifyHealthContributor", HealthContributor.class, () -> own)
			.run((context) -> assertThat(context).doesNotHaveBean("durableNotifyHealthIndicator"));
	}

	@Test
	void leavesBootsTaskExecutorInPlace() {
		this.contextRunner.withUserConfiguration(ExecutorUser.class).run((context) -> {
			Object boots = context.getBean("applicationTaskExecutor");
			assertThat(context.getBean(ExecutorUser.Injected.class).taskExecutor()).isSameAs(boots);
			assertThat(context.getBean(ExecutorUser.Injected.class).executor()).isSameAs(boots);
			assertThat(context.getBean(ExecutorUser.Worker.class).threadName().get()).startsWith("task-");
			assertThat(context.getBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME)).isNotSameAs(boots);
		});
	}

	@Test
	void callsHandlersOnItsOwnPlatformThreads() {
		this.contextRunner.run((context) -> {
			assertThat(context.getBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME))
				.isInstanceOf(ThreadPoolTaskExecutor.class);
			assertThat(
					handlerThread(context.getBean(StreamWriter.class), context.getBean(StreamReader.class), "platform"))
				.startsWith("durable-notify-");
		});
	}

	@Test
	void callsHandlersOnVirtualThreadsWhereEnabledAndThere() {
		this.contextRunner.withPropertyValues("spring.threads.virtual.enabled=true").run((context) -> {
			boolean virtual = Threading.VIRTUAL.isActive(context.getEnvironment());
			assertThat(virtual).isEqualTo(Runtime.version().feature() >= 21);
			assertThat(context.getBean(DeliveryConfiguration.EXECUTOR_BEAN_NAME))
				.isInstanceOf((virtual) ? SimpleAsyncTaskExecutor.class : ThreadPoolTaskExecutor.class);
			assertThat(
					handlerThread(context.getBean(StreamWriter.class), context.getBean(StreamReader.class), "virtual"))
				.startsWith("durable-notify-");
		});
	}

	private static String handlerThread(StreamWriter writer, StreamReader reader, String stream) {
		CompletableFuture<String> thread = new CompletableFuture<>();
		reader.subscribe(stream, StreamPosition.start(), (chunk) -> thread.complete(Thread.currentThread().getName()));
		writer.append(stream, "a");
		Eventually.await(thread::isDone, () -> "the handler was not called");
		return thread.join();
	}

	@Test
	void startsAgainAfterAStop() {
		this.contextRunner.run((context) -> {
			for (int round = 0; round < 3; round++) {
				context.stop();
				assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.STOPPED);
				context.start();
				assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
				String stream = "restarted/" + round;
				RecordingHandler handler = new RecordingHandler();
				context.getBean(StreamReader.class).subscribe(stream, StreamPosition.start(), handler);
				context.getBean(StreamWriter.class).append(stream, "a");
				handler.awaitChunks(1);
			}
		});
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAsync
	static class ExecutorUser {

		@Bean
		Injected injected(TaskExecutor taskExecutor, Executor executor) {
			return new Injected(taskExecutor, executor);
		}

		@Bean
		Worker worker() {
			return new Worker();
		}

		record Injected(TaskExecutor taskExecutor, Executor executor) {
		}

		static class Worker {

			@Async
			CompletableFuture<String> threadName() {
				return CompletableFuture.completedFuture(Thread.currentThread().getName());
			}

		}

	}

	@Configuration(proxyBeanMethods = false)
	static class FamilyConfiguration {

		@Bean(defaultCandidate = false)
		@Qualifier("answers")
		StreamReader annotated() {
			return mock();
		}

		@Bean(defaultCandidate = false)
		StreamReader named() {
			return mock();
		}

	}

}
