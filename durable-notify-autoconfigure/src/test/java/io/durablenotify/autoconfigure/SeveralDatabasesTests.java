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
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.DurableNotifyDataSource;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.method.HandlerMethodException;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.ds.PGSimpleDataSource;

import org.springframework.aop.framework.ProxyFactory;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.datasource.lookup.AbstractRoutingDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for applications with several databases: those that choose among them by the
 * thread, and those that have a DataSource for each.
 */
class SeveralDatabasesTests {

	private static TestDatabase first;

	private static TestDatabase second;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, TransactionAutoConfiguration.class,
				DurableNotifyAutoConfiguration.class))
		.withPropertyValues("durable-notify.poll.interval=0");

	@BeforeEach
	void createDatabases() {
		first = PostgresServer.shared().createDatabase();
		second = PostgresServer.shared().createDatabase();
	}

	static Stream<Arguments> wrappers() {
		return Stream.of(wrapper("none", (routing) -> routing),
				wrapper("Lazy", (routing) -> new LazyConnectionDataSourceProxy(routing)),
				wrapper("TransactionAware", TransactionAwareDataSourceProxy::new),
				wrapper("Delegating Lazy",
						(routing) -> new DelegatingDataSource(new LazyConnectionDataSourceProxy(routing))),
				wrapper("AOP", (routing) -> {
					ProxyFactory factory = new ProxyFactory(routing);
					factory.setInterfaces(DataSource.class);
					return (DataSource) factory.getProxy();
				}), wrapper("JDBC wrapper", UnwrappableDataSource::new), wrapper("Hikari", (routing) -> {
					HikariDataSource pool = new HikariDataSource();
					pool.setDataSource(routing);
					return pool;
				}));
	}

	private static Arguments wrapper(String name, UnaryOperator<DataSource> wrapper) {
		return Arguments.argumentSet(name, wrapper);
	}

	@ParameterizedTest
	@MethodSource("wrappers")
	void aDataSourceThatRoutesIsRefusedAndNothingIsWritten(UnaryOperator<DataSource> wrapper) {
		this.contextRunner.withBean(DataSource.class, () -> wrapper.apply(new TenantDataSource()))
			.withPropertyValues("durable-notify.listener.url=" + first.url())
			.run((context) -> {
				assertThat(context).getFailure()
					.rootCause()
					.isInstanceOf(InvalidConfigurationPropertyValueException.class);
				assertThat(context).getFailure()
					.rootCause()
					.message()
					.contains("Property durable-notify.data-source.single-database with value 'false' is invalid: ",
							"chooses among several databases", TenantDataSource.class.getName(),
							"@DurableNotifyDataSource", "durable-notify.data-source.single-database=true");
			});
		assertThat(hasSchema(first)).isFalse();
		assertThat(hasSchema(second)).isFalse();
	}

	private static boolean hasSchema(TestDatabase database) {
		return !database.jdbc()
			.queryForList("SELECT nspname FROM pg_namespace WHERE nspname = 'durable_notify'", String.class)
			.isEmpty();
	}

	@Test
	void besideOneThatRoutesTheQualifiedOneIsUsed() {
		this.contextRunner.withUserConfiguration(Tenants.class).run((context) -> {
			TenantDataSource.tenant.set("first");
			try {
				assertThatItIsThatOf(context, second);
			}
			finally {
				TenantDataSource.tenant.remove();
			}
			assertThat(hasSchema(first)).isFalse();
		});
	}

	@Test
	void aDataSourceThatRoutesToAPrimaryAndItsReplicasIsUsedIfConfigured() {
		this.contextRunner.withUserConfiguration(ReadWriteSplit.class)
			.withPropertyValues("durable-notify.data-source.single-database=true")
			.run((context) -> {
				assertThatItIsThatOf(context, first);
				StreamWriter writer = context.getBean(StreamWriter.class);
				TransactionTemplate transaction = transaction(context);
				transaction.executeWithoutResult((status) -> {
					writer.append("rolled-back", "a");
					status.setRollbackOnly();
				});
				assertThat(context.getBean(StreamReader.class).info("rolled-back")).isEmpty();
				transaction.setReadOnly(true);
				transaction
					.executeWithoutResult((status) -> assertThat(new JdbcTemplate(context.getBean(DataSource.class))
						.queryForObject("SELECT current_database()", String.class)).isEqualTo(name(second)));
			});
		assertThat(hasSchema(second)).isFalse();
	}

	private static TransactionTemplate transaction(AssertableApplicationContext context) {
		return new TransactionTemplate(context.getBean(PlatformTransactionManager.class));
	}

	/**
	 * All of it: what is written, what is read live, and what listens.
	 */
	private static void assertThatItIsThatOf(AssertableApplicationContext context, TestDatabase database) {
		assertThat(context).hasNotFailed();
		assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		RecordingHandler handler = new RecordingHandler();
		context.getBean(StreamReader.class).subscribe("stream", StreamPosition.start(), handler);
		context.getBean(StreamWriter.class).append("stream", "a");
		handler.awaitChunks(1);
		assertThat(database.jdbc()
			.queryForList("SELECT name FROM durable_notify.streams WHERE name = 'stream'", String.class)).hasSize(1);
		assertThat(database.backends("durable-notify-listener")).hasSize(1);
		assertThat(database.backends("durable-notify-lease")).hasSize(1);
	}

	private static String name(TestDatabase database) {
		return String.valueOf(database.jdbc().queryForObject("SELECT current_database()", String.class));
	}

	private static DataSource dataSource(TestDatabase database) {
		return new DriverManagerDataSource(database.url());
	}

	@Test
	void besideAPrimaryOneOfAnotherProductTheQualifiedOneIsUsed() {
		this.contextRunner.withUserConfiguration(H2AndPostgres.class)
			.run((context) -> assertThatItIsThatOf(context, first));
	}

	@Test
	void withoutAPrimaryOneTheQualifiedOneIsUsed() {
		this.contextRunner.withUserConfiguration(TwoPostgres.class).run((context) -> {
			assertThatItIsThatOf(context, second);
			assertThat(hasSchema(first)).isFalse();
			StreamWriter writer = context.getBean(StreamWriter.class);
			new TransactionTemplate(context.getBean("secondTransactions", PlatformTransactionManager.class))
				.executeWithoutResult((status) -> {
					writer.append("joined", "a");
					status.setRollbackOnly();
				});
			new TransactionTemplate(context.getBean("firstTransactions", PlatformTransactionManager.class))
				.executeWithoutResult((status) -> {
					writer.append("foreign", "a");
					status.setRollbackOnly();
				});
			assertThat(context.getBean(StreamReader.class).info("joined")).isEmpty();
			assertThat(context.getBean(StreamReader.class).info("foreign")).isPresent();
		});
	}

	@Test
	void besideBootsOwnTheQualifiedOneThatIsNoDefaultCandidateIsUsed() {
		this.contextRunner.withUserConfiguration(Additional.class)
			.withPropertyValues("spring.datasource.url=" + first.url(), "spring.datasource.hikari.minimum-idle=1")
			.run((context) -> {
				assertThat(context.getBean(DataSource.class)).isInstanceOf(HikariDataSource.class);
				assertThatItIsThatOf(context, second);
				assertThat(context.getBean(ApplicationDatabase.class).getDataSource())
					.isSameAs(context.getBean("additional"));
			});
		assertThat(hasSchema(first)).isFalse();
	}

	@Test
	void aTransactionalListenerRunsInATransactionOfTheQualifiedOne() {
		second.jdbc().execute("CREATE TABLE handled (name text)");
		this.contextRunner
			.withUserConfiguration(PrimaryAndQualified.class, QualifiedTransactions.class, TransactionalListener.class)
			.run((context) -> {
				assertThat(context).hasBean("transactionManager");
				context.getBean(WorkQueue.class).enqueue(WorkRequest.of("names", "a"));
				Supplier<List<String>> handled = () -> second.jdbc()
					.queryForList("SELECT name FROM handled", String.class);
				Eventually.await(() -> !handled.get().isEmpty(), handled);
				assertThat(handled.get()).containsExactly("a");
			});
	}

	@Test
	void aTransactionalListenerNeedsATransactionManagerOfTheQualifiedOne() {
		this.contextRunner.withUserConfiguration(PrimaryAndQualified.class, TransactionalListener.class)
			.run((context) -> assertThat(context).getFailure()
				.cause()
				.isInstanceOf(HandlerMethodException.class)
				.hasMessageStartingWith("@WorkListener method ")
				.hasMessageEndingWith(" cannot be used: A transactional listener of work needs a "
						+ "PlatformTransactionManager of the DataSource that durable-notify uses: define one, or set "
						+ "transactional to false"));
	}

	@Test
	void twoQualifiedOnesAreRefused() {
		this.contextRunner.withUserConfiguration(TwoQualified.class)
			.run((context) -> assertThat(context.getStartupFailure())
				.hasStackTraceContaining("expected single matching bean but found 2: one,two"));
	}

	/**
	 * Chooses by what the calling thread has set.
	 */
	static class TenantDataSource extends AbstractRoutingDataSource {

		static final ThreadLocal<@Nullable String> tenant = new ThreadLocal<>();

		TenantDataSource() {
			setTargetDataSources(Map.of("first", dataSource(first), "second", dataSource(second)));
			setDefaultTargetDataSource(dataSource(first));
			afterPropertiesSet();
		}

		@Override
		protected @Nullable Object determineCurrentLookupKey() {
			return tenant.get();
		}

	}

	/**
	 * A wrapper of no class that is known, but one that can be unwrapped.
	 */
	static class UnwrappableDataSource extends AbstractDataSource {

		private final DataSource wrapped;

		UnwrappableDataSource(DataSource wrapped) {
			this.wrapped = wrapped;
		}

		@Override
		public Connection getConnection() throws SQLException {
			return this.wrapped.getConnection();
		}

		@Override
		public Connection getConnection(String username, String password) throws SQLException {
			return this.wrapped.getConnection(username, password);
		}

		@Override
		public <T> T unwrap(Class<T> type) throws SQLException {
			return this.wrapped.unwrap(type);
		}

		@Override
		public boolean isWrapperFor(Class<?> type) throws SQLException {
			return this.wrapped.isWrapperFor(type);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Tenants {

		@Bean
		@Primary
		DataSource tenants() {
			return new TenantDataSource();
		}

		@Bean
		@DurableNotifyDataSource
		DataSource shared() {
			return dataSource(second);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class ReadWriteSplit {

		@Bean
		DataSource dataSource() {
			AbstractRoutingDataSource routing = new AbstractRoutingDataSource() {

				@Override
				protected Object determineCurrentLookupKey() {
					return (TransactionSynchronizationManager.isCurrentTransactionReadOnly()) ? "replica" : "primary";
				}

			};
			routing.setTargetDataSources(Map.of("replica", SeveralDatabasesTests.dataSource(second), "primary",
					SeveralDatabasesTests.dataSource(first)));
			routing.setDefaultTargetDataSource(SeveralDatabasesTests.dataSource(first));
			routing.afterPropertiesSet();
			return new LazyConnectionDataSourceProxy(routing);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class H2AndPostgres {

		@Bean
		@Primary
		DataSource h2() {
			return new DriverManagerDataSource("jdbc:h2:mem:several");
		}

		@Bean
		@DurableNotifyDataSource
		DataSource postgres() {
			PGSimpleDataSource dataSource = new PGSimpleDataSource();
			dataSource.setUrl(first.url());
			return dataSource;
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class TwoPostgres {

		@Bean
		DataSource firstDataSource() {
			return dataSource(first);
		}

		@Bean
		@DurableNotifyDataSource
		DataSource secondDataSource() {
			return dataSource(second);
		}

		@Bean
		PlatformTransactionManager firstTransactions(DataSource firstDataSource) {
			return new JdbcTransactionManager(firstDataSource);
		}

		@Bean
		PlatformTransactionManager secondTransactions(@DurableNotifyDataSource DataSource dataSource) {
			return new JdbcTransactionManager(dataSource);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Additional {

		@Bean(defaultCandidate = false)
		@DurableNotifyDataSource
		DataSource additional() {
			return dataSource(second);
		}

	}

	/**
	 * Boot makes a transaction manager of the first.
	 */
	@Configuration(proxyBeanMethods = false)
	static class PrimaryAndQualified {

		@Bean
		@Primary
		DataSource firstDataSource() {
			return dataSource(first);
		}

		@Bean
		@DurableNotifyDataSource
		DataSource secondDataSource() {
			return dataSource(second);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class QualifiedTransactions {

		@Bean(defaultCandidate = false)
		PlatformTransactionManager secondTransactions(@DurableNotifyDataSource DataSource dataSource) {
			return new JdbcTransactionManager(dataSource);
		}

	}

	static class TransactionalListener {

		private final DataSource dataSource;

		TransactionalListener(@DurableNotifyDataSource DataSource dataSource) {
			this.dataSource = dataSource;
		}

		@WorkListener(queue = "names", transactional = true)
		void on(String name) {
			assertThat(TransactionSynchronizationManager.hasResource(this.dataSource)).isTrue();
			new JdbcTemplate(this.dataSource).update("INSERT INTO handled VALUES (?)", name);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class TwoQualified {

		@Bean
		@DurableNotifyDataSource
		DataSource one() {
			return dataSource(first);
		}

		@Bean
		@DurableNotifyDataSource
		DataSource two() {
			return dataSource(second);
		}

	}

}
