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

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.mockito.Mockito;

import org.springframework.dao.PessimisticLockingFailureException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link Conflicts}, with failures that the server reports.
 */
class ConflictsTests {

	private static final Map<String, Call> CALLS = Map.of("create a consumer",
			new Call("INSERT", "stream_consumers", (instance) -> {
				instance.reader().prefixConsumer("a/", "created").subscribe((chunk) -> {
				});
				assertThat(instance.bean(StreamConsumers.class).find("created")).isPresent();
			}), "remove a consumer", new Call("DELETE", "stream_consumers", (instance) -> {
				instance.reader().prefixConsumer("a/", "removed").subscribe((chunk) -> {
				}).cancel();
				assertThat(instance.bean(StreamConsumers.class).remove("removed")).isTrue();
			}), "publish",
			new Call("INSERT", "changes", (instance) -> instance.bean(ChangeNotifier.class).publish("topic", "key")),
			"append", new Call("INSERT", "stream_chunks", (instance) -> instance.writer().append("stream", "chunk")),
			"enqueue",
			new Call("INSERT", "work_items",
					(instance) -> instance.bean(WorkQueue.class).enqueue(WorkRequest.of("queue", "x"))),
			"create a channel",
			new Call("INSERT", "work_queues",
					(instance) -> instance.bean(DurableChannels.class).create("created", ChannelMode.COMPETING)),
			"pause", new Call("UPDATE", "work_queues", (instance) -> {
				instance.bean(WorkQueue.class).enqueue(WorkRequest.of("paused", "x"));
				instance.bean(WorkAdmin.class).pause("paused");
			}));

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@ParameterizedTest
	@ValueSource(strings = { "create a consumer", "remove a consumer", "publish", "append", "enqueue",
			"create a channel", "pause" })
	void whatMetAnotherTransactionIsRepeated(String name) {
		Call call = CALLS.get(name);
		call.failTimes(3);
		try {
			call.run.accept(instance);
			assertThat(failures()).isGreaterThan(3);
		}
		finally {
			call.fixed();
		}
	}

	private static long failures() {
		return database.jdbc().queryForObject("SELECT last_value FROM public.conflicts", Long.class);
	}

	@Test
	void inTheCallersTransactionNothingIsRepeated() {
		Call call = CALLS.get("publish");
		call.failTimes(3);
		try {
			assertThatExceptionOfType(PessimisticLockingFailureException.class)
				.isThrownBy(() -> instance.transaction().executeWithoutResult((status) -> call.run.accept(instance)));
			assertThat(failures()).isOne();
		}
		finally {
			call.fixed();
		}
	}

	@ParameterizedTest
	@CsvSource({ "40001, 20", "40P01, 20", "23505, 1" })
	void conflictsAreRepeatedAFewTimesAndOtherFailuresNever(String state, int attempts) {
		AtomicInteger runs = new AtomicInteger();
		SessionWork<Void> work = Conflicts.repeat((connection, joined) -> {
			runs.incrementAndGet();
			throw new SQLException("failed", state);
		});
		assertThatExceptionOfType(SQLException.class).isThrownBy(() -> work.run(Mockito.mock(Connection.class), false));
		assertThat(runs).hasValue(attempts);
	}

	/**
	 * A call that writes to a table.
	 */
	private record Call(String event, String table, Consumer<Instance> run) {

		private void failTimes(int times) {
			database.jdbc()
				.execute(
						"""
								CREATE SEQUENCE public.conflicts;
								CREATE FUNCTION public.conflict() RETURNS trigger LANGUAGE plpgsql AS $$
									BEGIN
										IF nextval('public.conflicts') <= %d THEN
											RAISE 'could not serialize access' USING ERRCODE = 'serialization_failure';
										END IF;
										RETURN coalesce(NEW, OLD);
									END $$;
								CREATE TRIGGER conflict BEFORE %s ON durable_notify.%s FOR EACH ROW EXECUTE FUNCTION public.conflict()
								"""
							.formatted(times, this.event, this.table));
		}

		private void fixed() {
			database.jdbc().execute("DROP FUNCTION public.conflict CASCADE; DROP SEQUENCE public.conflicts");
		}

	}

}
