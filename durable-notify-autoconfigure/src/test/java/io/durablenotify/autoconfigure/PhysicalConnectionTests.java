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
import java.sql.Statement;
import java.util.List;
import java.util.stream.Stream;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.util.Credentials;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.Schema;
import io.durablenotify.schema.SchemaMigrator;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.OpaqueDataSource;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import io.durablenotify.testsupport.WrappingDriver;
import org.apache.commons.dbcp2.BasicDataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.jdbc.datasource.UserCredentialsDataSourceAdapter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the connections beside the pool's: the migration's, the listener's and that
 * of the leases. They are opened as the pool opens its own. Each test has a database
 * without our schema, and roles of which only the owner may create it.
 */
class PhysicalConnectionTests {

	private static final String SUFFIX = "_" + ProcessHandle.current().pid();

	private static final String OWNER = "shop_owner" + SUFFIX;

	private static final String FIRST = "shop_first" + SUFFIX;

	private static final String SECOND = "shop_second" + SUFFIX;

	private static final String SET_ROLE = "SET ROLE " + OWNER;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, DurableNotifyAutoConfiguration.class))
		.withUserConfiguration(WorkFeatures.Sources.class)
		.withPropertyValues("spring.application.name=tested", "spring.datasource.hikari.minimum-idle=1",
				"durable-notify.poll.interval=0");

	@Fixture
	private TestDatabase database;

	private String url;

	@BeforeEach
	void createDatabaseAndRoles() {
		this.url = this.database.url().substring(0, this.database.url().indexOf('?'));
		this.database.jdbc().execute("CREATE ROLE " + OWNER + " NOLOGIN");
		this.database.jdbc()
			.execute("GRANT CREATE ON DATABASE %s TO %s".formatted(this.url.substring(this.url.lastIndexOf('/') + 1),
					OWNER));
		for (String role : List.of(FIRST, SECOND)) {
			this.database.jdbc().execute("CREATE ROLE %s LOGIN NOINHERIT PASSWORD 'secret'".formatted(role));
			this.database.jdbc().execute("GRANT %s TO %s".formatted(OWNER, role));
		}
	}

	@AfterEach
	void dropRoles() {
		for (String role : List.of(FIRST, SECOND, OWNER)) {
			this.database.jdbc().execute("DROP OWNED BY " + role);
			this.database.jdbc().execute("DROP ROLE " + role);
		}
	}

	private void assertThatItWorks(AssertableApplicationContext context) {
		assertThat(context).hasNotFailed();
		assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		String stream = "stream/" + System.nanoTime();
		RecordingHandler handler = new RecordingHandler();
		context.getBean(StreamReader.class).subscribe(stream, StreamPosition.start(), handler);
		// Needs a lease
		try (StreamAppender appender = context.getBean(StreamWriter.class).appender(stream)) {
			appender.append("a");
			appender.complete();
		}
		assertThat(handler.awaitComplete().texts()).containsExactly("a");
		try (WorkFeatures features = WorkFeatures.listen(context, stream)) {
			features.use("text");
		}
	}

	private List<String> owners() {
		return this.database.jdbc()
			.queryForList("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'durable_notify'",
					String.class);
	}

	private List<String> users(String applicationName) {
		return this.database.jdbc()
			.queryForList("SELECT usename FROM pg_stat_activity WHERE application_name = ? AND datname = "
					+ "current_database()", String.class, applicationName);
	}

	@Test
	void credentialsThatOnlyThePoolHasAreUsed() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=" + this.url, "spring.datasource.hikari.username=" + FIRST,
					"spring.datasource.hikari.password=secret",
					"spring.datasource.hikari.connection-init-sql=" + SET_ROLE)
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(users("tested-listener")).containsExactly(FIRST);
				assertThat(users("tested-lease")).containsExactly(FIRST);
			});
	}

	@Test
	void aUrlThatOnlyThePoolHasIsUsed() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=jdbc:postgresql://invalid/none",
					"spring.datasource.hikari.jdbc-url=" + this.database.url())
			.run(this::assertThatItWorks);
	}

	@Test
	void credentialsThatAreRotatedInThePoolAreUsedForTheNextConnections() {
		withLogin(FIRST).run((context) -> {
			assertThatItWorks(context);
			HikariDataSource pool = context.getBean(HikariDataSource.class);
			pool.setCredentials(Credentials.of(SECOND, "secret"));
			pool.getHikariPoolMXBean().softEvictConnections();
			this.database.jdbc().execute("ALTER ROLE %s NOLOGIN".formatted(FIRST));
			this.database.terminate("tested-listener");
			this.database.terminate("tested-lease");
			Eventually.await(
					() -> users("tested-listener").equals(List.of(SECOND))
							&& users("tested-lease").equals(List.of(SECOND)),
					() -> context.getBean(NotificationListener.class).state());
			assertThatItWorks(context);
		});
	}

	private ApplicationContextRunner withLogin(String role) {
		return this.contextRunner.withPropertyValues("spring.datasource.url=" + this.url,
				"spring.datasource.username=" + role, "spring.datasource.password=secret",
				"spring.datasource.hikari.connection-init-sql=" + SET_ROLE);
	}

	@Test
	void tablesBelongToTheRoleThatThePoolSets() {
		withLogin(FIRST).run((context) -> {
			assertThatItWorks(context);
			assertThat(owners()).containsExactly(OWNER);
		});
		withLogin(SECOND).run(this::assertThatItWorks);
		withLogin(SECOND).withPropertyValues("durable-notify.schema.migrate=false").run(this::assertThatItWorks);
	}

	static Stream<String> poolsWithARole() {
		return Stream.of("dbcp2", "tomcat", "wrapper", "wrapped pool");
	}

	@ParameterizedTest
	@MethodSource("poolsWithARole")
	void tablesBelongToTheRoleThatAnyPoolSets(String kind) {
		for (String login : List.of(FIRST, SECOND)) {
			this.contextRunner.withBean(DataSource.class, () -> pool(kind, login)).run((context) -> {
				assertThatItWorks(context);
				assertThat(owners()).containsExactly(OWNER);
			});
		}
	}

	@Test
	void leasesHaveTheRoleThatTheWrapperSetsAlsoWithAMigratorOfTheApplication() {
		withLogin(FIRST).run(this::assertThatItWorks);
		this.contextRunner.withBean(DataSource.class, () -> pool("wrapper", FIRST))
			.withBean(SchemaMigrator.class, () -> () -> new Schema(new SchemaName("durable_notify")))
			.run((context) -> {
				assertThatItWorks(context);
				assertThat(users("tested-lease")).isEmpty();
			});
	}

	private DataSource pool(String kind, String login) {
		return switch (kind) {
			case "dbcp2" -> {
				BasicDataSource pool = new BasicDataSource();
				pool.setUrl(this.url);
				pool.setUsername(login);
				pool.setPassword("secret");
				pool.setConnectionInitSqls(List.of("SET search_path = pg_catalog", SET_ROLE));
				yield pool;
			}
			case "tomcat" -> {
				org.apache.tomcat.jdbc.pool.DataSource pool = new org.apache.tomcat.jdbc.pool.DataSource();
				pool.setUrl(this.url);
				pool.setDriverClassName("org.postgresql.Driver");
				pool.setUsername(login);
				pool.setPassword("secret");
				pool.setInitSQL(SET_ROLE);
				yield pool;
			}
			case "wrapper" -> new RoleDataSource(postgres(login));
			default -> {
				HikariDataSource pool = new HikariDataSource();
				pool.setDataSource(postgres(login));
				pool.setConnectionInitSql(SET_ROLE);
				yield pool;
			}
		};
	}

	private PGSimpleDataSource postgres(String login) {
		PGSimpleDataSource dataSource = new PGSimpleDataSource();
		dataSource.setUrl(this.url);
		dataSource.setUser(login);
		dataSource.setPassword("secret");
		return dataSource;
	}

	/**
	 * Sets the role where nothing shows it.
	 */
	private static final class RoleDataSource extends DelegatingDataSource {

		RoleDataSource(DataSource target) {
			super(target);
		}

		@Override
		public Connection getConnection() throws SQLException {
			Connection connection = super.getConnection();
			try (Statement statement = connection.createStatement()) {
				statement.execute(SET_ROLE);
			}
			return connection;
		}

	}

	/**
	 * The target has no credentials, which the driver would take from elsewhere.
	 */
	@Test
	void aWrapperThatHasTheCredentialsIsNotSeenThrough() {
		this.database.jdbc()
			.execute("GRANT CREATE ON DATABASE %s TO %s".formatted(this.url.substring(this.url.lastIndexOf('/') + 1),
					FIRST));
		ApplicationContextRunner runner = this.contextRunner.withBean(DataSource.class, () -> {
			UserCredentialsDataSourceAdapter adapter = new UserCredentialsDataSourceAdapter();
			adapter.setTargetDataSource(new SimpleDriverDataSource(new org.postgresql.Driver(), this.url));
			adapter.setUsername(FIRST);
			adapter.setPassword("secret");
			return adapter;
		});
		runner.run((context) -> assertThat(context.getStartupFailure())
			.hasStackTraceContaining("set durable-notify.listener.url, durable-notify.listener.username and"));
		runner.withPropertyValues("durable-notify.listener.url=" + this.url + "?user=" + FIRST + "&password=secret")
			.run(this::assertThatItWorks);
	}

	@Test
	void aDriverThatHandsOnToPostgresIsUsed() {
		withDriver("jdbc:wrapping:").run((context) -> {
			assertThatItWorks(context);
			assertThat(context.getBean(NotificationListener.class).state().status()).isEqualTo(Status.LISTENING);
		});
	}

	private ApplicationContextRunner withDriver(String prefix) {
		return this.contextRunner.withPropertyValues(
				"spring.datasource.url=" + this.database.url().replaceFirst("jdbc:", prefix),
				"spring.datasource.driver-class-name=" + WrappingDriver.class.getName());
	}

	@Test
	void whereAConnectionCannotBeListenedOnTheMessageNamesThePropertyThatHelps() {
		withDriver("jdbc:opaque:").run((context) -> assertThat(context.getStartupFailure()).hasStackTraceContaining(
				" cannot be listened on: set durable-notify.listener.url to the jdbc:postgresql: one"));
		withDriver("jdbc:opaque:").withPropertyValues("durable-notify.listener.url=" + this.database.url())
			.run(this::assertThatItWorks);
	}

	@ParameterizedTest
	@ValueSource(strings = { "true", "false" })
	void aDataSourceThatShowsNothingMigratesAndLeasesByPooledConnections(boolean credentialsInTheUrl) {
		this.database.jdbc()
			.execute("GRANT CREATE ON DATABASE %s TO %s".formatted(this.url.substring(this.url.lastIndexOf('/') + 1),
					FIRST));
		ApplicationContextRunner runner = this.contextRunner.withBean(DataSource.class,
				() -> new OpaqueDataSource(postgres(FIRST)));
		runner.run((context) -> assertThat(context.getStartupFailure())
			.hasStackTraceContaining("No URL can be derived from the DataSource of type ")
			.hasStackTraceContaining("set durable-notify.listener.url, durable-notify.listener.username and"));
		String[] listener = (credentialsInTheUrl)
				? new String[] { "durable-notify.listener.url=" + this.url + "?user=" + SECOND + "&password=secret" }
				: new String[] { "durable-notify.listener.url=" + this.url,
						"durable-notify.listener.username=" + SECOND, "durable-notify.listener.password=secret" };
		runner.withPropertyValues(listener).run((context) -> {
			assertThatItWorks(context);
			assertThat(owners()).containsExactly(FIRST);
			assertThat(users("tested-lease")).isEmpty();
			assertThat(users("tested-listener")).containsExactly(SECOND);
		});
	}

}
