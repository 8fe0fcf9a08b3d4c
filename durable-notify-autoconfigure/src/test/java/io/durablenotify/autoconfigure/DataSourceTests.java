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
import java.net.InetAddress;
import java.net.Socket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.stream.Stream;

import javax.net.SocketFactory;
import javax.sql.DataSource;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.durablenotify.listener.ListenerConnectionDetails;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import org.apache.commons.dbcp2.BasicDataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.ds.PGSimpleDataSource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the kinds of {@link DataSource} that applications have. The poll is off, so
 * that nothing arrives but by a wake-up.
 */
class DataSourceTests {

	private static final String ROLE = "application_" + ProcessHandle.current().pid();

	private static final String LISTENER_ROLE = "listener_" + ProcessHandle.current().pid();

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance other;

	private static String url;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, TransactionAutoConfiguration.class,
				DurableNotifyAutoConfiguration.class))
		.withUserConfiguration(WorkFeatures.Sources.class)
		.withPropertyValues("durable-notify.poll.interval=0", "durable-notify.listener.application-name=tested");

	@BeforeAll
	static void start() {
		url = database.url().substring(0, database.url().indexOf('?'));
		database.jdbc().execute("CREATE ROLE " + ROLE + " LOGIN PASSWORD 'secret'");
		database.jdbc().execute("CREATE ROLE " + LISTENER_ROLE + " LOGIN PASSWORD 'other secret'");
		database.jdbc().execute("GRANT USAGE ON SCHEMA durable_notify TO " + ROLE);
		database.jdbc()
			.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA durable_notify TO " + ROLE);
	}

	@AfterAll
	static void stop() {
		database.jdbc().execute("DROP OWNED BY " + ROLE);
		database.jdbc().execute("DROP ROLE " + ROLE + ", " + LISTENER_ROLE);
	}

	static Stream<Arguments> dataSources() {
		return Stream.of(kind("PGSimpleDataSource", DataSourceTests::pgSimpleDataSource),
				kind("SimpleDriverDataSource", DataSourceTests::simpleDriverDataSource),
				kind("DriverManagerDataSource", () -> new DriverManagerDataSource(url, ROLE, "secret")),
				kind("Hikari", () -> hikari(new HikariConfig())), kind("Hikari by the name of a class", () -> {
					HikariConfig config = new HikariConfig();
					config.setDataSourceClassName(PGSimpleDataSource.class.getName());
					config.addDataSourceProperty("url", url);
					return hikari(config);
				}), kind("DBCP2", DataSourceTests::dbcp2), kind("Tomcat", DataSourceTests::tomcat),
				kind("Lazy DBCP2", () -> new LazyConnectionDataSourceProxy(dbcp2())),
				kind("Lazy", () -> new LazyConnectionDataSourceProxy(simpleDriverDataSource())),
				kind("TransactionAware", () -> new TransactionAwareDataSourceProxy(simpleDriverDataSource())),
				kind("TransactionAware Lazy Hikari",
						() -> new TransactionAwareDataSourceProxy(
								new LazyConnectionDataSourceProxy(hikari(new HikariConfig())))),
				kind("Lazy TransactionAware PGSimpleDataSource",
						() -> new LazyConnectionDataSourceProxy(
								new TransactionAwareDataSourceProxy(pgSimpleDataSource()))),
				kind("Hikari without autocommit", () -> {
					HikariConfig config = new HikariConfig();
					config.setAutoCommit(false);
					return hikari(config);
				}), kind("Hikari of one", () -> {
					HikariConfig config = new HikariConfig();
					config.setMaximumPoolSize(1);
					return hikari(config);
				}), kind("Lazy Hikari of one without autocommit", () -> {
					HikariConfig config = new HikariConfig();
					config.setMaximumPoolSize(1);
					config.setAutoCommit(false);
					return new LazyConnectionDataSourceProxy(hikari(config));
				}));
	}

	private static Arguments kind(String name, Supplier<DataSource> dataSource) {
		return Arguments.argumentSet(name, dataSource);
	}

	private static DataSource pgSimpleDataSource() {
		PGSimpleDataSource dataSource = new PGSimpleDataSource();
		dataSource.setUrl(url);
		dataSource.setUser(ROLE);
		dataSource.setPassword("secret");
		return dataSource;
	}

	private static DataSource simpleDriverDataSource() {
		return new SimpleDriverDataSource(new org.postgresql.Driver(), url, ROLE, "secret");
	}

	private static DataSource dbcp2() {
		BasicDataSource dataSource = new BasicDataSource();
		dataSource.setUrl(url);
		dataSource.setUsername(ROLE);
		dataSource.setPassword("secret");
		return dataSource;
	}

	private static DataSource tomcat() {
		org.apache.tomcat.jdbc.pool.DataSource dataSource = new org.apache.tomcat.jdbc.pool.DataSource();
		dataSource.setDriverClassName("org.postgresql.Driver");
		dataSource.setUrl(url);
		dataSource.setUsername(ROLE);
		dataSource.setPassword("secret");
		return dataSource;
	}

	private static HikariDataSource hikari(HikariConfig config) {
		if (config.getDataSourceClassName() == null) {
			config.setJdbcUrl(url);
		}
		config.setUsername(ROLE);
		config.setPassword("secret");
		config.setMinimumIdle(1);
		config.setConnectionTimeout(10_000);
		return new HikariDataSource(config);
	}

	@ParameterizedTest
	@MethodSource("dataSources")
	void worksWithUsersDataSource(Supplier<DataSource> dataSource) {
		this.contextRunner.withBean(DataSource.class, dataSource).run((context) -> {
			assertThatItWorks(context);
			try (WorkFeatures features = WorkFeatures.listen(context, "kinds/" + System.nanoTime())) {
				features.use("text");
			}
		});
	}

	@Test
	void worksWithBootsPool() {
		withBootsPool().run(this::assertThatItWorks);
	}

	@Test
	void worksWithBootsPoolOfOneWithoutAutoCommit() {
		withBootsPool()
			.withPropertyValues("spring.datasource.hikari.auto-commit=false",
					"spring.datasource.hikari.maximum-pool-size=1", "spring.datasource.hikari.connection-timeout=10000")
			.run(this::assertThatItWorks);
	}

	@Test
	void worksWithASimpleDriverDataSourceBuiltByBoot() {
		withBootsPool()
			.withPropertyValues("spring.datasource.type=org.springframework.jdbc.datasource.SimpleDriverDataSource")
			.run(this::assertThatItWorks);
	}

	private ApplicationContextRunner withBootsPool() {
		return this.contextRunner.withPropertyValues("spring.datasource.url=" + url,
				"spring.datasource.username=" + ROLE, "spring.datasource.password=secret",
				"spring.datasource.hikari.minimum-idle=1");
	}

	private void assertThatItWorks(AssertableApplicationContext context) {
		assertThat(context).hasNotFailed();
		StreamWriter writer = context.getBean(StreamWriter.class);
		StreamReader reader = context.getBean(StreamReader.class);
		assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		assertThat(context.getBean(ListenerConnectionDetails.class).getDriverConnectionDetails().username())
			.isEqualTo(ROLE);
		String stream = "kinds/" + System.nanoTime();
		RecordingHandler here = new RecordingHandler();
		RecordingHandler there = new RecordingHandler();
		reader.subscribe(stream, StreamPosition.start(), here);
		other.reader().subscribe(stream, StreamPosition.start(), there);
		writer.append(stream, "outside");
		assertThat(other.reader().info(stream)).hasValueSatisfying((info) -> assertThat(info.nextIndex()).isOne());
		here.awaitChunks(1);
		there.awaitChunks(1);
		new TransactionTemplate(context.getBean(PlatformTransactionManager.class)).executeWithoutResult((status) -> {
			writer.append(stream, "inside");
			assertThat(other.reader().info(stream)).hasValueSatisfying((info) -> assertThat(info.nextIndex()).isOne());
			assertThat(reader.info(stream)).hasValueSatisfying((info) -> assertThat(info.nextIndex()).isEqualTo(2));
		});
		new TransactionTemplate(context.getBean(PlatformTransactionManager.class)).executeWithoutResult((status) -> {
			writer.append(stream, "rolled back");
			status.setRollbackOnly();
		});
		there.awaitChunks(2);
		other.writer().append(stream, "elsewhere");
		here.awaitChunks(3);
		writer.complete(stream);
		assertThat(here.awaitComplete().texts()).containsExactly("outside", "inside", "elsewhere");
		assertThat(there.awaitComplete().texts()).containsExactly("outside", "inside", "elsewhere");
	}

	@Test
	void aLiveReadBehindATransactionAwareProxyLeavesTheCallersTransactionAlone() {
		this.contextRunner
			.withBean(DataSource.class, () -> new TransactionAwareDataSourceProxy(simpleDriverDataSource()))
			.run((context) -> {
				StreamReader reader = context.getBean(StreamReader.class);
				new TransactionTemplate(context.getBean(PlatformTransactionManager.class))
					.executeWithoutResult((status) -> {
						context.getBean(StreamWriter.class).append("apart", "rolled back");
						reader.subscribe("apart", StreamPosition.end(), new RecordingHandler()).cancel();
						status.setRollbackOnly();
					});
				assertThat(reader.info("apart")).isEmpty();
			});
	}

	@Test
	void keepsThePoolsDriverPropertiesForTheListener() {
		RecordingSocketFactory.threads.clear();
		withBootsPool()
			.withPropertyValues(
					"spring.datasource.hikari.data-source-properties.socketFactory="
							+ RecordingSocketFactory.class.getName(),
					"spring.datasource.hikari.data-source-properties.tcpNoDelay=true")
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(RecordingSocketFactory.threads).contains("durable-notify-listener");
			});
	}

	@Test
	void keepsThePoolsDriverPropertiesBesideAUrlOfItsOwn() {
		withBootsPool()
			.withPropertyValues("durable-notify.listener.url=" + url,
					"spring.datasource.hikari.data-source-properties.tcpNoDelay=true")
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(context.getBean(ListenerConnectionDetails.class).getDriverConnectionDetails().properties())
					.isEqualTo(Map.of("tcpNoDelay", "true"));
			});
	}

	@Test
	void aListenerUrlWithoutCredentialsUsesThoseInTheApplicationsUrl() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=" + url + "?user=" + ROLE + "&password=se%63ret",
					"durable-notify.listener.url=" + url)
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(database.jdbc()
					.queryForObject("SELECT usename FROM pg_stat_activity WHERE application_name = 'tested'",
							String.class))
					.isEqualTo(ROLE);
			});
	}

	@Test
	void theApplicationNameIsTheListenersAlsoWhereTheUrlHasAnother() {
		withBootsPool().withPropertyValues("spring.datasource.url=" + url + "?ApplicationName=another")
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(database.backends("tested")).hasSize(1);
			});
	}

	@Test
	void aListenerWithoutAUrlUsesTheApplicationsCredentials() {
		withBootsPool().run((context) -> assertThat(listenersRoles()).containsExactly(ROLE));
	}

	@Test
	void aListenerUrlWithoutCredentialsUsesTheApplications() {
		withBootsPool().withPropertyValues("durable-notify.listener.url=" + url).run((context) -> {
			assertThatItWorks(context);
			assertThat(listenersRoles()).containsExactly(ROLE);
		});
	}

	@Test
	void aListenerUrlWithCredentialsIsUsedAsItIs() {
		withBootsPool().withPropertyValues("durable-notify.listener.url=" + url,
				"durable-notify.listener.username=" + LISTENER_ROLE, "durable-notify.listener.password=other secret")
			.run((context) -> assertThat(listenersRoles()).containsExactly(LISTENER_ROLE));
	}

	private static List<String> listenersRoles() {
		return database.jdbc()
			.queryForList("SELECT usename FROM pg_stat_activity WHERE application_name = 'tested'", String.class);
	}

	/**
	 * Keeps the names of the threads that connect. Created by the driver, by its name.
	 */
	public static class RecordingSocketFactory extends SocketFactory {

		static final List<String> threads = new CopyOnWriteArrayList<>();

		@Override
		public Socket createSocket() {
			threads.add(Thread.currentThread().getName());
			return new Socket();
		}

		@Override
		public Socket createSocket(String host, int port) throws IOException {
			return new Socket(host, port);
		}

		@Override
		public Socket createSocket(String host, int port, InetAddress localHost, int localPort) throws IOException {
			return new Socket(host, port, localHost, localPort);
		}

		@Override
		public Socket createSocket(InetAddress host, int port) throws IOException {
			return new Socket(host, port);
		}

		@Override
		public Socket createSocket(InetAddress address, int port, InetAddress localAddress, int localPort)
				throws IOException {
			return new Socket(address, port, localAddress, localPort);
		}

	}

}
