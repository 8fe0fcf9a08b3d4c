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

import java.sql.SQLException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawChunks;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * The floor: autocommit INSERTs of the same rows, with a connection for each thread.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class RawInsertBenchmark {

	@Benchmark
	public long insert(Rows rows, Inserter inserter) throws SQLException {
		long index = rows.next.getAndIncrement(inserter.stream);
		inserter.chunks.insert(rows.firstStream + inserter.stream, index, rows.chunk);
		return index;
	}

	/**
	 * The rows to insert.
	 */
	@State(Scope.Benchmark)
	@SuppressWarnings("NullAway.Init")
	public static class Rows {

		private static final AtomicLong streamsUsed = new AtomicLong(1);

		@Param("")
		public String url;

		@Param("1")
		public int streams;

		private final byte[] chunk = Payload.chunk();

		private AtomicLongArray next;

		private long firstStream;

		@Setup
		public void number() {
			this.next = new AtomicLongArray(this.streams);
			this.firstStream = streamsUsed.getAndAdd(this.streams);
		}

	}

	/**
	 * A thread that inserts.
	 */
	@State(Scope.Thread)
	@SuppressWarnings("NullAway.Init")
	public static class Inserter {

		private RawChunks chunks;

		private int stream;

		@Setup
		public void connect(Rows rows, ThreadParams threads) throws SQLException {
			this.stream = threads.getThreadIndex() % rows.streams;
			this.chunks = new RawChunks(rows.url, RawChunks.TABLE);
		}

		@TearDown
		public void disconnect() throws SQLException {
			this.chunks.close();
		}

	}

}
