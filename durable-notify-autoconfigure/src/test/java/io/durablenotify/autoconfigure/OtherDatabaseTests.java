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

import java.sql.Connection;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import javax.sql.DataSource;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.listener.ListenerState;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.PostgresRequiredException;
import io.durablenotify.schema.Schema;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.Lifecycle;

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

	@BeforeAll
	static void createDatabase() {
		postgres = PostgresServer.shared().createDatabase();
	}

	@Test
	void anApplicationStartsAndHearsItsOwnChanges() {
		this.h2.withBean(Listening.class).run((context) -> {
			context.getBean(ChangeNotifier.class).publish("profiles", "7");
			List<String> heard = context.getBean(Listening.class).heard;
			Eventually.await(() -> !heard.isEmpty(), heard::toString);
			assertThat(heard).containsExactly("7");
		});
	}

	static class Listening {

		final List<String> heard = new CopyOnWriteArrayList<>();

		@ChangeListener("profiles")
		void on(Change change) {
			this.heard.add(change.key());
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

	private static List<String> created(ConfigurableListableBeanFactory beanFactory, Class<?> type) {
		return Arrays.stream(beanFactory.getBeanNamesForType(type, true, false))
			.filter(beanFactory::containsSingleton)
			.toList();
	}

	@Test
	void whatNeedsPostgresIsRefusedWheneverItIsAskedFor() {
		this.h2.run((context) -> {
			for (int i = 0; i < 2; i++) {
				assertThatExceptionOfType(BeanCreationException.class)
					.isThrownBy(() -> context.getBean(StreamReader.class))
					.withRootCauseInstanceOf(PostgresRequiredException.class)
					.withMessageContaining("need PostgreSQL; the DataSource is H2 2.")
					.withMessageContaining("ChangeNotifier works there within one JVM.");
			}
			assertThat(context.getBeanProvider(ChangeNotifier.class).getIfUnique()).isNotNull();
		});
	}

	@Test
	void theHealthIsUpAndTellsTheDatabase() {
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
			assertThatExceptionOfType(BeanCreationException.class)
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
