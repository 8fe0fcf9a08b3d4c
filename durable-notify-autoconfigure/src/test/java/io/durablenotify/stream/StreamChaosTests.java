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

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.TestDatabase;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Everything at once: instances that share streams, writers of all kinds, transactions,
 * fast and slow readers, and backends, the pools' and the listeners', that are terminated
 * all the time.
 */
@Tag("chaos")
@Timeout(value = 30, unit = TimeUnit.MINUTES)
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

	private final AtomicLong chunks = new AtomicLong();

	private final Outcomes outcomes = new Outcomes();

	@Test
	void everyReaderGetsEveryChunkOnceAndInOrder() throws Exception {
		try (Instance first = Instance.start(this.database, PROPERTIES);
				Instance second = Instance.start(this.database, PROPERTIES)) {
			List<Instance> instances = List.of(first, second);
			List<List<Received>> readers = new ArrayList<>();
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

	private List<Received> subscribe(List<Instance> instances, String stream) {
		List<Received> handlers = new ArrayList<>();
		for (Instance instance : instances) {
			handlers.add(new Received());
			handlers.add(new ReceivedSlowly());
		}
		for (int i = 0; i < handlers.size(); i++) {
			instances.get(i / 2).reader().subscribe(stream, StreamPosition.start(), handlers.get(i));
		}
		return handlers;
	}

	private int write(Instance instance, boolean inTransactions) {
		int attempts = 0;
		List<CompletableFuture<?>> outstanding = new ArrayList<>();
		while (!this.over.get()) {
			String stream = "stream/" + ThreadLocalRandom.current().nextInt(STREAMS);
			if (inTransactions) {
				appendInTransaction(instance, stream);
			}
			else if (attempts % 4 == 0) {
				appendAt(instance, stream);
			}
			else if (attempts % 4 == 1) {
				List<byte[]> chunks = List.of(newChunk(), newChunk(), newChunk());
				this.outcomes.record(stream, chunks, () -> instance.writer().appendAll(stream, chunks));
			}
			else if (attempts % 4 == 2) {
				List<byte[]> chunks = List.of(newChunk());
				this.outcomes.record(stream, chunks, () -> instance.writer().append(stream, chunks.get(0)));
			}
			else {
				for (int i = 0; i < 5; i++) {
					outstanding.add(appendAsync(instance, stream));
				}
				if (outstanding.size() > 50) {
					CompletableFuture.allOf(outstanding.toArray(CompletableFuture[]::new)).join();
					outstanding.clear();
				}
			}
			attempts++;
		}
		CompletableFuture.allOf(outstanding.toArray(CompletableFuture[]::new))
			.orTimeout(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)
			.join();
		return attempts;
	}

	private void appendInTransaction(Instance instance, String stream) {
		List<byte[]> chunks = List.of(newChunk(), newChunk(), newChunk());
		boolean rollBack = chunks.get(0).length % 4 == 0;
		try {
			Long index = instance.transaction().execute((status) -> {
				long first = instance.writer().append(stream, chunks.get(0));
				instance.writer().append(stream, chunks.get(1));
				instance.writer().appendOnCommit(stream, chunks.get(2));
				if (rollBack) {
					status.setRollbackOnly();
				}
				return first;
			});
			this.outcomes.record(stream, chunks, () -> {
				if (rollBack) {
					throw new IllegalStateException("Rolled back");
				}
				return index;
			});
		}
		catch (DataAccessException | TransactionException ex) {
			// Its backend was terminated; it is unknown whether after the commit
		}
	}

	private void appendAt(Instance instance, String stream) {
		byte[] chunk = newChunk();
		try {
			long index = instance.reader().info(stream).map(StreamInfo::nextIndex).orElse(0L);
			this.outcomes.record(stream, List.of(chunk), () -> {
				try {
					return instance.writer().appendAt(stream, index, chunk);
				}
				catch (AppendOutcomeUnknownException ex) {
					try {
						return instance.writer().appendAt(stream, index, chunk);
					}
					catch (DataAccessException retried) {
						// There is the first attempt's chunk, or another writer's
						throw ex;
					}
				}
			});
		}
		catch (DataAccessException ex) {
			// The query's backend was terminated
		}
	}

	private CompletableFuture<?> appendAsync(Instance instance, String stream) {
		byte[] chunk = newChunk();
		CompletableFuture<Long> append = instance.writer().appendAsync(stream, chunk);
		return append.handle((index, failure) -> {
			this.outcomes.record(stream, List.of(chunk), append::join);
			return index;
		});
	}

	private byte[] newChunk() {
		return ByteBuffer.allocate(Long.BYTES + ThreadLocalRandom.current().nextInt(2000))
			.putLong(this.chunks.incrementAndGet())
			.array();
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

	private void assertComplete(Instance instance, String stream, List<Received> handlers) {
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
		for (Received handler : handlers) {
			handler.awaitEnd();
			assertThat(handler.error).isNull();
			assertThat(handler.ends).hasValue(1);
			assertThat(handler.ids()).hasSize(count).isEqualTo(handlers.get(0).ids());
		}
		this.outcomes.verify(stream, handlers.get(0).ids());
	}

	/**
	 * The results of the writers.
	 */
	private static final class Outcomes {

		private final Map<Long, String> stored = new ConcurrentHashMap<>();

		private final Set<Long> refused = ConcurrentHashMap.newKeySet();

		private final Set<Long> read = ConcurrentHashMap.newKeySet();

		void record(String stream, List<byte[]> chunks, LongSupplier append) {
			try {
				long index = append.getAsLong();
				for (int i = 0; i < chunks.size(); i++) {
					this.stored.put(id(chunks.get(i)), stream + ":" + (index + i));
				}
			}
			catch (RuntimeException ex) {
				Throwable failure = (ex instanceof CompletionException) ? ex.getCause() : ex;
				if (!(failure instanceof AppendOutcomeUnknownException)) {
					chunks.forEach((chunk) -> this.refused.add(id(chunk)));
				}
			}
		}

		/**
		 * Nothing twice, nothing that was refused, and what was stored at the index that
		 * its writer got.
		 */
		void verify(String stream, long[] ids) {
			for (int index = 0; index < ids.length; index++) {
				long id = ids[index];
				assertThat(this.read.add(id)).as("chunk %d is new", id).isTrue();
				assertThat(this.refused.contains(id)).as("chunk %d was refused", id).isFalse();
				String place = this.stored.remove(id);
				assertThat(place).isIn(null, stream + ":" + index);
			}
			assertThat(this.stored.values()).noneMatch((place) -> place.startsWith(stream + ":"));
		}

		static long id(byte[] chunk) {
			return ByteBuffer.wrap(chunk).getLong();
		}

	}

	/**
	 * Keeps nothing but ids, of which there are millions in ten minutes.
	 */
	private static class Received implements ChunkHandler {

		private final AtomicInteger ends = new AtomicInteger();

		private long[] ids = new long[1024];

		private volatile int count;

		private volatile @Nullable Throwable error;

		@Override
		public void onChunk(Chunk chunk) {
			int next = this.count;
			assertThat(chunk.index()).isEqualTo(next);
			if (next == this.ids.length) {
				this.ids = Arrays.copyOf(this.ids, 2 * next);
			}
			this.ids[next] = Outcomes.id(chunk.data());
			this.count = next + 1;
		}

		@Override
		public void onComplete() {
			this.ends.incrementAndGet();
		}

		@Override
		public void onError(Throwable error) {
			this.error = error;
			this.ends.incrementAndGet();
		}

		/**
		 * A slow one may be far behind, but must get on.
		 */
		void awaitEnd() {
			while (this.ends.get() == 0) {
				int before = this.count;
				Eventually.await(() -> this.ends.get() > 0 || this.count > before, this::toString);
			}
		}

		/**
		 * To be called after the end.
		 */
		long[] ids() {
			return Arrays.copyOf(this.ids, this.count);
		}

		@Override
		public String toString() {
			return "%d received, %s ends".formatted(this.count, this.ends);
		}

	}

	/**
	 * Holds its buffer full most of the time.
	 */
	private static final class ReceivedSlowly extends Received {

		@Override
		public void onChunk(Chunk chunk) {
			if (chunk.index() % 50 == 0) {
				LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
			}
			super.onChunk(chunk);
		}

	}

}
