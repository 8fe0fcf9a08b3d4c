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

package io.durablenotify.benchmarks;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.benchmarks.figure.Figures;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Options;
import io.durablenotify.benchmarks.harness.PostgresServer;
import io.durablenotify.benchmarks.harness.PriceOfMetrics;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.peer.Peers;

/**
 * Runs everything, or the rows that the arguments name, and writes the results.
 */
public final class Benchmarks {

	private Benchmarks() {
	}

	public static void main(String[] arguments) throws Exception {
		Options options = Options.parse(arguments);
		Results results = run(options);
		System.out.println(results.toMarkdown(options));
		System.out.println("Written to " + results.write(options));
		// Ends threads that a peer may have left
		System.exit((results.failed()) ? 1 : 0);
	}

	/**
	 * Run.
	 * @return the results, those of rows that failed among them
	 */
	public static Results run(Options options) throws Exception {
		long start = System.nanoTime();
		List<Row> rows = new ArrayList<>();
		try (PostgresServer server = PostgresServer.start(options)) {
			Run run = new Run(options, server);
			for (Figure figure : Figures.all()) {
				if (options.rows().contains(figure.row())) {
					rows.add(measure((options.metrics()) ? new PriceOfMetrics(figure) : figure, run));
				}
			}
			List<Row> peers = new ArrayList<>();
			if (options.peers()) {
				for (Figure peer : Peers.all()) {
					peers.add(measure(peer, run));
				}
			}
			return new Results(Environment.describe(server), rows, peers, Duration.ofNanos(System.nanoTime() - start));
		}
	}

	private static Row measure(Figure figure, Run run) {
		System.out.printf("%d: %s%n", figure.row(), figure.title());
		long start = System.nanoTime();
		Row row;
		try {
			row = new Row(figure.row(), figure.title(), figure.measure(run), null);
		}
		catch (Exception ex) {
			ex.printStackTrace();
			row = new Row(figure.row(), figure.title(), List.of(), ex);
		}
		System.out.print(row.toMarkdown());
		System.out.printf("(%d s)%n", Duration.ofNanos(System.nanoTime() - start).toSeconds());
		return row;
	}

}
