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

package io.durablenotify.benchmarks.peer;

import java.time.Duration;
import java.util.List;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import org.jspecify.annotations.Nullable;

/**
 * A peer and durable-notify on the same work.
 */
abstract class PeerFigure implements Figure {

	private static final int WRITERS = 16;

	private static final int PER_SECOND = 200;

	private final String title;

	private final @Nullable Target rates;

	private final @Nullable Target median;

	PeerFigure(String title) {
		this(title, null, null);
	}

	/**
	 * Create a figure with targets.
	 * @param rates the target of appending and reading, or {@code null}
	 * @param median the target of the median of latencies, or {@code null}
	 */
	PeerFigure(String title, @Nullable Target rates, @Nullable Target median) {
		this.title = title;
		this.rates = rates;
		this.median = median;
	}

	@Override
	public int row() {
		return Peers.ROW;
	}

	@Override
	public String title() {
		return this.title;
	}

	/**
	 * Start the peer.
	 */
	abstract Peer start(Run run, Database database) throws Exception;

	@Override
	public List<Line> measure(Run run) throws Exception {
		try (Database theirDatabase = run.createDatabase();
				Database ourDatabase = run.createDatabase();
				Peer theirs = start(run, theirDatabase);
				Peer ours = new DurableNotifyPeer(ourDatabase)) {
			Rounds<Measured, Measured> rounds = Rounds.alternate(run, () -> measure(run, theirs),
					() -> measure(run, ours));
			return List.of(
					rounds.line("append, 1 writer", "chunks/s", Measured::appendByOne, Measured::appendByOne,
							this.rates),
					rounds.line("append, %d writers".formatted(WRITERS), "chunks/s", Measured::appendByMany,
							Measured::appendByMany, this.rates),
					rounds.line("append → receive at %d/s, p50".formatted(PER_SECOND), "ms", Measured::p50,
							Measured::p50, this.median),
					rounds.line("append → receive at %d/s, p99".formatted(PER_SECOND), "ms", Measured::p99,
							Measured::p99, null),
					rounds.line("read what is stored", "chunks/s", Measured::read, Measured::read, this.rates));
		}
	}

	private static Measured measure(Run run, Peer peer) throws Exception {
		Duration time = run.size().time(1_000);
		double one = peer.append(1, time);
		double many = peer.append(WRITERS, time);
		Latency latency = peer.latency(run.size().pick(300, 200, 20), PER_SECOND);
		double read = peer.read(run.size().pick(2_000, 1_000, 100));
		return new Measured(one, many, latency.p50(), latency.p99(), read);
	}

	/**
	 * One round of one side.
	 */
	private record Measured(double appendByOne, double appendByMany, double p50, double p99, double read) {
	}

}
