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

import java.util.List;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.ChildProcess;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Heap;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Spread;
import io.durablenotify.benchmarks.harness.StatementCounter;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Threads;

import org.springframework.boot.tomcat.TomcatConnectorCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Row 22. All clients have the same stream. The stuck ones want all of it, and read
 * nothing; the good ones read from where it is being written.
 */
public final class StuckClients implements Figure {

	private static final String STREAM = "long";

	/**
	 * More than the sockets, Tomcat and the reader's buffer take.
	 */
	private static final int STORED = 256;

	private static final int STORED_BYTES = 1_024;

	private static final int RECEIVE_BUFFER = 2_048;

	private static final int THREADS = 10;

	private static final int PER_SECOND = 50;

	private int written;

	/**
	 * The heap without those that never read. Tomcat keeps buffers of connections that
	 * were closed, so it is measured before the first of them.
	 */
	private long bytesBefore;

	@Override
	public int row() {
		return 22;
	}

	@Override
	public String title() {
		return "`append` → arrival at 100 clients beside 2,000 that never read, beside the same without those";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int good = run.size().pick(100, 100, 5);
		int stuck = run.size().pick(2_000, 2_000, 40);
		Pace pace = new Pace(run.size().pick(200, 100, 10), PER_SECOND);
		StatementCounter counter = new StatementCounter();
		try (Database database = run.createDatabase();
				Instance instance = Instance.startWeb(database, counter,
						List.of(StreamController.class, SmallSendBuffers.class),
						"durable-notify.streams.buffer-bytes=64KB");
				ChildProcess child = ChildProcess.start(run, SseClientProcess.class)) {
			LatencyBetweenProcesses.requireCommonClock(child);
			StoredStreams.store(database, STREAM, STORED, Payload.text(0, STORED_BYTES), false);
			child.ask("open good %d /streams/%s?from=%d %d".formatted(instance.port(), STREAM, STORED, good));
			latency(pace, instance, child);
			this.bytesBefore = Heap.used();
			Rounds<Latency, WithStuck> rounds = Rounds.alternate(run, () -> latency(pace, instance, child),
					() -> withStuck(pace, instance, counter, child, good, stuck));
			List<Double> threads = rounds.ours().stream().map(WithStuck::threads).toList();
			List<Double> bytes = rounds.ours().stream().map(WithStuck::bytes).toList();
			return List.of(rounds.line("p50", "ms", Latency::p50, (ours) -> ours.latency().p50(), null),
					rounds.line("p99", "ms", Latency::p99, (ours) -> ours.latency().p99(), Target.atMost(2)),
					Line.limited("busy threads more than without", "threads", THREADS, threads, Target.atMost(1))
						.remark("the limit stands for \"no thread each\""),
					Line.reported("heap per client that never reads", "bytes", Spread.of(bytes).median(),
							"all but what row 21 has for Tomcat is ours; readers share what they buffer"));
		}
	}

	private Latency latency(Pace pace, Instance instance, ChildProcess child) throws Exception {
		pace.run((i) -> instance.writer().append(STREAM, Payload.text(System.nanoTime(), Payload.BYTES)));
		this.written += pace.count();
		child.ask("events good %d".formatted(this.written));
		return Latency.decode(child.ask("report good"));
	}

	private WithStuck withStuck(Pace pace, Instance instance, StatementCounter counter, ChildProcess child, int good,
			int stuck) throws Exception {
		int threadsBefore = Threads.countBusy();
		child.ask("open-stuck stuck %d /streams/%s %d %d".formatted(instance.port(), STREAM, stuck, RECEIVE_BUFFER));
		counter.awaitQuiet(300);
		Latency latency = latency(pace, instance, child);
		int threads = Threads.countBusy() - threadsBefore;
		Check.equal("clients that are still connected", good + stuck, instance.connections());
		long bytes = Heap.used() - this.bytesBefore;
		child.ask("close stuck");
		instance.awaitConnections(good);
		return new WithStuck(latency, threads, bytes / (double) stuck);
	}

	/**
	 * What was measured beside clients that never read.
	 */
	private record WithStuck(Latency latency, double threads, double bytes) {
	}

	/**
	 * On the loopback interface the system's send buffers take megabytes.
	 */
	@Configuration(proxyBeanMethods = false)
	static class SmallSendBuffers {

		@Bean
		TomcatConnectorCustomizer smallSendBuffers() {
			return (connector) -> connector.setProperty("socket.txBufSize", "16384");
		}

	}

}
