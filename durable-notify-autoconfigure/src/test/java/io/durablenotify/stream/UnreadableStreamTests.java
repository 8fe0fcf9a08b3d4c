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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.log.LogMeasures;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.LogStore.Target;
import io.durablenotify.log.ReaderStates;
import io.durablenotify.log.Start;
import io.durablenotify.testsupport.BlockingHandler;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.jdbc.UncategorizedSQLException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for readers of a database that fails them: {@link LogSubscriptions} on a store
 * that raises what the test wants.
 */
class UnreadableStreamTests {

	@Fixture(properties = "durable-notify.poll.interval=0")
	private static Instance instance;

	@Fixture
	private static StreamStore store;

	@Test
	void oneStreamWhoseRowsCannotBeReadEndsItsOwnReadersOnly() {
		for (int i = 0; i < 10; i++) {
			instance.writer().append("stream/" + i, "a");
		}
		long damaged = instance.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = 'stream/5'", Long.class);
		try (LogSubscriptions<Chunk> readers = readers((targets) -> {
			if (targets.stream().anyMatch((target) -> target.id() == damaged)) {
				throw new SQLException("missing chunk number 0 for toast value", "XX001");
			}
		})) {
			List<RecordingHandler> handlers = new ArrayList<>();
			for (int i = 0; i < 10; i++) {
				handlers.add(new RecordingHandler());
				readers.open(target("stream/" + i), Start.at(0), new ChunkDelivery(handlers.get(i)));
			}
			for (int i = 0; i < 10; i++) {
				if (i == 5) {
					assertThat(handlers.get(i).awaitError()).isInstanceOf(UncategorizedSQLException.class);
				}
				else {
					handlers.get(i).awaitChunks(1);
					assertThat(handlers.get(i).ends()).isZero();
				}
			}
		}
	}

	@Test
	void aChunkThatDoesNotFitIsNotFetchedAgainAndAgain() {
		AtomicInteger fetches = new AtomicInteger();
		instance.writer().append("fitting", new byte[400_000]);
		instance.writer().append("fitting", new byte[900_000]);
		instance.writer().append("other", "a");
		long watched = instance.jdbc()
			.queryForObject("SELECT stream_id FROM durable_notify.streams WHERE name = 'fitting'", Long.class);
		try (LogSubscriptions<Chunk> readers = readers((targets) -> {
			if (targets.stream().anyMatch((target) -> target.id() == watched)) {
				fetches.incrementAndGet();
			}
		})) {
			BlockingHandler slow = new BlockingHandler();
			LogSubscription<Chunk> reader = readers.open(target("fitting"), Start.at(0), new ChunkDelivery(slow));
			Eventually.await(() -> ReaderStates.next(reader) == 1 && fetches.get() > 1, reader::toString);
			// Turns of the fetcher, each of which would fetch for the waiting reader
			// again
			for (int i = 0; i < 20; i++) {
				RecordingHandler other = new RecordingHandler();
				readers.open(target("other"), Start.at(0), new ChunkDelivery(other));
				other.awaitChunks(1);
			}
			assertThat(fetches).hasValueLessThan(4);
			slow.release();
			slow.awaitChunks(2);
		}
	}

	static List<Exception> passingFailures() {
		return List.of(new SQLException("too many connections", "53300"), new SQLException("lock timeout", "55P03"),
				new SQLException("no state"), new IllegalStateException("a DataSource of the user's failed"));
	}

	@ParameterizedTest
	@MethodSource("passingFailures")
	void aDatabaseThatFailsForAWhileIsAskedAgainAndNothingIsLost(Exception failure) {
		AtomicInteger failures = new AtomicInteger();
		try (LogSubscriptions<Chunk> readers = readers((targets) -> {
			if (failures.getAndIncrement() < 3) {
				throw failure;
			}
		})) {
			String stream = "outage/" + failure.getMessage().length();
			RecordingHandler handler = new RecordingHandler();
			readers.open(target(stream), Start.at(0), new ChunkDelivery(handler));
			for (int i = 0; i < 5; i++) {
				instance.writer().append(stream, "a");
			}
			instance.writer().complete(stream);
			handler.awaitComplete().assertGapFree(0, 5);
			assertThat(failures).hasValueGreaterThan(3);
		}
	}

	private static LogSubscriptions<Chunk> readers(FetchCheck check) {
		StreamStore failing = (StreamStore) Proxy.newProxyInstance(StreamStore.class.getClassLoader(),
				new Class<?>[] { StreamStore.class }, (proxy, method, arguments) -> {
					if (method.getName().equals("fetch")) {
						check.beforeFetch(targets(arguments[1]));
					}
					if (method.getName().equals("fetchFirst")) {
						check.beforeFetch(store.head((Connection) arguments[0], (String) arguments[1])
							.map((head) -> new Target(head.id(), (Long) arguments[2]))
							.stream()
							.toList());
					}
					try {
						return method.invoke(store, arguments);
					}
					catch (InvocationTargetException ex) {
						throw ex.getCause();
					}
				});
		return new LogSubscriptions<>(TailedStream.KIND, failing,
				instance.bean(StreamProperties.class).bufferBytes().toBytes(), instance.bean(ApplicationDatabase.class),
				(Executor) instance.context().getBean("durableNotifyTaskExecutor"), instance.bean(Wakeups.class),
				instance.bean(Poll.class), new LogMeasures(List.of()));
	}

	private static TailedStream target(String stream) {
		return new TailedStream(stream, stream, null, 256, 0);
	}

	private static List<Target> targets(Object argument) {
		return ((List<?>) argument).stream().map(Target.class::cast).toList();
	}

	@FunctionalInterface
	private interface FetchCheck {

		void beforeFetch(List<Target> targets) throws Exception;

	}

}
