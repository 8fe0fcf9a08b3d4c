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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.stream.StreamWriter;
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
 * {@code append}, by threads on streams.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
public class AppendBenchmark {

	@Benchmark
	public long append(Appending appending, Appender appender) {
		long index = appending.writer.append(appender.stream, appending.chunk);
		appending.appended.increment();
		return index;
	}

	/**
	 * The application, which all threads share.
	 */
	@State(Scope.Benchmark)
	@SuppressWarnings("NullAway.Init")
	public static class Appending {

		private static final AtomicInteger trials = new AtomicInteger();

		@Param("")
		public String url;

		@Param("1")
		public int streams;

		private final byte[] chunk = Payload.chunk();

		private final LongAdder appended = new LongAdder();

		private final List<String> names = new ArrayList<>();

		private Instance instance;

		private StreamWriter writer;

		@Setup
		public void start() {
			this.instance = Instance.start(this.url);
			this.writer = this.instance.writer();
			int trial = trials.incrementAndGet();
			for (int i = 0; i < this.streams; i++) {
				this.names.add("append-%d-%d".formatted(trial, i));
			}
		}

		@TearDown
		public void check() {
			long stored = 0;
			for (String name : this.names) {
				stored += this.instance.reader().info(name).orElseThrow().nextIndex();
			}
			this.instance.close();
			Check.equal("chunks", this.appended.sum(), stored);
		}

	}

	/**
	 * A thread that appends.
	 */
	@State(Scope.Thread)
	@SuppressWarnings("NullAway.Init")
	public static class Appender {

		private String stream;

		@Setup
		public void choose(Appending appending, ThreadParams threads) {
			this.stream = appending.names.get(threads.getThreadIndex() % appending.streams);
		}

	}

}
