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

package io.durablenotify.docs;

import java.util.Map;

import javax.sql.DataSource;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.JpaApplication;
import io.durablenotify.testsupport.JpaApplication.Note;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import jakarta.persistence.EntityManager;
import jakarta.persistence.EntityManagerFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.orm.jpa.EntityManagerFactoryUtils;
import org.springframework.orm.jpa.EntityManagerHolder;
import org.springframework.test.util.ReflectionTestUtils;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronizationManager;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Profiles}, which docs/changes.md shows: a value that is read into the
 * cache after its change was received is the new one, also if the reading thread has seen
 * the old one before.
 */
class CacheRecipeTests {

	private static Instance jdbc;

	private static Instance jpa;

	record Profile(String id, String name) {
	}

	interface ProfileRepository {

		void save(Profile profile);

	}

	@BeforeAll
	static void start() {
		TestDatabase database = PostgresServer.shared().createDatabase();
		JpaApplication.createTable(database);
		// The same row for the recipe and for the entity
		database.jdbc().execute("CREATE VIEW profiles AS SELECT id, text AS name FROM note");
		jdbc = Instance.start(database, (application) -> application.sources(Application.class));
		jpa = Instance.start(database, (application) -> {
			application.sources(Application.class);
			JpaApplication.addTo(application);
		});
	}

	@AfterAll
	static void stop() {
		jdbc.close();
		jpa.close();
	}

	@BeforeEach
	void save() {
		for (Instance instance : new Instance[] { jdbc, jpa }) {
			profiles(instance).save(new Profile("1", "old"));
			Eventually.await(() -> profiles(instance).find("1").name().equals("old"), () -> cache(instance));
		}
	}

	@Test
	void inATransactionWhoseSnapshotIsOlderThanTheChange() {
		for (Instance instance : new Instance[] { jdbc, jpa }) {
			instance.transaction(TransactionDefinition.ISOLATION_REPEATABLE_READ).executeWithoutResult((status) -> {
				instance.jdbc().queryForObject("SELECT name FROM profiles WHERE id = '1'", String.class);
				changeElsewhere(instance);
				assertThat(profiles(instance).find("1").name()).isEqualTo("new");
			});
			assertThat(profiles(instance).find("1").name()).isEqualTo("new");
			profiles(instance).save(new Profile("1", "old"));
		}
	}

	@Test
	void inATransactionThatHasLoadedTheEntityBefore() {
		jpa.transaction().executeWithoutResult((status) -> {
			EntityManager entityManager = EntityManagerFactoryUtils
				.getTransactionalEntityManager(jpa.bean(EntityManagerFactory.class));
			requireOldEntity(entityManager);
			changeElsewhere(jpa);
			requireOldEntity(entityManager);
			profiles(jpa).find("1");
		});
		assertThat(profiles(jpa).find("1").name()).isEqualTo("new");
	}

	/**
	 * As Boot's {@code spring.jpa.open-in-view} does, by default.
	 */
	@Test
	void withAnOpenEntityManagerThatHasLoadedTheEntityBefore() {
		EntityManagerFactory factory = jpa.bean(EntityManagerFactory.class);
		try (EntityManager entityManager = factory.createEntityManager()) {
			TransactionSynchronizationManager.bindResource(factory, new EntityManagerHolder(entityManager));
			requireOldEntity(entityManager);
			changeElsewhere(jpa);
			profiles(jpa).find("1");
		}
		finally {
			TransactionSynchronizationManager.unbindResource(factory);
		}
		assertThat(profiles(jpa).find("1").name()).isEqualTo("new");
	}

	@Test
	void inATransactionThatRollsItsOwnChangeBack() {
		for (Instance instance : new Instance[] { jdbc, jpa }) {
			instance.transaction().executeWithoutResult((status) -> {
				cache(instance).clear();
				profiles(instance).save(new Profile("1", "undone"));
				profiles(instance).find("1");
				status.setRollbackOnly();
			});
			assertThat(profiles(instance).find("1").name()).isEqualTo("old");
		}
	}

	private static void requireOldEntity(EntityManager entityManager) {
		assertThat(entityManager.find(Note.class, "1").getText()).isEqualTo("old");
	}

	/**
	 * The instance has received the change when its value is dropped.
	 */
	private static void changeElsewhere(Instance instance) {
		profiles(instance).find("1");
		Background.run(() -> profiles((instance == jdbc) ? jpa : jdbc).save(new Profile("1", "new"))).join();
		Eventually.await(() -> cache(instance).isEmpty(), () -> cache(instance));
	}

	private static Profiles profiles(Instance instance) {
		return instance.bean(Profiles.class);
	}

	private static Map<?, ?> cache(Instance instance) {
		Map<?, ?> cache = (Map<?, ?>) ReflectionTestUtils.getField(profiles(instance), "cache");
		assertThat(cache).isNotNull();
		return cache;
	}

	@Configuration(proxyBeanMethods = false)
	@Import(Profiles.class)
	static class Application {

		@Bean
		JdbcClient jdbcClient(DataSource dataSource) {
			return JdbcClient.create(dataSource);
		}

		@Bean
		ProfileRepository profileRepository(JdbcClient jdbc) {
			return (profile) -> jdbc
				.sql("INSERT INTO note (id, text) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text")
				.params(profile.id(), profile.name())
				.update();
		}

	}

}
