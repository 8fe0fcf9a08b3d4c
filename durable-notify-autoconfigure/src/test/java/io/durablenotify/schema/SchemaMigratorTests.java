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

package io.durablenotify.schema;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.SchemaException.Problem;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.support.PathMatchingResourcePatternResolver;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link SchemaMigrator}, also beside an application's own Flyway.
 */
class SchemaMigratorTests {

	@Fixture
	private TestDatabase database;

	private SchemaMigrator migrator(String schema, boolean migrate) {
		ApplicationDatabase applicationDatabase = new ApplicationDatabase(
				new DriverManagerDataSource(this.database.url()), () -> null);
		return new FlywaySchemaMigrator(applicationDatabase, new SchemaProperties(schema, migrate));
	}

	@RepeatedTest(5)
	void manyAtOnceMigrateAFreshDatabaseOnce() throws Exception {
		int count = 8;
		ExecutorService executor = Executors.newFixedThreadPool(count);
		try {
			CountDownLatch start = new CountDownLatch(count);
			List<Future<Schema>> schemas = new ArrayList<>();
			for (int i = 0; i < count; i++) {
				SchemaMigrator migrator = migrator("durable_notify", true);
				schemas.add(executor.submit(() -> {
					start.countDown();
					start.await();
					return migrator.migrate();
				}));
			}
			for (Future<Schema> schema : schemas) {
				assertThat(schema.get().name().value()).isEqualTo("durable_notify");
			}
		}
		finally {
			executor.shutdownNow();
		}
		assertThat(this.database.jdbc()
			.queryForList("SELECT version FROM durable_notify.schema_history WHERE version IS NOT NULL", String.class))
			.doesNotHaveDuplicates()
			.contains("1");
	}

	@Test
	void migratingAgainChangesNothing() {
		migrator("durable_notify", true).migrate();
		List<String> before = tables();
		migrator("durable_notify", true).migrate();
		assertThat(tables()).isEqualTo(before).contains("durable_notify.streams", "durable_notify.schema_history");
	}

