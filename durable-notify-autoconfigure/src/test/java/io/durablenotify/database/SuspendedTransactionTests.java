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

package io.durablenotify.database;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.ForeignTransactionManager;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SuspendedTransaction}: within a transaction of another manager, and in
 * its callbacks, what is called belongs to the transaction around it.
 */
class SuspendedTransactionTests {

	private static int names;

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = "durable-notify.poll.interval=0", sources = Sending.class)
	private static Instance instance;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private static StreamReader reader;

	private final String name = "name-" + ++names;

	private final RecordingHandler handler = new RecordingHandler();

	@BeforeEach
	void createTable() {
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS notes (note text)");
		database.jdbc().execute("TRUNCATE notes");
	}

	@AfterEach
	void nothingIsLeftBound() {
		assertThat(TransactionSynchronizationManager.getResourceMap()).isEmpty();
	}

	static Stream<Named<Call>> calls() {
		return Stream.of(Named.of("info", (name) -> reader.info(name)),
				Named.of("append", (name) -> writer.append(name, "x")),
				Named.of("appendOnCommit", (name) -> writer.appendOnCommit(name, "x".getBytes(StandardCharsets.UTF_8))),
				Named.of("enqueue", (name) -> instance.bean(WorkQueue.class).enqueue(WorkRequest.of(name, "x"))),
				Named.of("enqueueOnCommit",
						(name) -> instance.bean(WorkQueue.class).enqueueOnCommit(WorkRequest.of(name, "x"))),
				Named.of("change", (name) -> instance.bean(ChangeNotifier.class).publish(name, "x")),
				Named.of("channel", (name) -> instance.bean(DurableChannels.class).send(name, "a", "x")),
				Named.of("outbox",
						(name) -> instance.bean(Outbox.class).publish(OutboxEvent.of(name, "x").sender("s"))));
	}

	@ParameterizedTest
	@MethodSource("calls")
	void aCallbackOfAnInnerTransactionCommitsNothingOfTheOuterOne(Call call) {
		for (int callback : new int[] { 0, 1 }) {
			List<Long> before = rows();
			instance.transaction().executeWithoutResult((outer) -> {
				insertNote();
				foreign().executeWithoutResult((inner) -> register(callback == 0, () -> call.run(this.name)));
				outer.setRollbackOnly();
			});
			assertThat(notes()).isZero();
			assertThat(rows()).isEqualTo(before);
		}
	}

	@Test
	void whatACallbackOfAnInnerTransactionWritesIsCommittedWithTheOuterOne() {
		reader.subscribe(this.name, StreamPosition.start(), this.handler);
		instance.transaction().executeWithoutResult((outer) -> {
			foreign().executeWithoutResult((inner) -> {
				register(false, () -> writer.append(this.name, "a"));
				register(true, () -> writer.append(this.name, "b"));
				register(true, () -> writer.appendOnCommit(this.name, "c".getBytes(StandardCharsets.UTF_8)));
			});
			assertThat(this.handler.chunks()).isEmpty();
		});
		this.handler.awaitChunks(3);
		assertThat(this.handler.texts()).containsExactly("a", "b", "c");
	}

	@Test
	void aTransactionOfAManagerThatIsNoBeanIsNotCommittedEither() {
		TransactionTemplate noBean = new TransactionTemplate(
				new JdbcTransactionManager(instance.bean(DataSource.class)));
		noBean.executeWithoutResult((outer) -> {
			writer.append(this.name, "x");
			foreign().executeWithoutResult((inner) -> register(true, () -> reader.info(this.name)));
			outer.setRollbackOnly();
		});
		assertThat(reader.info(this.name)).isEmpty();
	}

	@ParameterizedTest
	@EnumSource
	void readersAreWokenByTheCommitOfTheOuterTransaction(Inner inner) {
		reader.subscribe(this.name, StreamPosition.start(), this.handler);
		instance.transaction().executeWithoutResult((outer) -> {
			inner.transaction().executeWithoutResult((status) -> {
				writer.append(this.name, "a");
				writer.appendOnCommit(this.name, "d".getBytes(StandardCharsets.UTF_8));
				status.setRollbackOnly();
			});
			inner.transaction().executeWithoutResult((status) -> writer.append(this.name, "b"));
			writer.append(this.name, "c");
			assertThat(this.handler.chunks()).isEmpty();
		});
		this.handler.awaitChunks(4);
		assertThat(this.handler.texts()).containsExactly("a", "b", "c", "d");
	}

	@Test
	void inTransactionsThatAreNestedMoreDeeplyTheConnectionDecides() {
		TransactionTemplate separate = instance.transaction();
		separate.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
		reader.subscribe(this.name, StreamPosition.start(), this.handler);
		reader.subscribe(this.name + "/separate", StreamPosition.start(), this.handler);
		instance.transaction().executeWithoutResult((outer) -> {
			foreign().executeWithoutResult((middle) -> {
				foreign().executeWithoutResult((inner) -> writer.append(this.name, "outer"));
				separate.executeWithoutResult((inner) -> foreign()
					.executeWithoutResult((innermost) -> writer.append(this.name + "/separate", "separate")));
				this.handler.awaitChunks(1);
			});
			assertThat(this.handler.texts()).containsExactly("separate");
		});
		this.handler.awaitChunks(2);
		assertThat(this.handler.texts()).containsExactly("separate", "outer");
	}

	/**
	 * The transaction of JPA binds a connection, on which one of JDBC begins and commits.
	 */
	@Test
	void aTransactionThatBeginsOnTheConnectionOfAnotherManagersIsNoPartOfThat() {
		DataSource dataSource = instance.bean(DataSource.class);
		listened(Inner.SYNCHRONIZED).executeWithoutResult((outer) -> {
			try (Connection connection = dataSource.getConnection()) {
				TransactionSynchronizationManager.bindResource(dataSource, new ConnectionHolder(connection));
				instance.transaction().executeWithoutResult((inner) -> {
					insertNote();
					writer.appendOnCommit(this.name, "x".getBytes(StandardCharsets.UTF_8));
				});
			}
			catch (SQLException ex) {
				throw new IllegalStateException(ex);
			}
			finally {
				TransactionSynchronizationManager.unbindResourceIfPossible(dataSource);
			}
			outer.setRollbackOnly();
		});
		assertThat(notes()).isOne();
		assertThat(reader.info(this.name)).isNotEmpty();
	}

	@Test
	void theCommitOfAnInnerTransactionIsNotThatOfTheOuterOne() {
		ApplicationDatabase joined = instance.bean(ApplicationDatabase.class);
		instance.transaction().executeWithoutResult((outer) -> {
			listened(Inner.NOT_SYNCHRONIZED).executeWithoutResult((inner) -> {
			});
			assertThat(joined.isTransactionCommitting()).isFalse();
		});
	}

	@Test
	void aSavepointIsNoFurtherTransaction() {
		TransactionTemplate nested = instance.transaction();
		nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
		instance.transaction().executeWithoutResult((outer) -> {
			int before = TransactionSynchronizationManager.getSynchronizations().size();
			nested.executeWithoutResult((inner) -> {
			});
			assertThat(TransactionSynchronizationManager.getSynchronizations()).hasSize(before);
		});
	}

	@Test
	void theOuterTransactionDecidesWhetherSomethingCanBeWritten() {
		TransactionTemplate outer = instance.transaction();
		TransactionTemplate inner = foreign();
		inner.setReadOnly(true);
		outer.executeWithoutResult((status) -> inner.executeWithoutResult((other) -> writer.append(this.name, "a")));
		assertThat(reader.info(this.name)).isNotEmpty();
		outer.setReadOnly(true);
		inner.setReadOnly(false);
		outer.executeWithoutResult((status) -> {
			inner.executeWithoutResult((other) -> {
				assertThatExceptionOfType(InvalidDataAccessApiUsageException.class)
					.isThrownBy(() -> writer.append(this.name, "b"))
					.withMessageContaining("in a read-only transaction");
				writer.appender(this.name);
			});
			assertThat(reader.info(this.name).orElseThrow().nextIndex()).isOne();
		});
	}

	@Test
	void whatTheOuterTransactionRollsBackIsForgotten() {
		DurableChannels channels = instance.bean(DurableChannels.class);
		StreamAppender appender = writer.appender(this.name);
		instance.transaction().executeWithoutResult((outer) -> {
			foreign().executeWithoutResult((inner) -> {
				channels.create(this.name, ChannelMode.BROADCAST);
				appender.append("x");
				appender.complete();
			});
			outer.setRollbackOnly();
		});
		channels.create(this.name, ChannelMode.COMPETING);
		appender.complete();
		assertThat(reader.info(this.name).orElseThrow().state()).isEqualTo(StreamState.COMPLETED);
	}

	@Test
	void anItemThatTheOuterTransactionCompletesIsNotLostWithItsRollback() throws Exception {
		CompletableFuture<Integer> second = new CompletableFuture<>();
		Subscription listening = instance.bean(WorkListeners.class).register(WorkListenerSpec.of(this.name), (item) -> {
			if (item.attempt() > 1) {
				second.complete(item.attempt());
				return WorkOutcome.done();
			}
			instance.transaction().executeWithoutResult((outer) -> {
				foreign().executeWithoutResult((inner) -> item.complete());
				outer.setRollbackOnly();
			});
			throw new IllegalStateException("rolled back");
		});
		instance.bean(WorkQueue.class).enqueue(WorkRequest.of(this.name, "x"));
		assertThat(second.get(30, TimeUnit.SECONDS)).isEqualTo(2);
		listening.cancel();
	}

	@Test
	void otherReceiversAreWokenByTheEndOfTheOuterTransaction() {
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.send(this.name, "a", "x");
		List<String> calls = new CopyOnWriteArrayList<>();
		Subscription woken = instance.bean(Wakeups.class).subscribe("channel", new WakeupHandler() {

			@Override
			public void onWakeup(Wakeup wakeup) {
				calls.add("woken");
			}

			@Override
			public void onResync() {
				// none
			}

		});
		instance.transaction().executeWithoutResult((outer) -> {
			foreign().executeWithoutResult(
					(inner) -> assertThat(channels.receive(this.name, "a", Duration.ZERO)).isPresent());
			calls.add("inner is over");
		});
		assertThat(calls).containsExactly("inner is over", "woken");
		woken.cancel();
	}

	private void insertNote() {
		instance.jdbc().update("INSERT INTO notes VALUES ('x')");
	}

	private static int notes() {
		return database.jdbc().queryForObject("SELECT count(*) FROM notes", Integer.class);
	}

	private static List<Long> rows() {
		return Stream.of("streams", "stream_chunks", "changes", "work_items", "work_lane_items", "work_queues")
			.map((table) -> database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Long.class))
			.toList();
	}

	private static TransactionTemplate foreign() {
		return Inner.SYNCHRONIZED.transaction();
	}

	/**
	 * As of a manager that is a bean.
	 */
	private static TransactionTemplate listened(Inner inner) {
		TransactionTemplate transaction = inner.transaction();
		instance.bean(CommitListener.class)
			.postProcessBeforeInitialization(Objects.requireNonNull(transaction.getTransactionManager()), "foreign");
		return transaction;
	}

	private static void register(boolean afterCompletion, Runnable callback) {
		TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {

			@Override
			public void afterCommit() {
				if (!afterCompletion) {
					callback.run();
				}
			}

			@Override
			public void afterCompletion(int status) {
				if (afterCompletion) {
					callback.run();
				}
			}

		});
	}

	/**
	 * A call of the API.
	 */
	private interface Call {

		void run(String name);

	}

	/**
	 * The kinds of transactions of another manager.
	 */
	enum Inner {

		SYNCHRONIZED(AbstractPlatformTransactionManager.SYNCHRONIZATION_ALWAYS),

		/**
		 * The default of those of Kafka and JMS.
		 */
		NOT_SYNCHRONIZED(AbstractPlatformTransactionManager.SYNCHRONIZATION_NEVER);

		private final int synchronization;

		Inner(int synchronization) {
			this.synchronization = synchronization;
		}

		TransactionTemplate transaction() {
			ForeignTransactionManager manager = new ForeignTransactionManager();
			manager.setTransactionSynchronization(this.synchronization);
			return new TransactionTemplate(manager);
		}

	}

	@Configuration(proxyBeanMethods = false)
	static class Sending {

		@Bean
		OutboxSender sender() {
			return new OutboxSender() {

				@Override
				public String name() {
					return "s";
				}

				@Override
				public void send(OutboxMessage message) {
					// nowhere
				}

			};
		}

	}

}
