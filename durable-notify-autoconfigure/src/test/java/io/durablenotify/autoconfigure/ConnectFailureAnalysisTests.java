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

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Ports;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for what is said where there is no connection: by the DataSource, by the
 * migration and by the listener.
 */
class ConnectFailureAnalysisTests {

	private static final String DATABASE = "The database cannot be reached, so that schema 'durable_notify' can be neither "
			+ "migrated nor checked: no connection to ";

	private static final String LISTENER = "durable-notify cannot listen: no connection to ";

	private static final String ROLE = "limited_" + ProcessHandle.current().pid();

	@Fixture
	private static TestDatabase database;

	private static String url;

	private BeanFactory beanFactory;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, DurableNotifyAutoConfiguration.class))
		.withInitializer((context) -> this.beanFactory = context.getBeanFactory())
		.withPropertyValues("spring.datasource.password=secret", "spring.datasource.hikari.connection-timeout=250",
				"spring.datasource.hikari.minimum-idle=0");

	@BeforeAll
	static void createDatabaseAndRole() {
		url = database.url().substring(0, database.url().indexOf('?'));
		database.jdbc().execute("CREATE ROLE " + ROLE + " LOGIN PASSWORD 'secret'");
		String name = url.substring(url.lastIndexOf('/') + 1);
		database.jdbc().execute("GRANT CREATE ON DATABASE %s TO %s".formatted(name, ROLE));
	}

	@AfterAll
	static void dropRole() {
		database.jdbc().execute("DROP OWNED BY " + ROLE);
		database.jdbc().execute("DROP ROLE " + ROLE);
	}

	private FailureAnalysis analysis(AssertableApplicationContext context) {
		assertThat(context).hasFailed();
		FailureAnalysis analysis = new SchemaFailureAnalyzer(this.beanFactory).analyze(context.getStartupFailure());
		if (analysis == null) {
			MockEnvironment environment = new MockEnvironment().withProperty("durable-notify.listener.url", "set");
			analysis = new ListenerFailureAnalyzer(this.beanFactory, environment).analyze(context.getStartupFailure());
		}
		assertThat(analysis).isNotNull();
		assertThat(analysis.getDescription()).doesNotContain("secret");
		assertThat(analysis.getAction()).doesNotContain("secret");
		return analysis;
	}

	/**
	 * Run with a DataSource that leads to a URL, then with a listener that does.
	 */
	private void assertThatIsExplained(String url, String username, String target, String reason, String action) {
		this.contextRunner.withPropertyValues("spring.datasource.url=" + url, "spring.datasource.username=" + username)
			.run((context) -> {
				FailureAnalysis analysis = analysis(context);
				assertThat(analysis.getDescription()).startsWith(DATABASE + target + " as user '" + username + "': ")
					.contains(reason);
				assertThat(analysis.getAction()).contains(action.replace("$", "spring.datasource."))
					.endsWith(" The schema is needed at start-up, also with durable-notify.listener.fail-fast=false.");
			});
		this.contextRunner
			.withPropertyValues("spring.datasource.url=" + database.url(), "durable-notify.listener.url=" + url,
					"durable-notify.listener.username=" + username, "durable-notify.listener.password=secret")
			.run((context) -> {
				FailureAnalysis analysis = analysis(context);
				assertThat(analysis.getDescription()).startsWith(LISTENER + target + " as user '" + username + "': ")
					.contains(reason);
				assertThat(analysis.getAction()).contains(action.replace("$", "durable-notify.listener."))
					.endsWith(". Or set durable-notify.listener.fail-fast=false to start on polling and go on trying.");
			});
	}

	private static String target(String url) {
		return url.substring("jdbc:postgresql://".length());
	}

	@Test
	void aRoleThatDoesNotExist() {
		assertThatIsExplained(url, "nobody_knows", target(url), "\"nobody_knows\"", "$username");
	}

	@Test
	void aRoleOfThePoolAloneThatDoesNotExist() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=" + url, "spring.datasource.hikari.username=nobody_knows")
			.run((context) -> assertThat(analysis(context).getDescription())
				.startsWith(DATABASE + target(url) + " as user 'nobody_knows': "));
	}

	/**
	 * Properties of Boot's are no part of it, also where Boot has a pool of its own.
	 */
	@Test
	void aDataSourceThatTheApplicationDefines() {
		this.contextRunner
			.withPropertyValues("spring.datasource.url=" + database.url(), "durable-notify.schema.migrate=false")
			.withUserConfiguration(Qualified.class)
			.run((context) -> {
				FailureAnalysis analysis = analysis(context);
				assertThat(context).getFailure().hasStackTraceContaining(" as user 'nobody_knows': ");
				assertThat(analysis.getAction())
					.contains("or set the username of the DataSource that durable-notify uses to another role.")
					.doesNotContain("spring.datasource");
			});
	}

	@Configuration(proxyBeanMethods = false)
	static class Qualified {

		@Bean(defaultCandidate = false)
		@DurableNotifyDataSource
		DataSource messages() {
			return new DriverManagerDataSource(url, "nobody_knows", "secret");
		}

	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void aDataSourceOfTheParentOrOfTheChildItself(boolean own) throws Exception {
		try (RefusingServer server = new RefusingServer("28P01", "password authentication failed")) {
			String refusing = "jdbc:postgresql://127.0.0.1:%d/orders".formatted(server.port());
			new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class))
				.withPropertyValues("spring.datasource.url=" + ((own) ? database.url() : refusing),
						"spring.datasource.hikari.connection-timeout=250")
				.run((parent) -> this.contextRunner.withParent(parent)
					.withUserConfiguration((own) ? new Class<?>[] { OfChild.class } : new Class<?>[0])
					.withPropertyValues("test.url=" + refusing)
					.run((context) -> assertThat(analysis(context).getAction()).contains((own)
							? "Set the username and the password of the DataSource that durable-notify uses to those of "
							: "Set spring.datasource.username and spring.datasource.password to those of ")));
		}
	}

	/**
	 * In place of the parent's, whose details are Boot's.
	 */
	@Configuration(proxyBeanMethods = false)
	static class OfChild {

		@Bean
		DataSource dataSource(Environment environment) {
			return new DriverManagerDataSource(environment.getRequiredProperty("test.url"), "app", "secret");
		}

	}

	@Test
	void aRoleThatMayNotLogIn() {
		database.jdbc().execute("ALTER ROLE %s NOLOGIN".formatted(ROLE));
		try {
			assertThatIsExplained(url, ROLE, target(url), ROLE,
					"Make sure that the role exists, that it may log in, and ");
		}
		finally {
			database.jdbc().execute("ALTER ROLE %s LOGIN".formatted(ROLE));
		}
	}

	@Test
	void aDatabaseThatDoesNotExist() {
		String other = url.substring(0, url.lastIndexOf('/')) + "/no_such_database";
		assertThatIsExplained(other, ROLE, target(other), "\"no_such_database\"",
				"Create the database, or set $url to one that exists.");
	}

	@Test
	void aDatabaseThatTheRoleMayNotConnectTo() {
		String closed = PostgresServer.shared().createDatabase().url();
		closed = closed.substring(0, closed.indexOf('?'));
		database.jdbc()
			.execute("REVOKE CONNECT ON DATABASE %s FROM PUBLIC"
				.formatted(closed.substring(closed.lastIndexOf('/') + 1)));
		assertThatIsExplained(closed, ROLE, target(closed), "permission denied",
				"Let the role connect to the database, or set $url and $username to others.");
	}

	@Test
	void aServerWithoutTls() {
		assertThatIsExplained(url + "?sslmode=require", ROLE, target(url), "SSL", "sslmode in $url");
	}

	@Test
	void aHostThatDoesNotExist() {
		assertThatIsExplained("jdbc:postgresql://db.invalid:5433/orders", "app", "db.invalid:5433/orders", "db.invalid",
				"Make sure that a server accepts connections at this address, or set $url to another one.");
	}

	@Test
	void aServerThatIsNotThere() throws Exception {
		try (Socket unused = Ports.reserve()) {
			String target = "127.0.0.1:%d/orders".formatted(unused.getLocalPort());
			assertThatIsExplained("jdbc:postgresql://" + target, "app", target, "refused",
					"Make sure that a server accepts connections at this address, or set $url to another one.");
		}
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					28P01 | password authentication failed for user "app" | Set $username and $password to those of a role of this server.
					28000 | no pg_hba.conf entry for host "1.2.3.4", user "app", database "orders", no encryption | pg_hba.conf lets it in
					57P03 | the database system is starting up | Start again when the server accepts connections
					53300 | sorry, too many clients already | Free connections, raise the limit
					55000 | database "orders" is not currently accepting connections | Let the role connect to the database
					XX000 | something else | Make sure that
					""")
	void aServerThatRefuses(String state, String message, String action) throws Exception {
		try (RefusingServer server = new RefusingServer(state, message)) {
			String target = "127.0.0.1:%d/orders".formatted(server.port());
			assertThatIsExplained("jdbc:postgresql://" + target, "app", target, "FATAL: " + message, action);
		}
	}

	/**
	 * The pool has the only connection that the role may have: the migration gets none.
	 */
	@Test
	void aRoleWithTooFewConnectionsForTheMigration() {
		database.jdbc().execute("ALTER ROLE %s CONNECTION LIMIT 1".formatted(ROLE));
		try {
			this.contextRunner
				.withPropertyValues("spring.datasource.url=" + url, "spring.datasource.username=" + ROLE,
						"spring.datasource.hikari.minimum-idle=1", "spring.datasource.hikari.maximum-pool-size=1")
				.run((context) -> {
					FailureAnalysis analysis = analysis(context);
					assertThat(analysis.getDescription())
						.startsWith(DATABASE + target(url) + " as user '" + ROLE + "': FATAL: too many connections");
					assertThat(analysis.getAction()).startsWith("Free connections, raise the limit of the server ");
				});
		}
		finally {
			database.jdbc().execute("ALTER ROLE %s CONNECTION LIMIT -1".formatted(ROLE));
		}
	}

	/**
	 * Answers each connect with an error, as a server does.
	 */
	private static final class RefusingServer implements AutoCloseable {

		private static final int SSL_REQUEST = 80877103;

		private static final int GSS_REQUEST = 80877104;

		private final ServerSocket socket;

		private final byte[] answer;

		RefusingServer(String state, String message) throws IOException {
			this.socket = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
			byte[] fields = "SFATAL\0VFATAL\0C%s\0M%s\0\0".formatted(state, message).getBytes(StandardCharsets.UTF_8);
			this.answer = ByteBuffer.allocate(fields.length + 5)
				.put((byte) 'E')
				.putInt(fields.length + 4)
				.put(fields)
				.array();
			Thread thread = new Thread(this::serve, "refusing-server");
			thread.setDaemon(true);
			thread.start();
		}

		int port() {
			return this.socket.getLocalPort();
		}

		private void serve() {
			while (!this.socket.isClosed()) {
				try (Socket client = this.socket.accept()) {
					DataInputStream input = new DataInputStream(client.getInputStream());
					while (true) {
						int length = input.readInt();
						int code = input.readInt();
						input.skipNBytes(length - 8);
						if (code != SSL_REQUEST && code != GSS_REQUEST) {
							break;
						}
						client.getOutputStream().write('N');
					}
					client.getOutputStream().write(this.answer);
				}
				catch (IOException ex) {
					// Closed, or the client was
				}
			}
		}

		@Override
		public void close() throws IOException {
			this.socket.close();
		}

	}

}