	@ParameterizedTest
	@ValueSource(strings = { "user", "select", "_", "x1", "a23456789012345678901234567890123456789012345678" })
	void aSchemaCanHaveAnyValidNameReservedWordsIncluded(String name) {
		String setting = "durable-notify.schema.name=" + name;
		try (Instance first = Instance.start(this.database, setting, "durable-notify.poll.interval=0");
				Instance second = Instance.start(this.database, setting, "durable-notify.poll.interval=0")) {
			RecordingHandler handler = new RecordingHandler();
			second.reader().subscribe("a", StreamPosition.start(), handler);
			first.writer().append("a", "from Java");
			handler.awaitChunks(1);
			this.database.jdbc()
				.queryForObject("SELECT \"%s\".append('a', convert_to('from SQL', 'UTF8'))".formatted(name),
						Long.class);
			handler.awaitChunks(2);
			first.writer().complete("a");
			assertThat(handler.awaitComplete().texts()).containsExactly("from Java", "from SQL");
		}
		assertThat(tables()).isNotEmpty().allMatch((table) -> table.startsWith(name + "."));
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", "User", "1a", "pg_a", "a-b", "a.b", "a\"b", "a'b", "a;b", "ä", "a\n",
			"a234567890123456789012345678901234567890123456789" })
	void aNameThatBreaksTheRulesIsRefused(String name) {
		assertThat(SchemaName.isValid(name)).isFalse();
		assertThatIllegalArgumentException().isThrownBy(() -> new SchemaName(name))
			.withMessageContaining("1 to 48 lower-case letters, digits and underscores");
	}

	@Test
	void twoApplicationsHaveASchemaEachInOneDatabase() {
		try (Instance first = Instance.start(this.database, "durable-notify.schema.name=first",
				"durable-notify.poll.interval=0");
				Instance second = Instance.start(this.database, "durable-notify.schema.name=second",
						"durable-notify.poll.interval=0")) {
			assertThat(first.writer().append("a", "of the first")).isZero();
			assertThat(second.writer().append("a", "of the second")).isZero();
			assertThat(first.reader().page("a", StreamPosition.start(), 10).chunks()).singleElement()
				.satisfies((chunk) -> assertThat(chunk.text()).isEqualTo("of the first"));
		}
	}

	@Test
	void anApplicationsOwnFlywayMigratesBesideOurs() {
		try (Instance instance = startWithFlyway("spring.flyway.locations=classpath:application-migration")) {
			assertThat(instance.context().getBeansOfType(Flyway.class)).hasSize(1);
			instance.jdbc().update("INSERT INTO orders VALUES (1)");
			assertThat(instance.writer().append("a", "b")).isZero();
		}
		assertThat(tables())
			.contains("public.orders", "public.flyway_schema_history", "durable_notify.streams",
					"durable_notify.schema_history")
			.doesNotContain("durable_notify.flyway_schema_history", "public.schema_history", "public.streams");
		assertThat(this.database.jdbc()
			.queryForList("SELECT script FROM flyway_schema_history WHERE version IS NOT NULL", String.class))
			.containsExactly("V1__orders.sql");
		startWithFlyway("spring.flyway.locations=classpath:application-migration").close();
	}

	/**
	 * What Boot does without {@code spring.flyway.locations}: it would find ours if they
	 * lay there, since locations are recursive.
	 */
	@Test
	void anApplicationsOwnFlywayDoesNotFindOurMigrations() throws Exception {
		startWithFlyway().close();
		assertThat(tables()).contains("durable_notify.streams").doesNotContain("public.streams");
		assertThat(new PathMatchingResourcePatternResolver().getResources("classpath*:db/migration/**/*.sql"))
			.isEmpty();
	}

	private Instance startWithFlyway(String... properties) {
		return Instance.start(this.database, (application) -> application.sources(WithFlyway.class), properties);
	}

	@Test
	void anApplicationWithoutFlywayStartsOnADatabaseThatIsNotEmpty() {
		this.database.jdbc().execute("CREATE TABLE public.orders (id bigint)");
		try (Instance instance = Instance.start(this.database)) {
			assertThat(instance.context().getBeansOfType(Flyway.class)).isEmpty();
			assertThat(instance.writer().append("a", "b")).isZero();
		}
		assertThat(tables()).contains("public.orders")
			.filteredOn((table) -> table.startsWith("public."))
			.containsExactly("public.orders");
	}

	@Test
	void aSchemaThatIsThereNeedsNoMigrating() {
		migrator("durable_notify", true).migrate();
		try (Instance instance = Instance.start(this.database, "durable-notify.schema.migrate=false")) {
			assertThat(instance.writer().append("a", "b")).isZero();
		}
	}

	@Test
	void aMissingSchemaIsNotCreatedWhereThatIsTurnedOff() {
		assertThatExceptionOfType(SchemaException.class).isThrownBy(migrator("durable_notify", false)::migrate)
			.satisfies((ex) -> assertThat(ex.getProblem()).isEqualTo(Problem.MISSING))
			.withMessageContaining("V1__streams.sql");
		assertThat(tables()).isEmpty();
		assertThat(this.database.jdbc()
			.queryForList("SELECT nspname FROM pg_namespace WHERE nspname = 'durable_notify'", String.class)).isEmpty();
	}

	@Test
	void aSchemaOfANewerVersionIsUsedAsItIs() {
		migrator("durable_notify", true).migrate();
		this.database.jdbc()
			.execute("INSERT INTO durable_notify.schema_history SELECT installed_rank + 100, '999', description, type, "
					+ "'V999__newer.sql', checksum, installed_by, installed_on, execution_time, success "
					+ "FROM durable_notify.schema_history WHERE version = '1'");
		assertThat(migrator("durable_notify", true).migrate().name().value()).isEqualTo("durable_notify");
		assertThat(migrator("durable_notify", false).migrate().name().value()).isEqualTo("durable_notify");
	}

	@Test
	void aRoleWithASchemaOfItsOwnNeedsNoRightToCreateOne() {
		String role = "owner_" + ProcessHandle.current().pid();
		this.database.jdbc().execute("CREATE ROLE " + role + " LOGIN PASSWORD 'secret'");
		try {
			this.database.jdbc().execute("CREATE SCHEMA durable_notify AUTHORIZATION " + role);
			try (Instance instance = Instance.start(this.database, "spring.datasource.url=" + withoutParameters(),
					"spring.datasource.username=" + role, "spring.datasource.password=secret")) {
				assertThat(instance.writer().append("a", "b")).isZero();
			}
		}
		finally {
			this.database.jdbc().execute("DROP OWNED BY " + role);
			this.database.jdbc().execute("DROP ROLE " + role);
		}
	}

	private String withoutParameters() {
		return this.database.url().substring(0, this.database.url().indexOf('?'));
	}

	@Test
	void migratingNeedsNoConnectionOfThePool() {
		try (Instance instance = Instance.start(this.database, "spring.datasource.hikari.maximum-pool-size=1",
				"spring.datasource.hikari.connection-timeout=5000")) {
			assertThat(instance.writer().append("a", "b")).isZero();
		}
	}

	@Test
	void theSearchPathOfTheApplicationDoesNotMatter() {
		this.database.jdbc().execute("CREATE SCHEMA own");
		try (Instance instance = Instance.start(this.database, "spring.datasource.hikari.schema=own",
				"spring.datasource.hikari.data-source-properties.currentSchema=own")) {
			assertThat(instance.writer().append("a", "b")).isZero();
		}
		assertThat(tables()).allMatch((table) -> table.startsWith("durable_notify."));
	}

	private List<String> tables() {
		return this.database.jdbc()
			.queryForList("SELECT schemaname || '.' || tablename FROM pg_tables "
					+ "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1", String.class);
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(FlywayAutoConfiguration.class)
	static class WithFlyway {

	}

}
