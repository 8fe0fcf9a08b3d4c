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

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.event.EventLog;
import io.durablenotify.listener.ListenerExceptions;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.Ports;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.web.SseStreams;
import io.durablenotify.work.WorkListener;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.context.support.GenericApplicationContext;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * Tests for what is printed when an application does not start.
 */
@ExtendWith(OutputCaptureExtension.class)
class FailureAnalysisTests {

	private static final Pattern REPORT = Pattern.compile("APPLICATION FAILED TO START\\R\\*+\\R\\R"
			+ "Description:\\R\\R(.*)\\R\\RAction:\\R\\R(.*?)\\R\\R(?=\\d{4}-|\\z)", Pattern.DOTALL);

	private static final String H2 = "spring.datasource.url=jdbc:h2:mem:analysis";

	@Fixture
	private static TestDatabase shared;

	/**
	 * Nothing listens to its port.
	 */
	@AutoClose
	private static Socket unused = Ports.reserve();

	private final String role = "weak_" + ProcessHandle.current().pid();

	private TestDatabase database;

	private CapturedOutput output;

	/**
	 * What is printed.
	 */
	private record Analysis(String description, String action) {
	}

	@BeforeEach
	void prepare(CapturedOutput output) {
		this.database = shared;
		this.output = output;
	}

	private Analysis failureOf(String... properties) {
		return failureOf(WebApplicationType.NONE, properties);
	}

	private Analysis failureOf(WebApplicationType type, String... properties) {
		return failureOf((application) -> application.web(type), properties);
	}

	private Analysis failureOf(Consumer<SpringApplicationBuilder> customizer, String... properties) {
		try (Instance instance = Instance.start(this.database,
				customizer.andThen((application) -> application.sources(WebApplication.class)), properties)) {
			return fail("Started");
		}
		catch (RuntimeException ex) {
			Matcher report = REPORT.matcher(this.output.getAll());
			assertThat(report.find()).as(this.output.getAll()).isTrue();
			return new Analysis(report.group(1), report.group(2));
		}
	}

