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

package io.durablenotify.stream;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.durablenotify.database.CommitListener;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.JpaApplication;
import io.durablenotify.testsupport.JpaApplication.Note;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import jakarta.persistence.EntityManager;
import jakarta.persistence.EntityManagerFactory;
import jakarta.persistence.FlushModeType;
import org.hibernate.FlushMode;
import org.hibernate.Session;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.orm.jpa.EntityManagerFactoryUtils;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link CommitListener}, {@link CommitAppends} and
 * {@link WorkQueue#enqueueOnCommit}: a stream or a key is not locked before nothing but
 * the commit is left, with all that comes with a commit.
 */
@ExtendWith(OutputCaptureExtension.class)
class CommitListenerTests {

	private static final long SLOW = 4711;

	private static TestDatabase database;

	private static Instance jdbc;

	private static Instance jpa;

	@BeforeAll
	static void start() {
		database = PostgresServer.shared().createDatabase();
		JpaApplication.createTable(database);
		database.jdbc().execute("""
				CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql
					AS 'BEGIN PERFORM pg_advisory_xact_lock(%d); RETURN NEW; END';
				CREATE TRIGGER slow BEFORE INSERT ON note FOR EACH ROW WHEN (NEW.text = 'slow')
					EXECUTE FUNCTION public.slow()
				""".formatted(SLOW));
		jdbc = Instance.start(database);
		jpa = Instance.start(database, JpaApplication::addTo);
	}

	@AfterAll
	static void stop() {
		jdbc.close();
		jpa.close();
	}

	@ParameterizedTest
	@EnumSource(FlushModeType.class)
	void theStreamIsNotLockedWhileEntitiesAreWritten(FlushModeType mode) {
		String stream = "flush/" + mode;
		requireUnlockedBeforeTheCommit(stream, jpa.transaction(), () -> {
			append(jpa, stream);
			entityManager().setFlushMode(mode);
			entityManager().persist(new Note(stream, "slow"));
		});
		assertThat(notes(stream)).isOne();
	}

	@Test
	void norWithATransactionManagerThatIsNoBean() {
		requireUnlockedBeforeTheCommit("no-bean", transactionOfNoBean(), () -> {
			append(jpa, "no-bean");
			entityManager().persist(new Note("no-bean", "slow"));
		});
		assertThat(notes("no-bean")).isOne();
	}

	@Test
	void norIsTheKeyOfAnItemLockedWhileEntitiesAreWritten() {
		for (boolean bean : new boolean[] { true, false }) {
			TransactionTemplate transaction = (bean) ? jpa.transaction() : transactionOfNoBean();
			String queue = "key/" + bean;
			enqueue(jdbc, queue, "before");
			whileWaiting(transaction, () -> {
				enqueueOnCommit(jpa, queue);
				entityManager().persist(new Note(queue, "slow"));
			}, () -> {
				enqueue(jdbc, queue, "meanwhile");
				assertThat(items(queue)).containsExactly("meanwhile");
			});
			assertThat(items(queue)).containsExactly("on commit");
			assertThat(notes(queue)).isOne();
		}
	}

	@ParameterizedTest
	@MethodSource("callbacks")
	void norWhileCallbacksRunThatWereRegisteredLater(Consumer<Runnable> registration) {
		for (Instance instance : List.of(jdbc, jpa)) {
			String queue = "callback/%s/%s".formatted(registration.hashCode(), instance.hashCode());
			// Spring only logs what a beforeCompletion callback throws
			List<String> meanwhile = new ArrayList<>();
			enqueue(jdbc, queue, "before");
			instance.transaction().executeWithoutResult((status) -> {
				enqueueOnCommit(instance, queue);
				registration.accept(() -> {
					Background.run(() -> enqueue(jdbc, queue, "meanwhile")).join();
					meanwhile.addAll(items(queue));
				});
			});
			assertThat(meanwhile).containsExactly("meanwhile");
			assertThat(items(queue)).containsExactly("on commit");
		}
	}

	private static void enqueue(Instance instance, String queue, String payload) {
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(queue, payload).key("k").replacing());
	}

	private static void enqueueOnCommit(Instance instance, String queue) {
		instance.bean(WorkQueue.class).enqueueOnCommit(WorkRequest.of(queue, "on commit").key("k").replacing());
	}

	private static List<String> items(String queue) {
		return database.jdbc().queryForList("""
				SELECT convert_from(i.payload, 'UTF8') FROM durable_notify.work_items i
				JOIN durable_notify.work_queues q USING (queue_id) WHERE q.name = ?
				""", String.class, queue);
	}

	private static TransactionTemplate transactionOfNoBean() {
		return new TransactionTemplate(new JpaTransactionManager(jpa.bean(EntityManagerFactory.class)));
	}

	private static void requireUnlockedBeforeTheCommit(String stream, TransactionTemplate transaction, Runnable work) {
		jdbc.writer().append(stream, "before");
		whileWaiting(transaction, work, () -> assertThat(jdbc.writer().append(stream, "meanwhile")).isOne());
		assertThat(texts(stream)).containsExactly("before", "meanwhile", "on commit");
	}

	/**
	 * The transaction waits for what we hold, while another one writes.
	 */
	private static void whileWaiting(TransactionTemplate transaction, Runnable work, Runnable other) {
		CompletableFuture<Void> committing = jdbc.transaction().execute((status) -> {
			jdbc.jdbc().queryForList("SELECT pg_advisory_xact_lock(?)", SLOW);
			CompletableFuture<Void> waiting = Background
				.run(() -> transaction.executeWithoutResult((inner) -> work.run()));
			database.awaitLockWait();
			Background.run(other).join();
			return waiting;
		});
		committing.orTimeout(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS).join();
	}

	static Stream<Consumer<Runnable>> callbacks() {
		return Stream.of((call) -> register(call, () -> {
		}), (call) -> register(() -> {
		}, call));
	}

	private static void register(Runnable beforeCommit, Runnable beforeCompletion) {
		TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

			@Override
			public void beforeCommit(boolean readOnly) {
				beforeCommit.run();
			}

			@Override
			public void beforeCompletion() {
				beforeCompletion.run();
			}

		});
	}

	@ParameterizedTest
	@MethodSource("callbacks")
	void theStreamIsNotLockedWhileCallbacksRunThatWereRegisteredLater(Consumer<Runnable> registration) {
		for (Instance instance : List.of(jdbc, jpa)) {
			String stream = "callback/%s/%s".formatted(registration.hashCode(), instance.hashCode());
			instance.transaction().executeWithoutResult((status) -> {
				append(instance, stream);
				registration
					.accept(() -> assertThat(Background.supply(() -> jdbc.writer().append(stream, "meanwhile")).join())
						.isZero());
			});
			assertThat(texts(stream)).containsExactly("meanwhile", "on commit");
		}
	}

	@ParameterizedTest
	@MethodSource("callbacks")
	void whatACallbackAppendsComesWithTheCommit(Consumer<Runnable> registration, CapturedOutput output) {
		for (Instance instance : List.of(jdbc, jpa)) {
			String stream = "called/%s/%s".formatted(registration.hashCode(), instance.hashCode());
			instance.transaction()
				.executeWithoutResult((status) -> registration.accept(() -> append(instance, stream)));
			assertThat(texts(stream)).containsExactly("on commit");
		}
		assertThat(output).doesNotContain("WARN");
	}

	@Test
	void aNestedTransactionAppendsWithTheOuterOne() {
		TransactionTemplate nested = jdbc.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		jdbc.transaction().executeWithoutResult((outer) -> {
			append(jdbc, "nested");
			nested.executeWithoutResult((inner) -> append(jdbc, "nested"));
			assertThat(Background.supply(() -> jdbc.writer().append("nested", "meanwhile")).join()).isZero();
		});
		assertThat(texts("nested")).containsExactly("meanwhile", "on commit", "on commit");
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whatCannotBeWrittenFailsTheCommitAsItWouldWithoutTheAppend(boolean appends) {
		String stream = "failing/" + appends;
		database.jdbc().update("INSERT INTO note VALUES (?, 'there')", stream);
		assertThatExceptionOfType(DataIntegrityViolationException.class)
			.isThrownBy(() -> jpa.transaction().executeWithoutResult((status) -> {
				if (appends) {
					append(jpa, stream);
				}
				entityManager().persist(new Note(stream, "another"));
				entityManager().persist(new Note(stream + "/other", "another"));
			}));
		assertThat(texts(stream)).isEmpty();
		assertThat(notes(stream + "/other")).isZero();
	}

	@Test
	void aFailureToAppendRollsEntitiesBack() {
		jdbc.writer().complete("ended");
		assertThatExceptionOfType(StreamEndedException.class)
			.isThrownBy(() -> jpa.transaction().executeWithoutResult((status) -> {
				append(jpa, "ended");
				entityManager().persist(new Note("ended", "lost"));
			}));
		assertThat(notes("ended")).isZero();
	}

	@Test
	void whatTheCommitLeavesInMemoryStaysThere() {
		jpa.transaction().executeWithoutResult((status) -> {
			entityManager().unwrap(Session.class).setHibernateFlushMode(FlushMode.MANUAL);
			entityManager().persist(new Note("manual", "never written"));
			append(jpa, "manual");
		});
		assertThat(notes("manual")).isZero();
		assertThat(texts("manual")).containsExactly("on commit");
	}

	@Test
	void aPersistenceContextThatIsNotPartOfTheTransactionIsLeftAlone() {
		try (EntityManagerFactory other = JpaApplication.newEntityManagerFactory(jpa)) {
			for (TransactionTemplate transaction : List.of(jpa.transaction(), transactionOfNoBean())) {
				transaction.executeWithoutResult((status) -> {
					EntityManager apart = EntityManagerFactoryUtils.getTransactionalEntityManager(other);
					apart.persist(new Note("apart", "never written"));
					append(jpa, "apart");
				});
			}
		}
		assertThat(notes("apart")).isZero();
		assertThat(texts("apart")).containsExactly("on commit", "on commit");
	}

	private static EntityManager entityManager() {
		EntityManager entityManager = EntityManagerFactoryUtils
			.getTransactionalEntityManager(jpa.bean(EntityManagerFactory.class));
		assertThat(entityManager).isNotNull();
		return entityManager;
	}

	private static void append(Instance instance, String stream) {
		instance.writer().appendOnCommit(stream, "on commit".getBytes(StandardCharsets.UTF_8));
	}

	private static List<String> texts(String stream) {
		return jdbc.reader().page(stream, StreamPosition.start(), 10).chunks().stream().map(Chunk::text).toList();
	}

	private static long notes(String id) {
		return database.jdbc().queryForObject("SELECT count(*) FROM note WHERE id = ?", Long.class, id);
	}

}
