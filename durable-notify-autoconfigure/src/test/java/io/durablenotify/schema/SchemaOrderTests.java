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

import java.util.List;
import java.util.Map;

import javax.sql.DataSource;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.EntityManagerFactory;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceInitializationAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;
import org.springframework.orm.jpa.persistenceunit.PersistenceManagedTypes;
import org.springframework.orm.jpa.vendor.HibernateJpaVendorAdapter;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for when the schema is migrated: before all else of the application that may use
 * it, or after what may bring it. Each starts on an empty database.
 */
class SchemaOrderTests {

	private static final String LOCATION = "spring.flyway.locations=classpath:ordered-migration";

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	private Instance start(Class<?> configuration, String... properties) {
		return Instance.start(this.database, (application) -> application.sources(configuration), properties);
	}

	/**
	 * Return what was appended by SQL at the start.
	 */
	private List<String> chunks() {
		return this.database.jdbc()
			.queryForList("SELECT convert_from(data, 'UTF8') FROM durable_notify.stream_chunks", String.class);
	}

	@Test
	void theApplicationsFlywayMayUseTheSchemaAlsoWhereABeanNeedsFlywayEarly() {
		try (Instance instance = start(Early.class, LOCATION)) {
			assertThat(instance.bean(Early.Profiles.class).ids).containsExactly(1L);
		}
		assertThat(chunks()).containsExactly("1");
		start(Early.class, LOCATION).close();
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(FlywayAutoConfiguration.class)
	@Import(Early.Profiles.class)
	static class Early {

		static class Profiles {

			final List<Long> ids;

			Profiles(JdbcTemplate jdbc) {
				this.ids = jdbc.queryForList("SELECT id FROM profiles", Long.class);
			}

		}

	}

	@Test
	void aFlywayOfTheApplicationsOwnMayUseTheSchema() {
		start(OwnFlyway.class).close();
		assertThat(chunks()).containsExactly("1");
	}

	@Configuration(proxyBeanMethods = false)
	static class OwnFlyway {

		@Bean(initMethod = "migrate")
		Flyway flyway(DataSource dataSource) {
			return Flyway.configure().dataSource(dataSource).locations("classpath:ordered-migration").load();
		}

	}

	@Test
	void aScriptOfTheApplicationMayUseTheSchema() {
		start(Script.class, "spring.sql.init.mode=always", "spring.sql.init.data-locations=classpath:ordered-data.sql")
			.close();
		assertThat(chunks()).containsExactly("2");
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(DataSourceInitializationAutoConfiguration.class)
	static class Script {

	}

	/**
	 * The scripts that are deferred come after the entities, and both after us.
	 */
	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void anEntityMayBeMappedToATableOfTheSchema(boolean deferred) {
		try (Instance instance = start(Jpa.class, "spring.sql.init.mode=always",
				"spring.sql.init.data-locations=classpath:ordered-data.sql",
				"spring.jpa.defer-datasource-initialization=" + deferred)) {
			BeanDefinition scripts = instance.context()
				.getBeanFactory()
				.getBeanDefinition("dataSourceScriptDatabaseInitializer");
			assertThat(List.of(scripts.getDependsOn()).contains("entityManagerFactory")).isEqualTo(deferred);
			assertThat(chunks()).containsExactly("2");
			instance.writer().append("mapped", "a");
			try (var entities = instance.bean(EntityManagerFactory.class).createEntityManager()) {
				assertThat(entities.createQuery("select s.name from Stream s", String.class).getResultList())
					.containsExactlyInAnyOrder("profiles", "mapped");
			}
		}
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(DataSourceInitializationAutoConfiguration.class)
	static class Jpa {

		@Bean
		LocalContainerEntityManagerFactoryBean entityManagerFactory(DataSource dataSource) {
			LocalContainerEntityManagerFactoryBean factory = new LocalContainerEntityManagerFactoryBean();
			factory.setDataSource(dataSource);
			factory.setManagedTypes(PersistenceManagedTypes.of(Stream.class.getName()));
			factory.setJpaVendorAdapter(new HibernateJpaVendorAdapter());
			factory.setJpaPropertyMap(Map.of("hibernate.hbm2ddl.auto", "validate"));
			return factory;
		}

	}

	/**
	 * A stream.
	 */
	@Entity(name = "Stream")
	@Table(schema = "durable_notify", name = "streams")
	public static class Stream {

		@Id
		@Column(name = "stream_id")
		private long id;

		private String name;

		public String getName() {
			return this.name;
		}

	}

	@Test
	void theApplicationsFlywayMayBringTheSchemaWhereWeDoNotMigrate() {
		try (Instance instance = start(WithFlyway.class, "durable-notify.schema.migrate=false",
				"spring.flyway.locations=classpath:io/durablenotify/schema/migration",
				"spring.flyway.schemas=durable_notify", "spring.flyway.table=schema_history",
				"spring.flyway.placeholders.schema=\"durable_notify\"",
				"spring.flyway.placeholders.wakeup_channel=durable_notify_wakeup")) {
			assertThat(instance.writer().append("a", "b")).isZero();
		}
	}

	@Test
	void aMigratorOfTheApplicationMayUseWhatItsFlywayBrings() {
		try (Instance instance = start(OwnMigrator.class, "spring.flyway.locations=classpath:application-migration")) {
			assertThat(instance.writer().append("a", "b")).isZero();
		}
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(FlywayAutoConfiguration.class)
	static class WithFlyway {

	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(FlywayAutoConfiguration.class)
	static class OwnMigrator {

		/**
		 * Uses what depends on all initialization.
		 */
		@Bean
		SchemaMigrator ownMigrator(JdbcTemplate jdbc, ApplicationDatabase applicationDatabase,
				SchemaProperties settings) {
			return () -> {
				jdbc.execute("SELECT count(*) FROM orders");
				return new FlywaySchemaMigrator(applicationDatabase, settings).migrate();
			};
		}

	}

}
