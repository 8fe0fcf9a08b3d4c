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

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Everything at once: instances, writers, transactions, fast and slow readers, and
 * somebody who terminates backends, the pools' and the listeners', all the time.
 */
class StreamChaosTests {

	/**
	 * Seconds of chaos; more of them by {@code -Ddurable-notify.test.chaos-seconds=600}.
	 */
	private static final Duration CHAOS = Duration
		.ofSeconds(Integer.getInteger("durable-notify.test.chaos-seconds", 10));

	private static final int STREAMS = 12;

	private static final String[] PROPERTIES = { "durable-notify.streams.buffer-size=32",
			"durable-notify.listener.backoff.delay=20ms", "durable-notify.listener.backoff.max-delay=100ms",
			"durable-notify.listener.backoff.jitter=5ms", "spring.datasource.hikari.connection-timeout=2000" };

	private final TestDatabase database = PostgresServer.shared().createDatabase();

	private final AtomicBoolean over = new AtomicBoolean();

	private final AtomicInteger terminated = new AtomicInteger();

	@Test
	void everyReaderGetsEveryChunkOnceAndInOrder() throws Exception {
		try (Instance first = Instance.start(this.database, PROPERTIES);
				Instance second = Instance.start(this.database, PROPERTIES)) {
			List<Instance> instances = List.of(first, second);
			List<List<RecordingHandler>> readers = new ArrayList<>();
			for (int stream = 0; stream < STREAMS; stream++) {
				readers.add(subscribe(instances, "stream/" + stream));
			}
			List<Callable<Integer>> tasks = new ArrayList<>();
			for (int writer = 0; writer < 6; writer++) {
				Instance instance = instances.get(writer % 2);
				boolean inTransactions = writer >= 4;
				tasks.add(() -> write(instance, inTransactions));
			}
			tasks.add(this::terminateBackends);
			StreamWriterTests.runAll(tasks);
			assertThat(this.terminated).hasValueGreaterThan(10);
			for (int stream = 0; stream < STREAMS; stream++) {
				assertComplete(first, "stream/" + stream, readers.get(stream));
			}
		}
	}

	private List<RecordingHandler> subscribe(List<Instance> instances, String stream) {
		List<RecordingHandler> handlers = new ArrayList<>();
		for (Instance instance : instances) {
			handlers.add(new RecordingHandler());
			handlers.add(new SlowHandler());
		}
		for (int i = 0; i < handlers.size(); i++) {
			instances.get(i / 2).reader().subscribe(stream, StreamPosition.start(), handlers.get(i));
		}
		return handlers;
	}

	private int write(Instance instance, boolean inTransactions) {
		int attempts = 0;
		while (!this.over.get()) {
			String stream = "stream/" + ThreadLocalRandom.current().nextInt(STREAMS);
			byte[] data = new byte[ThreadLocalRandom.current().nextInt(2000)];
			try {
				if (inTransactions) {
					instance.transaction().executeWithoutResult((status) -> {
						instance.writer().append(stream, data);
						instance.writer().append(stream, data);
						if (data.length % 4 == 0) {
							status.setRollbackOnly();
						}
					});
				}
				else {
					instance.writer().append(stream, data);
				}
			}
			catch (DataAccessException | TransactionException ex) {
				// Its backend was terminated
			}
			attempts++;
		}
		return attempts;
	}

	private int terminateBackends() {
		long end = System.nanoTime() + CHAOS.toNanos();
		try {
			while (System.nanoTime() < end) {
				this.terminated.addAndGet(this.database.jdbc()
					.queryForList(
							"SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
									+ "WHERE datname = current_database() AND pid <> pg_backend_pid() "
									+ "AND backend_type = 'client backend' ORDER BY random() LIMIT 2) victim",
							Boolean.class)
					.size());
				// The pace of the chaos, which nothing waits for
				LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
			}
		}
		finally {
			this.over.set(true);
		}
		return 0;
	}

	private static void assertComplete(Instance instance, String stream, List<RecordingHandler> handlers) {
		Eventually.await(() -> {
			try {
				instance.writer().complete(stream);
				return true;
			}
			catch (DataAccessException ex) {
				return false;
			}
		}, () -> stream);
		int count = (int) instance.reader().info(stream).orElseThrow().nextIndex();
		for (RecordingHandler handler : handlers) {
			handler.awaitComplete().assertGapFree(0, count);
			assertThat(handler.ends()).isOne();
		}
	}

	/**
	 * Holds its buffer full most of the time.
	 */
	private static final class SlowHandler extends RecordingHandler {

		@Override
		public void onChunk(Chunk chunk) throws Exception {
			if (chunk.index() % 50 == 0) {
				LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
			}
			super.onChunk(chunk);
		}

	}

}