	@Test
	void aValueThatCannotBeUsedIsNamedWithWhatIsAllowed() {
		Analysis analysis = failureOf("durable-notify.poll.interval=5ms");
		assertThat(analysis.description())
			.startsWith("Invalid value '5ms' for configuration property 'durable-notify.poll.interval'")
			.endsWith("\n\nMust be 0, or 50ms to 1d, but is 5ms.");
		assertThat(analysis.action()).isEqualTo("Review the value of the property with the provided reason.");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
			poll: {interval: 5ms}                                       | Must be 0
			streams: {families: {answers: {prefix: a/, retention: 5ms}}} | Must be 1s
			streams: {retention: 7}                                     | '7' has no unit
			streams: {append-buffer: 64}                                | '64' has no unit
			schema: {name: Orders}                                      | Must have 1 to 48
			listener: {url: 'postgres://host/secret'}                   | begins with 'postgres:'
			wakeup: {mode: in-transaction}                              | Must be after-commit or none
			""")
	void theLineIsNamedThatHasTheValue(String yaml, String problem, @TempDir Path directory) throws Exception {
		Path file = Files.writeString(directory.resolve("own.yml"),
				"# A comment\ndurable-notify: {%s}".formatted(yaml));
		Analysis analysis = failureOf("spring.config.additional-location=" + file.toUri());
		assertThat(analysis.description()).contains("own.yml] - 2:").contains(problem);
		assertThat(this.output).doesNotContain("secret");
	}

	@ParameterizedTest
	@ValueSource(strings = { "DURABLENOTIFY_POLL_INTERVAL", "DURABLE_NOTIFY_POLL_INTERVAL" })
	void theEnvironmentVariableIsNamedThatHasTheValue(String variable) {
		SystemEnvironmentPropertySource source = new SystemEnvironmentPropertySource("x-systemEnvironment",
				Map.of(variable, "5ms"));
		Analysis analysis = failureOf((application) -> application.web(WebApplicationType.NONE)
			.initializers((context) -> context.getEnvironment().getPropertySources().addLast(source)));
		assertThat(analysis.description())
			.startsWith(
					"Invalid value '5ms' for configuration property 'durable-notify.poll.interval' (originating from ")
			.contains(variable);
	}

	@Test
	void aModeOfWakeupsThatWasRemovedIsRefusedWithTheReason() {
		assertThat(failureOf("durable-notify.wakeup.mode=in-transaction").description())
			.startsWith("Invalid value 'in-transaction' for configuration property 'durable-notify.wakeup.mode'")
			.endsWith("\n\nMust be after-commit or none. The mode in-transaction has been removed: only instances of "
					+ "durable-notify understand its notifications. For other listeners, send a NOTIFY of your own.");
	}

	@Test
	void aSwitchWithoutAValueIsRefused() {
		assertThat(failureOf("durable-notify.enabled=").description())
			.startsWith("Invalid value '' for configuration property 'durable-notify.enabled'")
			.endsWith("Must be true or false");
	}

	@ParameterizedTest
	@ValueSource(strings = { "yess", "0.1" })
	void aSwitchThatIsNeitherOnNorOffIsRefused(String value) {
		assertThat(failureOf("durable-notify.enabled=" + value).description()).contains("durable-notify.enabled",
				"Value: \"%s\"".formatted(value));
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			host/events?token=secret        | must begin with http:// or https://
			ftp://host/secret               | must begin with http:// or https://
			https://user:secret@host/events | must have no user and password before its host
			https:///secret                 | must have a valid host after http:// or https://
			https://host/a secret           | is no valid URL: Illegal character in path at index 14
			""")
	void aUrlOfAReceiverThatCannotBeUsedIsExplainedAndNotShown(String url, String problem) {
		Analysis analysis = failureOf("durable-notify.outbox.http.orders.url=" + url);
		assertThat(analysis.description()).startsWith(
				"The property durable-notify.outbox.http.orders.url %s. It originates from '".formatted(problem));
		assertThat(analysis.action()).isEqualTo((problem.contains("password"))
				? "Remove them, and have a bean of type OutboxHttpCustomizer add credentials."
				: "Set it to where events are to be posted, such as https://host/events.");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void aUrlOfAReceiverThatIsMissingIsSaidToBe() {
		Analysis analysis = failureOf("durable-notify.outbox.http.orders.mode=binary");
		assertThat(analysis.description()).isEqualTo("The property durable-notify.outbox.http.orders.url is missing.");
		assertThat(analysis.action()).startsWith("Set it to where events are to be posted");
	}

	@Test
	void twoSendersOfOneNameAreNamed() {
		Analysis analysis = failureOf(
				(application) -> application.web(WebApplicationType.NONE).sources(OwnSender.class),
				"durable-notify.outbox.http.orders.url=https://host/events");
		assertThat(analysis.description())
			.matches("The outbox has two senders with the name 'orders': a bean of type \\S+OwnSender\\$1 and "
					+ "durable-notify\\.outbox\\.http\\.orders\\.");
		assertThat(analysis.action()).startsWith("Give one of them another name.");
	}

	@Test
	void aKafkaSenderWithoutProducersIsExplained() {
		Analysis analysis = failureOf("durable-notify.outbox.kafka.orders.topic=orders");
		assertThat(analysis.description())
			.isEqualTo("The property durable-notify.outbox.kafka.orders is set, but there "
					+ "is no single bean of type org.springframework.kafka.core.ProducerFactory.");
		assertThat(analysis.action()).startsWith("Set spring.kafka.bootstrap-servers");
	}

	@Configuration(proxyBeanMethods = false)
	static class OwnSender {

		@Bean
		OutboxSender sender() {
			return new OutboxSender() {

				@Override
				public String name() {
					return "orders";
				}

				@Override
				public void send(OutboxMessage message) {
				}

			};
		}

	}

	@ParameterizedTest
	@ValueSource(strings = { "retention", "retentoin" })
	void aFamilyWithoutAPrefixIsRefused(String property) {
		assertThat(failureOf("durable-notify.streams.families.answers.%s=1d".formatted(property)).description())
			.startsWith("Invalid value '' for configuration property 'durable-notify.streams.families.answers.prefix'.")
			.endsWith("It is what the names of the family's streams begin with, such as 'answers/'.");
	}

	@Test
	void twoFamiliesOfOnePrefixAreRefused() {
		assertThat(
				failureOf("durable-notify.streams.families.a.prefix=x/", "durable-notify.streams.families.b.prefix=x/")
					.description())
			.containsPattern("^Invalid value 'x/' for configuration property "
					+ "'durable-notify\\.streams\\.families\\.[ab]\\.prefix'")
			.containsPattern("Must differ from durable-notify\\.streams\\.families\\.[ab]\\.prefix\\. One prefix may "
					+ "begin with another\\.$");
	}

	@ParameterizedTest
	@ValueSource(strings = { "Answers", "chat-answers", "1st", "[a_b]", "[a b]" })
	void aFamilyIsRefusedWhoseNameIsNoQualifierThatEveryPropertySourceCanSpell(String name) {
		assertThat(failureOf("durable-notify.streams.families.%s.prefix=x/".formatted(name)).description())
			.startsWith("Invalid value '%s' for configuration property 'durable-notify.streams.families'."
				.formatted(name.replaceAll("[\\[\\]]", "")))
			.endsWith("The name of a family must have lower-case letters and digits, beginning with a letter.");
	}

	@Test
	void aHeartbeatIntervalThatCannotBeUsedIsNamedWithWhatIsAllowed() {
		assertThat(failureOf(WebApplicationType.SERVLET, "server.port=0", "durable-notify.sse.heartbeat-interval=0")
			.description())
			.startsWith("Invalid value '0' for configuration property 'durable-notify.sse.heartbeat-interval'")
			.endsWith("Must be 50ms to 1d, but is 0.");
	}

	@Test
	void aRetentionWithoutAUnitIsRefused() {
		assertThat(failureOf("durable-notify.streams.retention=7").description())
			.startsWith("Failed to bind properties under 'durable-notify.streams.retention' to java.time.Duration:")
			.contains("Value: \"7\"")
			.contains("'7' has no unit. Write 7d, 7h, 7m, 7s or 7ms: a number alone would be milliseconds");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			streams.lease                       | 30sek | a number with its unit, such as 30d, 12h, 5m, 30s or 500ms
			work.queues.mail.backoff.delay      | 5 sec | a number with its unit, such as 30d, 12h, 5m, 30s or 500ms
			streams.append-buffer               | 64XB  | a whole number with its unit, such as 1GB, 64MB, 256KB or 100B
			work.concurrency                    | many  | a whole number
			work.queues.mail.prefetch           | 1.5   | a whole number
			delivery.max-threads                | 99999999999 | a whole number
			listener.backoff.multiplier         | twice | a number
			""")
	void aValueThatCannotBeReadIsExplainedWithWhatItMustBe(String property, String value, String rule) {
		assertThat(failureOf("durable-notify.%s=%s".formatted(property, value)).description())
			.contains("durable-notify." + property)
			.contains("Value: \"%s\"".formatted(value))
			.contains("Origin: ")
			.contains("'%s' must be %s)".formatted(value, rule));
	}

	@Test
	void aSizeWithoutAUnitIsRefused() {
		assertThat(failureOf("durable-notify.streams.append-buffer=64").description())
			.startsWith("Failed to bind properties under 'durable-notify.streams.append-buffer' to ")
			.contains("Value: \"64\"")
			.contains("'64' has no unit. Write 64MB, 64KB or 64B: a number alone would be bytes");
	}

	@Test
	void neitherListenerNorPollIsRefused() {
		assertThat(failureOf("durable-notify.listener.enabled=false", "durable-notify.poll.interval=0").description())
			.startsWith("Invalid value '0' for configuration property 'durable-notify.poll.interval'")
			.contains("durable-notify.listener.enabled is false")
			.contains("Turn the listener on, or set durable-notify.poll.interval.");
	}

	@Test
	void aPasswordWithoutAUsernameIsRefused() {
		assertThat(failureOf("durable-notify.listener.url=jdbc:postgresql://host/db?user=me",
				"durable-notify.listener.password=secret")
			.description())
			.startsWith("Property durable-notify.listener.password must not be set without "
					+ "durable-notify.listener.username. It originates from ");
		assertThat(this.output).doesNotContain("secret");
	}

	@ParameterizedTest
	@ValueSource(strings = { "username", "password" })
	void credentialsWithoutAUrlAreRefused(String property) {
		Analysis analysis = failureOf("durable-notify.listener.%s=secret".formatted(property));
		assertThat(analysis.description())
			.startsWith("Property durable-notify.listener.%s must not be set without ".formatted(property))
			.contains(" It originates from ");
		assertThat(analysis.action()).startsWith("Set durable-notify.listener.url, and ");
		assertThat(this.output).doesNotContain("secret");
	}

	@ParameterizedTest
	@ValueSource(strings = { "postgres://user:secret@host/db", "postgresql://user:secret@host:5432/db",
			"jdbc:postgres://host/db?password=secret", "user:secret@host/db", "secret", "host:5432/secret",
			"jdbc:oracle:thin:user/secret@host", "jdbc:postgresql://user:secret@host/db",
			"jdbc:postgresql://user:secret@host:5432/db?ssl=true", "jdbc:postgresql://secret@host,other/db" })
	void aUrlThatIsNotOneForJdbcIsRefusedWithoutShowingItsSecrets(String url) {
		Analysis analysis = failureOf("durable-notify.listener.url=" + url);
		assertThat(analysis.description()).startsWith("Property durable-notify.listener.url ");
		assertThat(analysis.action()).startsWith("Use jdbc:postgresql://host:port/database, and ")
			.contains("durable-notify.listener.username");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void theSchemeOfAUrlThatIsNotOneForJdbcIsNamed() {
		assertThat(failureOf("durable-notify.listener.url=postgres://user:secret@host/db").description())
			.contains("'postgres:'");
	}

	@ParameterizedTest
	@ValueSource(strings = { "", "?user=somebody&password=secret" })
	void aFirstConnectThatFailsIsExplainedWithoutSecrets(String parameters) {
		String address = "127.0.0.1:" + unused.getLocalPort();
		Analysis analysis = failureOf("durable-notify.listener.url=jdbc:postgresql://" + address + "/db" + parameters,
				"durable-notify.listener.username=somebody", "durable-notify.listener.password=secret");
		assertThat(analysis.description())
			.startsWith("durable-notify cannot listen: no connection to %s/db as user 'somebody': ".formatted(address))
			.contains("refused");
		assertThat(analysis.action()).isEqualTo(
				"Make sure that a server accepts connections at this address, or set durable-notify.listener.url "
						+ "to another one. Or set durable-notify.listener.fail-fast=false to start on polling and go on trying.");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void aUrlThatTheDriverDoesNotUnderstandIsExplainedWithoutSecrets() {
		Analysis analysis = failureOf(
				"durable-notify.listener.url=jdbc:postgresql://127.0.0.1:port/db?user=somebody&password=secret");
		assertThat(analysis.description()).startsWith("durable-notify cannot listen: ");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void aDatabaseThatCannotBeReachedShowsNoSecrets() {
		String url = "jdbc:postgresql://127.0.0.1:%d/db?password=secret".formatted(unused.getLocalPort());
		Analysis analysis = failureOf("spring.datasource.url=" + url, "spring.datasource.password=secret",
				"spring.datasource.hikari.connection-timeout=250");
		assertThat(analysis.description())
			.startsWith("The database cannot be reached, so that schema 'durable_notify' can be neither migrated nor "
					+ "checked: no connection to 127.0.0.1:")
			.contains("/db as user '")
			.contains("refused");
		assertThat(analysis.action()).contains("accepts connections");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void aRoleThatDoesNotExistIsNamed() {
		String url = withoutParameters(this.database.url());
		Analysis analysis = failureOf("spring.datasource.url=" + url, "spring.datasource.username=nobody_knows",
				"spring.datasource.password=secret");
		assertThat(analysis.description())
			.startsWith("The database cannot be reached, so that schema 'durable_notify' can be neither migrated nor "
					+ "checked: no connection to %s as user 'nobody_knows': FATAL: "
						.formatted(url.substring("jdbc:postgresql://".length())))
			.contains("\"nobody_knows\"");
		assertThat(analysis.action()).contains("spring.datasource.username").doesNotContain("leads to a server");
		assertThat(this.output).doesNotContain("secret");
	}

	@Test
	void aListenerThatReceivesNothingIsExplained() {
		TestDatabase other = PostgresServer.shared().createDatabase();
		Analysis analysis = failureOf("durable-notify.listener.url=" + other.url(),
				"durable-notify.listener.probe.timeout=200ms");
		assertThat(analysis.description()).startsWith("durable-notify cannot hear notifications on ")
			.contains("one sent from another connection did not arrive within 200ms")
			.contains("pooler in transaction mode");
		assertThat(analysis.action()).isEqualTo("Set durable-notify.listener.url to reach PostgreSQL directly, or "
				+ "durable-notify.listener.enabled=false to run on polling alone (delay up to 5s).");
	}

	@Test
	void aListenerThatReceivesNothingIsExplainedWithTheIntervalOfThePoll() {
		TestDatabase other = PostgresServer.shared().createDatabase();
		Analysis analysis = failureOf("durable-notify.listener.url=" + other.url(),
				"durable-notify.listener.probe.timeout=200ms", "durable-notify.poll.interval=750ms");
		assertThat(analysis.action()).endsWith("to run on polling alone (delay up to 750ms).");
	}

	@Test
	void aStandbyIsExplained() {
		FailureAnalysis analysis = new ListenerFailureAnalyzer(new DefaultListableBeanFactory(), new MockEnvironment())
			.analyze(new BeanCreationException("x", ListenerExceptions.standby("db:5432/x is a standby")));
		assertThat(analysis.getDescription()).isEqualTo("durable-notify cannot listen: db:5432/x is a standby.");
		assertThat(analysis.getAction()).contains("durable-notify.listener.url").contains("targetServerType=primary");
	}

	@Test
	void aRoleWithoutRightsGetsTheSqlForADba() {
		this.database = PostgresServer.shared().createDatabase();
		this.database.jdbc().execute("CREATE ROLE " + dba() + " CREATEROLE");
		asDba("CREATE ROLE " + this.role + " LOGIN PASSWORD 'secret'");
		String[] properties = { "spring.datasource.url=" + withoutParameters(this.database.url()),
				"spring.datasource.username=" + this.role, "spring.datasource.password=secret" };
		Analysis analysis = failureOf(properties);
		assertThat(analysis.description()).startsWith(
				"The application's role may not create schema 'durable_notify' or tables in it: ERROR: permission denied");
		assertThat(analysis.action()).isEqualTo("""
				Let a DBA run this, with the application's role in place of app_role:

				    GRANT app_role TO CURRENT_USER; -- needed unless the DBA is a superuser
				    CREATE SCHEMA IF NOT EXISTS "durable_notify" AUTHORIZATION app_role;

				or migrate with another role and give the application's role what it needs:

				    GRANT USAGE ON SCHEMA "durable_notify" TO app_role;
				    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "durable_notify" TO app_role;

				and set durable-notify.schema.migrate=false.""");
		asDba(sql(analysis.action()).limit(2).collect(Collectors.joining("\n")));
		try (Instance instance = Instance.start(this.database, properties)) {
			instance.awaitStatus(Status.LISTENING);
			assertThat(instance.writer().append("a", "b")).isZero();
		}
		this.database = PostgresServer.shared().createDatabase();
		Instance.start(database).close();
		sql(analysis.action()).skip(2).forEach(this.database.jdbc()::execute);
		try (Instance instance = Instance.start(this.database,
				"spring.datasource.url=" + withoutParameters(this.database.url()), properties[1], properties[2],
				"durable-notify.schema.migrate=false")) {
			assertThat(instance.writer().append("a", "b")).isZero();
			instance.writer().complete("a");
		}
	}

	/**
	 * The role of a DBA who is no superuser, as managed servers have one.
	 */
	private String dba() {
		return this.role + "_dba";
	}

	private void asDba(String sql) {
		JdbcTemplate jdbc = this.database.jdbc();
		String name = jdbc.queryForObject("SELECT quote_ident(current_database())", String.class);
		jdbc.execute(
				"GRANT CREATE ON DATABASE %s TO %s; SET ROLE %s;\n%s;\nRESET ROLE".formatted(name, dba(), dba(), sql));
	}

	private Stream<String> sql(String action) {
		return action.lines()
			.filter((line) -> line.startsWith("    "))
			.map((line) -> line.strip().replace("app_role", this.role));
	}

	private static String withoutParameters(String url) {
		return url.substring(0, url.indexOf('?'));
	}

	@AfterEach
	void dropRoles() {
		for (String dropped : List.of(this.role, dba())) {
			if (this.database.jdbc()
				.queryForObject("SELECT count(*) FROM pg_roles WHERE rolname = ?", Integer.class, dropped) > 0) {
				for (String name : this.database.jdbc()
					.queryForList("SELECT datname FROM pg_database WHERE NOT datistemplate", String.class)) {
					new TestDatabase(this.database.url().replaceFirst("/[^/?]*(\\?|$)", "/" + name + "$1")).jdbc()
						.execute("DROP OWNED BY " + dropped);
				}
				this.database.jdbc().execute("DROP ROLE " + dropped);
			}
		}
	}

	@Test
	void aMissingSchemaThatMustNotBeCreatedIsExplained() {
		this.database = PostgresServer.shared().createDatabase();
		Analysis analysis = failureOf("durable-notify.schema.migrate=false", "durable-notify.schema.name=elsewhere");
		assertThat(analysis.description())
			.isEqualTo("Schema 'elsewhere' lacks the migrations V1__streams.sql, V2__events.sql, V3__changes.sql, "
					+ "V4__least_size.sql, V5__instances.sql, V5_1__stream_writers.sql, V6__cancelled_streams.sql, "
					+ "V6_1__open_streams.sql, V7__run_ends.sql, V7_1__run_end_indexes.sql, V8__server.sql, "
					+ "V9__ids.sql, V9_1__encodings.sql, V9_2__valid_encodings.sql, V10__work.sql, "
					+ "V12__stream_consumers.sql, V13__channels.sql, V14__outbox.sql, V15__event_headers.sql, V16__run_estimates.sql, "
					+ "V17__release_lanes.sql, V18__instance_ids.sql, "
					+ "V19__shared_claims.sql, V20__work_locks.sql, V21__single_claims.sql, V22__suspects.sql, V23__trim_limit.sql, "
					+ "V24__item_bounds.sql, V25__refused_items.sql, V26__cheaper_claims.sql, "
					+ "V27__refused_releases.sql and durable-notify.schema.migrate=false forbids to run them.");
		assertThat(analysis.action()).contains("durable-notify.schema.migrate=true")
			.contains("durable-notify.schema.name")
			.contains("'elsewhere'");
	}

	@ParameterizedTest
	@ValueSource(strings = { "CockroachDB CCL v26.1.0 (x86_64-pc-linux-gnu, built 2026/02/02 12:00:00, go1.23.12)",
			"PostgreSQL 15.12-YB-2025.2.3.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 19.1.0, 64-bit" })
	void aServerThatOnlyLooksLikePostgresIsRefused(String version) {
		this.database = withVersion(version);
		Analysis analysis = failureOf();
		assertThat(analysis.description()).startsWith("durable-notify needs PostgreSQL. The DataSource leads to ")
			.containsAnyOf("to CockroachDB CCL v26.1.0, which has no LISTEN/NOTIFY",
					"to YugabyteDB, PostgreSQL 15.12-YB-2025.2.3.0-b0, which has no numbers and snapshots of transactions");
		assertThat(analysis.action()).contains("PostgreSQL 14 or newer").contains("durable-notify.enabled=false");
	}

	private static TestDatabase withVersion(String version) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		database.jdbc().execute("CREATE SCHEMA shim");
		database.jdbc()
			.execute("CREATE FUNCTION shim.version() RETURNS text LANGUAGE sql AS $$ SELECT '%s'::text $$"
				.formatted(version));
		set(database, "search_path = shim, pg_catalog, public");
		return database;
	}

	private static void set(TestDatabase database, String setting) {
		String name = database.jdbc().queryForObject("SELECT current_database()", String.class);
		database.jdbc().execute("ALTER DATABASE %s SET %s".formatted(name, setting));
	}

	@Test
	void theStartUpLineHasServerVersionAndProvider() {
		this.database = withVersion("PostgreSQL 15.4 on x86_64-pc-linux-gnu");
		set(this.database, "\"rds.extensions\" = 'aurora_stat_utils'");
		String id;
		try (Instance instance = Instance.start(this.database)) {
			id = instance.bean(Wakeups.class).state().instance();
		}
		Instance
			.start(this.database, "durable-notify.schema.migrate=false", "durable-notify.listener.enabled=false",
					"durable-notify.poll.interval=1500ms")
			.close();
		assertThat(this.output.getAll()).containsPattern(" at version \\d+(\\.\\d+)?, not listening, poll 1500ms")
			.containsPattern(
					"durable-notify .*runs on PostgreSQL \\d+\\.\\d+.* \\(Amazon Aurora\\) at [^ ]+/test_\\d+_\\d+ as user [^:]+: "
							+ "schema durable_notify at version \\d+(\\.\\d+)?, listening as instance-listener, poll 5s, "
							+ "wake-ups after commit, instance " + id + "\n");
	}

	@Test
	void aSchemaThatHoldsSomethingElseIsExplained() {
		this.database.jdbc().execute("CREATE SCHEMA taken CREATE TABLE streams (id bigint)");
		Analysis analysis = failureOf("durable-notify.schema.name=taken");
		assertThat(analysis.description()).startsWith("Schema 'taken' could not be migrated: ")
			.contains("non-empty schema");
		assertThat(analysis.action()).contains("durable-notify.schema.name");
	}

	@Test
	void aFamilyThatIsNotThereIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForAFamily.class));
		assertThat(analysis.description()).isEqualTo("Parameter 0 of constructor in " + AskingForAFamily.class.getName()
				+ " required a bean of type 'io.durablenotify.stream.StreamWriter' with the qualifier 'answers' that "
				+ "could not be found.");
		assertThat(analysis.action())
			.isEqualTo("Set durable-notify.streams.families.answers.prefix to what the names of the family's streams "
					+ "begin with, such as 'answers/', or leave the qualifier out for all streams. There are no families "
					+ "of streams.");
	}

	@Test
	void aFamilyThatIsNotThereIsExplainedWithTheFamiliesThatAre() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForAFamily.class),
				"durable-notify.streams.families.chats.prefix=chats/",
				"durable-notify.streams.families.runs.prefix=runs/");
		assertThat(analysis.action()).startsWith("Set durable-notify.streams.families.answers.prefix to ")
			.matches(".* The families of streams are '(chats', 'runs|runs', 'chats)'\\.");
	}

	@Test
	void aQualifierThatNoFamilyCanHaveIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForAnImpossibleFamily.class));
		assertThat(analysis.description()).contains("StreamReader' with the qualifier 'chat-answers'");
		assertThat(analysis.action())
			.startsWith("No family can have the name 'chat-answers': use lower-case letters and "
					+ "digits, beginning with a letter, or leave the qualifier out for all streams.");
	}

	static class AskingForAnImpossibleFamily {

		@Autowired
		void set(@ChatAnswers StreamReader reader) {
		}

	}

	@Qualifier("chat-answers")
	@Retention(RetentionPolicy.RUNTIME)
	@interface ChatAnswers {

	}

	@ParameterizedTest
	@ValueSource(classes = { AskingForAFamilyLater.class, AskingForAQualifiedLog.class, AskingForAMarkedLog.class })
	void anyQualifierThatIsNotThereIsExplained(Class<?> asking) {
		Analysis analysis = failureOf((application) -> application.sources(asking));
		assertThat(analysis.description()).matches("(?s).* bean of type 'io\\.durablenotify\\.\\S+'.*");
		assertThat(analysis.action()).contains("eave the qualifier out");
	}

	static class AskingForAFamilyLater {

		AskingForAFamilyLater(@Qualifier("answers") ObjectProvider<StreamReader> reader) {
			reader.getObject();
		}

	}

	static class AskingForAQualifiedLog {

		AskingForAQualifiedLog(@Qualifier("other") EventLog events) {
		}

	}

	static class AskingForAMarkedLog {

		AskingForAMarkedLog(@Marked EventLog events) {
		}

	}

	@Qualifier
	@Retention(RetentionPolicy.RUNTIME)
	@interface Marked {

	}

	@Test
	void severalDataSourcesAreExplained() {
		Analysis analysis = failureOf(
				(application) -> application.sources(SeveralDataSources.class, AskingForOne.class));
		assertThat(analysis.description()).isEqualTo("Parameter 1 of constructor in " + AskingForOne.class.getName()
				+ " required a bean of type 'io.durablenotify.stream.StreamReader' that is not there, since there are "
				+ "several DataSources and none of them is @Primary: 'first', 'second'.");
		assertThat(analysis.action()).isEqualTo("Annotate the DataSource that durable-notify shall use with "
				+ "@DurableNotifyDataSource, or make it @Primary.");
	}

	@Configuration(proxyBeanMethods = false)
	static class SeveralDataSources {

		@Bean
		DataSource first() {
			return new DriverManagerDataSource("jdbc:h2:mem:first");
		}

		@Bean
		DataSource second() {
			return new DriverManagerDataSource("jdbc:h2:mem:second");
		}

	}

	@Test
	void aMissingDataSourceIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForOne.class),
				"spring.autoconfigure.exclude=" + DataSourceAutoConfiguration.class.getName());
		assertThat(analysis.description())
			.endsWith("'io.durablenotify.stream.StreamReader' that is not there, since there is no DataSource.");
		assertThat(analysis.action()).startsWith("Define a bean of type DataSource. ")
			.contains("R2DBC")
			.endsWith("In a test of a slice of the application, mock StreamReader.");
	}

	@Test
	void aMissingDriverIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForOne.class)
			.resourceLoader(new DefaultResourceLoader(new FilteredClassLoader("org.postgresql"))), H2);
		assertThat(analysis.description()).endsWith("'io.durablenotify.stream.StreamReader' that is not there, since "
				+ "PostgreSQL's JDBC driver is not on the class path.");
		assertThat(analysis.action()).isEqualTo("Add a dependency on org.postgresql:postgresql.");
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			SseStreams         | NONE     | MVC     | Use ReactiveSseStreams in one of Spring WebFlux
			SseRuns            | REACTIVE | MVC     | Use ReactiveSseRuns in one of Spring WebFlux
			ReactiveSseStreams | NONE     | WebFlux | Use SseStreams in one of Spring MVC
			ReactiveSseRuns    | SERVLET  | WebFlux | Use SseRuns in one of Spring MVC
			""")
	void sseInAnotherKindOfApplicationIsExplained(String type, WebApplicationType kind, String framework, String action)
			throws Exception {
		Class<?> asked = Class.forName("io.durablenotify.web." + type);
		Analysis analysis = failureOf((application) -> application.web(kind).initializers(asking(asked)),
				"server.port=0");
		assertThat(analysis.description())
			.contains("'%s' that only a web application of Spring %s has.".formatted(asked.getName(), framework));
		assertThat(analysis.action()).startsWith(action);
	}

	@ParameterizedTest
	@ValueSource(classes = { PrimaryDataSource.class, QualifiedDataSource.class })
	void sseInAnotherKindOfApplicationIsExplainedBesideAnotherDataSource(Class<?> dataSources) {
		Analysis analysis = failureOf(
				(application) -> application.sources(dataSources).initializers(asking(SseStreams.class)));
		assertThat(analysis.description()).endsWith("' that only a web application of Spring MVC has.");
	}

	@ParameterizedTest
	@ValueSource(classes = { PrimaryDataSource.class, QualifiedDataSource.class })
	void whatIsMissingWithoutTheAutoConfigurationIsNotBlamedOnADataSourceThatIsChosen(Class<?> dataSources) {
		Analysis analysis = failureOf((application) -> application.sources(dataSources, AskingForOne.class),
				"spring.autoconfigure.exclude=" + DurableNotifyAutoConfiguration.class.getName());
		assertThat(analysis.description()).contains("that could not be found.");
	}

	@Configuration(proxyBeanMethods = false)
	@Import(SeveralDataSources.class)
	static class PrimaryDataSource {

		@Bean
		@Primary
		DataSource chosen() {
			return new DriverManagerDataSource(shared.url());
		}

	}

	@Configuration(proxyBeanMethods = false)
	@Import(SeveralDataSources.class)
	static class QualifiedDataSource {

		@Bean
		@DurableNotifyDataSource
		DataSource chosen() {
			return new DriverManagerDataSource(shared.url());
		}

	}

	@Test
	void theDataSourceOfAParentIsFound() {
		try (ConfigurableApplicationContext parent = parent(DataSourceAutoConfiguration.class, shared.url())) {
			Analysis analysis = failureOf(
					(application) -> application.parent(parent).initializers(asking(SseStreams.class)));
			assertThat(analysis.description()).endsWith("' that only a web application of Spring MVC has.");
		}
	}

	@Test
	void aBeanOfAParentThatNeedsPostgresOnAnotherDatabaseIsExplained() {
		try (ConfigurableApplicationContext parent = parent(WebApplication.class, "jdbc:h2:mem:analysis")) {
			Analysis analysis = failureOf(
					(application) -> application.parent(parent).initializers(asking(StreamReader.class)),
					"durable-notify.enabled=false");
			assertThat(analysis.description()).startsWith("StreamReader needs PostgreSQL; the DataSource is H2 2.");
		}
	}

	private static ConfigurableApplicationContext parent(Class<?> source, String url) {
		return new SpringApplicationBuilder(source).web(WebApplicationType.NONE)
			.registerShutdownHook(false)
			.properties("spring.datasource.url=" + url)
			.run();
	}

	@Test
	void aBeanThatIsTurnedOffIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(AskingForOne.class), H2,
				"durable-notify.enabled=false");
		assertThat(analysis.description()).endsWith(
				"'io.durablenotify.stream.StreamReader' that is not there, since durable-notify.enabled is false.");
		assertThat(analysis.action()).isEqualTo("Set durable-notify.enabled to true, or do without StreamReader.");
	}

	@Test
	void aChangeListenerMethodThatCannotBeCalledIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(WrongMethod.class), H2);
		assertThat(analysis.description())
			.matches("@ChangeListener method void \\S+WrongMethod\\.on\\(java\\.lang\\.String\\)"
					+ " of bean '\\S+' cannot be used: The method must take one Change or one ChangeGap, return "
					+ "nothing, and be neither private nor static");
		assertThat(analysis.action()).isEqualTo("Declare it like 'void on(Change change)' or 'void on(ChangeGap gap)', "
				+ "neither private nor static, and in an interface of the bean if its proxy has only interfaces; or "
				+ "remove @ChangeListener.");
	}

	static class WrongMethod {

		@ChangeListener("profiles")
		void on(String key) {
		}

	}

	@Test
	void aChangeListenersTopicThatCannotBeResolvedIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(WrongTopic.class), H2);
		assertThat(analysis.description()).startsWith("@ChangeListener method void ")
			.contains("WrongTopic.on(io.durablenotify.change.Change) of bean ")
			.contains(" cannot be used: ")
			.contains("app.topic");
		assertThat(analysis.action())
			.isEqualTo("Set the property that the placeholder names, or give it a default: '${app.topic:profiles}'.");
	}

	static class WrongTopic {

		@ChangeListener("${app.topic}")
		void on(Change change) {
		}

	}

	@Test
	void aWorkListenerMethodThatCannotBeCalledIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(WrongWorkMethod.class));
		assertThat(analysis.description()).matches(
				"@WorkListener method java\\.lang\\.String \\S+WrongWorkMethod\\.on\\(\\) of bean '\\S+' cannot be "
						+ "used: The method must return nothing or a WorkOutcome, and be neither private nor static");
		assertThat(analysis.action()).startsWith("Declare it like 'void on(Payload payload, WorkItem item, "
				+ "@WorkHeader(\"name\") String header)' or, with batch = true, ");
	}

	static class WrongWorkMethod {

		@WorkListener("mail")
		String on() {
			return "";
		}

	}

	@Test
	void twoRecurringMethodsOfOneIdAreExplained() {
		Analysis analysis = failureOf((application) -> application.sources(TwoRecurring.class));
		assertThat(analysis.description())
			.matches(".* cannot be used: Queue 'cron/x' must have one listener in this application, and method "
					+ "void \\S+TwoRecurring\\.\\w+\\(\\) has it; give each method with a 'cron' an 'id' of its own");
		assertThat(analysis.action()).isEqualTo("Change what @WorkListener asks for as the description says.");
	}

	static class TwoRecurring {

		@WorkListener(id = "x", cron = "@daily")
		void daily() {
		}

		@WorkListener(id = "x", cron = "@hourly")
		void hourly() {
		}

	}

	@Test
	void twoHandlersOfOneTimerAreExplained() {
		Analysis analysis = failureOf((application) -> application.sources(TwoTimerHandlers.class));
		assertThat(analysis.description())
			.startsWith("A handler of workflows or timers cannot be used: Timer name 'sleep' must have one handler");
		assertThat(analysis.action()).startsWith("Declare one handler for each workflow name and each timer name");
	}

	@Configuration(proxyBeanMethods = false)
	static class TwoTimerHandlers {

		@Bean
		TimerHandler first() {
			return new Sleeping();
		}

		@Bean
		TimerHandler second() {
			return new Sleeping();
		}

	}

	private static final class Sleeping implements TimerHandler {

		@Override
		public String name() {
			return "sleep";
		}

		@Override
		public void onTimer(Timer timer) {
		}

	}

	@Test
	void aWorkListenerOnAnotherDatabaseIsExplained() {
		Analysis analysis = failureOf((application) -> application.sources(WorkMethod.class), H2);
		assertThat(analysis.description()).startsWith("WorkListeners needs PostgreSQL; the DataSource is H2 ");
		assertThat(analysis.action()).isEqualTo("Use PostgreSQL, or do without WorkListeners on other databases.");
	}

	static class WorkMethod {

		@WorkListener("mail")
		void on() {
		}

	}

	@ParameterizedTest
	@ValueSource(classes = { StreamReader.class, StreamWriter.class, EventLog.class, NotificationListener.class })
	void aBeanThatNeedsPostgresOnAnotherDatabaseIsExplained(Class<?> type) {
		Analysis analysis = failureOf((application) -> application.initializers(asking(type)), H2);
		assertThat(analysis.description()).matches(type.getSimpleName()
				+ " needs PostgreSQL; the DataSource is H2 2\\.[^;]*\\. ChangeNotifier works there within one JVM\\.");
		assertThat(analysis.action())
			.isEqualTo("Use PostgreSQL, or do without %s on other databases.".formatted(type.getSimpleName()));
	}

	@ParameterizedTest
	@ValueSource(classes = { AskingForAFamily.class, AskingForAFamilyByHand.class })
	void aFamilysBeanOnAnotherDatabaseIsExplained(Class<?> asking) {
		Analysis analysis = failureOf((application) -> application.sources(asking), H2,
				"durable-notify.streams.families.answers.prefix=answers/");
		assertThat(analysis.description()).startsWith("StreamWriter needs PostgreSQL; ");
		assertThat(analysis.action()).isEqualTo("Use PostgreSQL, or do without StreamWriter on other databases.");
	}

	static class AskingForAFamily {

		AskingForAFamily(@Qualifier("answers") StreamWriter writer) {
		}

	}

	static class AskingForAFamilyByHand {

		AskingForAFamilyByHand(BeanFactory beanFactory) {
			BeanFactoryAnnotationUtils.qualifiedBeanOfType(beanFactory, StreamWriter.class, "answers");
		}

	}

	@ParameterizedTest
	@ValueSource(classes = { AskingForOne.class, AskingForAll.class, AskingLater.class })
	void whatIsInjectedOnAnotherDatabaseIsExplained(Class<?> asking) {
		Analysis analysis = failureOf((application) -> application.sources(asking), H2);
		assertThat(analysis.description()).startsWith("StreamReader needs PostgreSQL; the DataSource is H2 2.");
		assertThat(analysis.action()).isEqualTo("Use PostgreSQL, or do without StreamReader on other databases.");
	}

	static class AskingForOne {

		AskingForOne(Optional<EventLog> events, StreamReader reader) {
			assertThat(events).isEmpty();
		}

	}

	static class AskingForAll {

		@Autowired
		void set(List<StreamReader> readers) {
		}

	}

	static class AskingLater {

		AskingLater(ObjectProvider<StreamReader> reader) {
			reader.getObject();
		}

	}

	@Test
	void sseStreamsOnAnotherDatabaseAreExplained() {
		Analysis analysis = failureOf(
				(application) -> application.web(WebApplicationType.SERVLET).initializers(asking(SseStreams.class)), H2,
				"server.port=0");
		assertThat(analysis.description()).startsWith("SseStreams needs PostgreSQL; ");
	}

	private static ApplicationContextInitializer<ConfigurableApplicationContext> asking(Class<?> type) {
		return (context) -> ((GenericApplicationContext) context).registerBean("asking", Asking.class,
				() -> new Asking(context.getBean(type)));
	}

	private record Asking(Object bean) {
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
	static class WebApplication {

	}

}
