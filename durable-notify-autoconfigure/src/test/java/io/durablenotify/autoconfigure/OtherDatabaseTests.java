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

import java.io.IOException;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

import javax.sql.DataSource;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.event.EventLog;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.schema.Schema;
import io.durablenotify.schema.SchemaMigrator;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.web.ReactiveSseRuns;
import io.durablenotify.web.ReactiveSseStreams;
import io.durablenotify.web.SseRuns;
import io.durablenotify.web.SseStreams;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.WorkflowResumptions;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.Lifecycle;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Lazy;
import org.springframework.web.filter.OncePerRequestFilter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.RETURNS_DEEP_STUBS;
import static org.mockito.Mockito.clearInvocations;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;

/**
 * Tests for what is there on a database other than PostgreSQL, and that on PostgreSQL all
 * is.
 */
class OtherDatabaseTests {

	@Fixture
	private static TestDatabase postgres;

	private final WebApplicationContextRunner contextRunner = new WebApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, DurableNotifyAutoConfiguration.class,
				DurableNotifyHealthContributorAutoConfiguration.class, DurableNotifyWebMvcAutoConfiguration.class))
		.withPropertyValues("durable-notify.streams.families.answers.prefix=answers/",
				"spring.datasource.hikari.minimum-idle=1");

	private final WebApplicationContextRunner h2 = this.contextRunner
		.withPropertyValues("spring.datasource.url=jdbc:h2:mem:other");

	private final WebApplicationContextRunner onPostgres = this.contextRunner
		.withPropertyValues("spring.datasource.url=" + postgres.url());

	@Test
	void anApplicationStartsAndReceivesItsOwnChanges() {
		this.h2.withBean(Listening.class).run((context) -> {
			context.getBean(ChangeNotifier.class).publish("profiles", "7");
			List<String> received = context.getBean(Listening.class).received;
			Eventually.await(() -> !received.isEmpty(), received::toString);
			assertThat(received).containsExactly("7");
		});
	}

	static class Listening {

		final List<String> received = new CopyOnWriteArrayList<>();

		@ChangeListener("profiles")
		void on(Change change) {
			this.received.add(change.key());
		}

	}

	@Test
	void nothingThatNeedsPostgresIsCreated() {
		this.h2.run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(created(context.getBeanFactory(), Lifecycle.class)).doesNotContain("durableNotifyListener",
					"durableNotifyLiveReaders", "durableNotifyStreamJanitor");
			for (Class<?> type : List.of(Schema.class, NotificationListener.class, StreamReader.class,
					StreamWriter.class)) {
				assertThat(created(context.getBeanFactory(), type)).isEmpty();
			}
			assertThat(Thread.getAllStackTraces().keySet()).extracting(Thread::getName)
				.doesNotContain("durable-notify-listener", "durable-notify-janitor", "durable-notify-probe");
			context.stop();
			context.start();
		});
	}

	@Test
	void aBeanOfTheApplicationIsItsOwnWithAnyName() {
		List<String> names = List.of("durableNotifyOwn", "durableNotifyComponent");
		for (WebApplicationContextRunner runner : List.of(this.h2, this.onPostgres)) {
			runner.withUserConfiguration(NamedLikeOurs.class, NamedLikeOurs.Component.class).run((context) -> {
				assertThat(names).allSatisfy((name) -> {
					assertThat(context.getBeanFactory().containsSingleton(name)).isFalse();
					assertThat(context.getBean(name)).isInstanceOf(NamedLikeOurs.Component.class);
				});
				assertThat(context.getBeanFactory().containsSingleton("durableNotifyStreamReader"))
					.isEqualTo(runner == this.onPostgres);
			});
		}
	}

	@Configuration(proxyBeanMethods = false)
	@Lazy
	static class NamedLikeOurs {

		@Bean
		Component durableNotifyOwn() {
			return new Component();
		}

		@org.springframework.stereotype.Component("durableNotifyComponent")
		@Lazy
		static class Component {

		}

	}

	private static List<String> created(ConfigurableListableBeanFactory beanFactory, Class<?> type) {
		return Arrays.stream(beanFactory.getBeanNamesForType(type, true, false))
			.filter(beanFactory::containsSingleton)
			.toList();
	}

	@Test
	void whatNeedsPostgresIsNotThereWheneverItIsAskedFor() {
		this.h2.run((context) -> {
			for (Class<?> type : List.of(StreamReader.class, StreamWriter.class, EventLog.class, Wakeups.class,
					NotificationListener.class, Poll.class, SchemaMigrator.class, Schema.class, SseStreams.class,
					SseRuns.class, WorkQueue.class, WorkAdmin.class, WorkListeners.class, StreamConsumers.class,
					DurableChannels.class, Outbox.class, DurableTimers.class, WorkflowResumptions.class)) {
				assertThatIsNotThere(context, type);
				assertThatIsNotThere(context, type);
			}
		});
	}

	@Test
	void whatIsBuiltOnStreamsAndWorkIsNotThereWhereItIsInjectedOptionally() {
		for (boolean lazy : new boolean[] { false, true }) {
			this.h2.withInitializer((context) -> context
				.addBeanFactoryPostProcessor((lazy) ? new LazyInitializationBeanFactoryPostProcessor() : (beans) -> {
				}))
				.withUserConfiguration(AskingForMore.class)
				.run((context) -> assertThat(context.getBean(AskingForMore.class).found).isEmpty());
		}
		this.onPostgres.withUserConfiguration(AskingForMore.class)
			.run((context) -> assertThat(context.getBean(AskingForMore.class).found).hasSize(6));
	}

	@Configuration(proxyBeanMethods = false)
	static class AskingForMore {

		final List<Object> found = new ArrayList<>();

		AskingForMore(Optional<StreamConsumers> consumers, Optional<DurableTimers> timers,
				Optional<WorkflowResumptions> resumptions, ObjectProvider<WorkQueue> work, @Nullable Outbox outbox) {
			consumers.ifPresent(this.found::add);
			timers.ifPresent(this.found::add);
			resumptions.ifPresent(this.found::add);
			work.ifAvailable(this.found::add);
			if (outbox != null) {
				this.found.add(outbox);
			}
		}

		@Autowired(required = false)
		void set(DurableChannels channels) {
			this.found.add(channels);
		}

	}

	@Test
	void responsesOfAReactiveApplicationAreNotThere() {
		ReactiveWebApplicationContextRunner reactive = new ReactiveWebApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
					DataSourceTransactionManagerAutoConfiguration.class, DurableNotifyAutoConfiguration.class,
					DurableNotifyWebFluxAutoConfiguration.class))
			.withUserConfiguration(AskingForReactive.class);
		reactive.withPropertyValues("spring.datasource.url=jdbc:h2:mem:reactive").run((context) -> {
			assertThat(context.getBean(AskingForReactive.class).streams).isEmpty();
			assertThat(context.getBean(AskingForReactive.class).runs).isNull();
			assertThatIsNotThere(context, ReactiveSseStreams.class);
			assertThatIsNotThere(context, ReactiveSseRuns.class);
		});
		reactive.withPropertyValues("spring.datasource.url=" + postgres.url()).run((context) -> {
			assertThat(context.getBean(AskingForReactive.class).streams).isPresent();
			assertThat(context.getBean(AskingForReactive.class).runs).isNotNull();
		});
	}

	@Configuration(proxyBeanMethods = false)
	static class AskingForReactive {

		final Optional<ReactiveSseStreams> streams;

		final @Nullable ReactiveSseRuns runs;

		AskingForReactive(Optional<ReactiveSseStreams> streams, @Nullable ReactiveSseRuns runs) {
			this.streams = streams;
			this.runs = runs;
		}

	}

	private static void assertThatIsNotThere(ApplicationContext context, Class<?> type) {
		ObjectProvider<?> provider = context.getBeanProvider(type);
		assertThat(provider.getIfAvailable()).isNull();
		assertThat(provider.getIfUnique()).isNull();
		assertThat(provider.stream()).isEmpty();
		assertThat(provider.orderedStream()).isEmpty();
		assertThat(context.getBeansOfType(type)).isEmpty();
		assertThatExceptionOfType(NoSuchBeanDefinitionException.class).isThrownBy(() -> context.getBean(type));
		assertThatExceptionOfType(NoSuchBeanDefinitionException.class).isThrownBy(provider::getObject);
	}

	@Test
	void whatIsInjectedOptionallyIsNotThere() {
		this.h2.withUserConfiguration(Asking.class).run((context) -> assertThatNothingIsThere(context));
	}

	@Test
	void whatIsInjectedOptionallyIsNotThereWhereAllBeansAreLazy() {
		this.h2
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withUserConfiguration(Asking.class)
			.run((context) -> assertThatNothingIsThere(context));
	}

	private static void assertThatNothingIsThere(ApplicationContext context) {
		Asking asking = context.getBean(Asking.class);
		assertThat(asking.optional).isEmpty();
		assertThat(asking.nullable).isNull();
		assertThat(asking.list).isEmpty();
		assertThat(asking.map).isEmpty();
		assertThat(asking.ofFamily).isEmpty();
		assertThat(asking.provider.getIfAvailable()).isNull();
		assertThat(asking.providerOfFamily.getIfAvailable()).isNull();
		assertThat(asking.notRequired).isNull();
		assertThat(asking.changes).isNotNull();
		assertThat(context.getBeansOfType(Object.class)).containsKey("durableNotifyChangeNotifier")
			.doesNotContainKey("durableNotifyStreamReader");
		assertThat(context.getBeansOfType(Lifecycle.class)).doesNotContainKey("durableNotifyStreamJanitor");
	}

	@Configuration(proxyBeanMethods = false)
	static class Asking {

		final Optional<StreamReader> optional;

		final @Nullable EventLog nullable;

		final List<StreamWriter> list;

		final Map<String, StreamReader> map;

		final Optional<StreamReader> ofFamily;

		final ObjectProvider<SseStreams> provider;

		final ObjectProvider<StreamWriter> providerOfFamily;

		final ChangeNotifier changes;

		@Nullable NotificationListener notRequired;

		Asking(Optional<StreamReader> optional, @Nullable EventLog nullable, ObjectProvider<List<StreamWriter>> list,
				Optional<Map<String, StreamReader>> map, @Qualifier("answers") Optional<StreamReader> ofFamily,
				ObjectProvider<SseStreams> provider,
				@Qualifier("answers") ObjectProvider<StreamWriter> providerOfFamily, ChangeNotifier changes) {
			this.optional = optional;
			this.nullable = nullable;
			this.list = list.getIfAvailable(List::of);
			this.map = map.orElse(Map.of());
			this.ofFamily = ofFamily;
			this.provider = provider;
			this.providerOfFamily = providerOfFamily;
			this.changes = changes;
		}

		@Autowired(required = false)
		void set(NotificationListener listener) {
			this.notRequired = listener;
		}

	}

	@Test
	void whatIsInjectedOptionallyIsThereOnPostgres() {
		this.onPostgres.withUserConfiguration(Asking.class).run((context) -> {
			Asking asking = context.getBean(Asking.class);
			assertThat(asking.optional).containsSame(context.getBean(StreamReader.class));
			assertThat(asking.nullable).isNotNull();
			assertThat(asking.ofFamily).isPresent();
			assertThat(asking.provider.getIfAvailable()).isNotNull();
			assertThat(asking.notRequired).isNotNull();
		});
	}

	/**
	 * Filters are created with the web server, long before other beans.
	 */
	@Test
	void aFilterThatAsksOptionallyIsServed() {
		try (Instance instance = Instance.start(postgres,
				(application) -> application.web(WebApplicationType.SERVLET).sources(WebApplication.class),
				"spring.datasource.url=jdbc:h2:mem:filter", "server.port=0")) {
			assertThat(instance.bean(AskingFilter.class).reader).isEmpty();
		}
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	@Import(AskingFilter.class)
	static class WebApplication {

	}

	static class AskingFilter extends OncePerRequestFilter {

		final Optional<StreamReader> reader;

		AskingFilter(Optional<StreamReader> reader) {
			this.reader = reader;
		}

		@Override
		protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
				throws ServletException, IOException {
			chain.doFilter(request, response);
		}

	}

	@Test
	void usersLazyBeansOfSimilarNamesStayAsTheyAre() {
		this.h2.withBean("durableNotifyDemo", String.class, () -> "demo", (definition) -> definition.setLazyInit(true))
			.run((context) -> assertThat(context.getBean("durableNotifyDemo")).isEqualTo("demo"));
	}

	@Test
	void usersOwnBeansAreUsed() {
		StreamReader own = mock(StreamReader.class);
		this.h2.withBean(StreamReader.class, () -> own)
			.run((context) -> assertThat(context.getBean(StreamReader.class)).isSameAs(own));
	}

	@Test
	void theHealthIsUpAndNamesTheDatabase() {
		this.h2.run((context) -> {
			Health health = context.getBean("durableNotifyHealthIndicator", HealthIndicator.class).health();
			assertThat(health.getStatus()).isEqualTo(Status.UP);
			assertThat(health.getDetails()).containsOnlyKeys("database", "delivery")
				.containsEntry("delivery", "within this JVM");
			assertThat((String) health.getDetails().get("database")).startsWith("H2 2.");
		});
	}

	@Test
	void anApplicationStartsOnAnyOtherDatabase() throws Exception {
		DataSource dataSource = mock(DataSource.class, RETURNS_DEEP_STUBS);
		Connection connection = dataSource.getConnection();
		given(connection.getMetaData().getDatabaseProductName()).willReturn("SomeDB");
		given(connection.getMetaData().getDatabaseProductVersion()).willReturn("1.0");
		this.contextRunner.withBean(DataSource.class, () -> dataSource).withBean(Listening.class).run((context) -> {
			assertThat(context).hasNotFailed();
			context.getBean(ChangeNotifier.class).publish("profiles", "7");
		});
	}

	@Test
	void aDatabaseIsAskedOnceWhatItIs() throws Exception {
		DataSource dataSource = mock(DataSource.class, RETURNS_DEEP_STUBS);
		Connection connection = dataSource.getConnection();
		given(connection.getMetaData().getDatabaseProductName()).willReturn("SomeDB");
		clearInvocations(dataSource);
		this.contextRunner.withBean(DataSource.class, () -> dataSource).run((context) -> {
			assertThatExceptionOfType(NoSuchBeanDefinitionException.class)
				.isThrownBy(() -> context.getBean(StreamReader.class));
			verify(dataSource).getConnection();
		});
	}

	@Test
	void backsOffWithUsersChangeNotifier() {
		ChangeNotifier own = mock(ChangeNotifier.class);
		for (WebApplicationContextRunner runner : List.of(this.h2, this.onPostgres)) {
			runner.withBean(ChangeNotifier.class, () -> own)
				.run((context) -> assertThat(context).getBean(ChangeNotifier.class).isSameAs(own));
		}
	}

	@Test
	void nothingIsThereWhereItIsTurnedOff() {
		this.h2.withPropertyValues("durable-notify.enabled=false")
			.withBean(Listening.class)
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(ChangeNotifier.class));
	}

	@Test
	void onPostgresEverythingIsCreatedAtStartUp() {
		this.onPostgres.run(OtherDatabaseTests::assertThatAllIsThere);
	}

	@Test
	void onPostgresEverythingIsCreatedAtStartUpAlsoWhereAllBeansAreLazy() {
		this.onPostgres
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withBean("other", Object.class)
			.run((context) -> {
				assertThatAllIsThere(context);
				assertThat(context.getBeanFactory().containsSingleton("other")).isFalse();
			});
	}

	private static void assertThatAllIsThere(ConfigurableApplicationContext context) {
		ConfigurableListableBeanFactory beanFactory = context.getBeanFactory();
		assertThat(beanFactory.getBeanDefinitionNames()).filteredOn((name) -> name.startsWith("durableNotify"))
			.hasSizeGreaterThan(20)
			.contains("durableNotifyStreamReader.answers", "durableNotifySseStreams", "durableNotifyChangeNotifier")
			.allMatch(beanFactory::containsSingleton);
		assertThat(context.getBean(NotificationListener.class).state().status())
			.isEqualTo(ListenerState.Status.LISTENING);
		assertThat(context.getBean("durableNotifyStreamJanitor", Lifecycle.class).isRunning()).isTrue();
	}

	@Test
	void onPostgresUsersBeansOfSimilarNamesStayAsTheyAre() {
		this.onPostgres
			.withBean("durableNotifyDemo", Object.class, Object::new,
					(definition) -> definition.setScope(BeanDefinition.SCOPE_PROTOTYPE))
			.withBean("durableNotifyRequest", Object.class, Object::new, (definition) -> definition.setScope("request"))
			.run((context) -> assertThat(context).hasNotFailed());
	}

	@Test
	void lazyBeansStayAwayOnOtherDatabasesWhereAllBeansAreLazy() {
		this.h2
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.run((context) -> {
				assertThat(context).hasNotFailed();
				assertThat(created(context.getBeanFactory(), Schema.class)).isEmpty();
				assertThat(created(context.getBeanFactory(), ApplicationDatabase.class)).isNotEmpty();
			});
	}

}
