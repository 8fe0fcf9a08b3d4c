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

package io.durablenotify.benchmarks.figure;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Row 25. Nothing is handled.
 */
public final class Enqueueing implements Figure {

	private static final int KEYS = 100;

	private static final int THREADS = 64;

	private static final int BATCH = 1_000;

	private final AtomicLong numbers = new AtomicLong();

	@Override
	public int row() {
		return 25;
	}

	@Override
	public String title() {
		return "`enqueue` beside raw autocommit INSERT of (id, payload)";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		List<Line> lines = new ArrayList<>();
		lines.add(single(run, "1 thread", 1, 0.65, (number) -> request("plain")));
		lines.add(single(run, "ordered, %d ordering keys in turn".formatted(KEYS), 1, 0.5,
				(number) -> request("ordered").orderingKey("key-" + number % KEYS)));
		lines.add(single(run, "coalesced, %d keys in turn".formatted(KEYS), 1, 0.5,
				(number) -> request("coalesced").key("key-" + number % KEYS)));
		lines.add(single(run, "%d threads, beside as many connections".formatted(THREADS), THREADS, 2,
				(number) -> request("concurrent")));
		lines.add(batches(run, "`enqueueAll` of %,d, beside INSERT … SELECT unnest".formatted(BATCH), 0.55,
				(number) -> request("batch")));
		lines.add(batches(run, "the same, each with a key of its own", 0.2,
				(number) -> request("keyed").key("key-" + number)));
		return lines;
	}

	private static WorkRequest request(String queue) {
		return WorkRequest.of(queue, Payload.chunk());
	}

	private Line single(Run run, String what, int threads, double target, Requests requests) throws Exception {
		try (Database database = run.createDatabase();
				RawPayloads raw = new RawPayloads(database, threads);
				Instance instance = Instance.start(database)) {
			WorkQueue queue = instance.bean(WorkQueue.class);
			return Rounds
				.alternate(run, () -> perSecond(run, threads, (thread) -> raw.insert(thread, next())),
						() -> perSecond(run, threads, (thread) -> queue.enqueue(requests.create(next()))))
				.line(what, "items/s", Double::doubleValue, Double::doubleValue, Target.atLeast(target));
		}
	}

	private Line batches(Run run, String what, double target, Requests requests) throws Exception {
		try (Database database = run.createDatabase();
				RawPayloads raw = new RawPayloads(database, 1);
				Instance instance = Instance.start(database)) {
			WorkQueue queue = instance.bean(WorkQueue.class);
			return Rounds
				.alternate(run, () -> BATCH * perSecond(run, 1, (thread) -> raw.insertAll(BATCH)),
						() -> BATCH * perSecond(run, 1, (thread) -> enqueueAll(queue, requests)))
				.line(what, "items/s", Double::doubleValue, Double::doubleValue, Target.atLeast(target));
		}
	}

	private void enqueueAll(WorkQueue queue, Requests requests) {
		List<WorkRequest> batch = IntStream.range(0, BATCH).mapToObj((i) -> requests.create(next())).toList();
		Check.equal("outcomes", BATCH, queue.enqueueAll(batch).size());
	}

	private long next() {
		return this.numbers.incrementAndGet();
	}

	private static double perSecond(Run run, int threads, Throughput.Work work) throws Exception {
		return Throughput.of(threads, run.size().time(1_000), run.size().time(2_000), work).perSecond();
	}

	/**
	 * What is enqueued.
	 */
	private interface Requests {

		WorkRequest create(long number);

	}

	/**
	 * The floor: a connection for each thread.
	 */
	private static final class RawPayloads implements AutoCloseable {

		private final List<Connection> connections = new ArrayList<>();

		private final List<PreparedStatement> inserts = new ArrayList<>();

		private final PreparedStatement insertAll;

		RawPayloads(Database database, int threads) throws SQLException {
			for (int i = 0; i < threads; i++) {
				Connection connection = database.connect();
				this.connections.add(connection);
				this.inserts.add(connection.prepareStatement("INSERT INTO raw_payloads (id, payload) VALUES (?, ?)"));
			}
			this.insertAll = this.connections.get(0)
				.prepareStatement("INSERT INTO raw_batches (payload) SELECT unnest(?)");
		}

		void insert(int thread, long id) throws SQLException {
			PreparedStatement insert = this.inserts.get(thread);
			insert.setLong(1, id);
			insert.setBytes(2, Payload.chunk());
			insert.executeUpdate();
		}

		void insertAll(int count) throws SQLException {
			byte[][] payloads = new byte[count][];
			Arrays.setAll(payloads, (i) -> Payload.chunk());
			Array array = this.connections.get(0).createArrayOf("bytea", payloads);
			this.insertAll.setArray(1, array);
			Check.equal("rows", count, this.insertAll.executeUpdate());
		}

		@Override
		public void close() throws SQLException {
			for (Connection connection : this.connections) {
				connection.close();
			}
		}

	}

}
