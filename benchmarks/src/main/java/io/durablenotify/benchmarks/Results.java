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

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

import io.durablenotify.benchmarks.harness.Options;
import io.durablenotify.benchmarks.harness.Size;
import io.durablenotify.benchmarks.peer.Peers;

/**
 * What a run found.
 *
 * @param environment where it ran, a line for each fact
 * @param rows the rows
 * @param peers the peers
 * @param took how long it took
 */
public record Results(List<String> environment, List<Row> rows, List<Row> peers, Duration took) {

	private static final String PEERS = """

			## Peers

			Each takes turns with durable-notify, in the same way: ratios are ours divided by theirs (rates: more is better for us; times:
			less). What they promise differs, and is said in [README.md](README.md).

			| | figure | theirs | ours | ratio | more | | |
			|---|---|---|---|---|---|---|---|
			""";

	boolean failed() {
		return Stream.concat(this.rows.stream(), this.peers.stream()).anyMatch((row) -> row.failure() != null);
	}

	String toMarkdown(Options options) {
		StringBuilder markdown = new StringBuilder(
				"""
						# Results

						Written by the run; how it measures is in [README.md](README.md). Ratios are ours divided by the floor's, with the least,
						the **median** and the greatest of %d rounds in which both took turns. The median decides whether a target is met.
						"More" is by how many µs an operation of ours takes longer: a latency, or the time between two operations of all threads.
						Absolute values are medians too and say little: the machine is what it is.

						- %s (UTC), %d minutes
						- `%s`
						"""
					.formatted(options.rounds(), LocalDate.now(ZoneOffset.UTC), this.took.toMinutes(),
							command(options)));
		this.environment.forEach((fact) -> markdown.append("- ").append(fact).append('\n'));
		markdown.append("""

				| # | figure | floor | ours | ratio | more | target | met |
				|---|---|---|---|---|---|---|---|
				""");
		this.rows.forEach((row) -> markdown.append(row.toMarkdown()));
		if (options.peers()) {
			markdown.append(PEERS);
			this.peers.forEach((row) -> markdown.append(row.toMarkdown()));
			if (Peers.redis().isEmpty()) {
				markdown.append("\nRedis Streams were **not measured**: there is no `redis-server` on this machine.\n");
			}
		}
		return markdown.toString();
	}

	private static String command(Options options) {
		List<String> arguments = new ArrayList<>();
		if (options.rows().size() < Options.LAST_ROW || !options.peers()) {
			List<String> rows = new ArrayList<>(options.rows().stream().map(String::valueOf).toList());
			if (options.peers()) {
				rows.add("peers");
			}
			arguments.add("--rows=" + String.join(",", rows));
		}
		if (options.rounds() != Options.LEAST_ROUNDS) {
			arguments.add("--rounds=" + options.rounds());
		}
		if (options.size() != Size.FULL) {
			arguments.add("--" + options.size().name().toLowerCase(Locale.ROOT));
		}
		if (options.metrics()) {
			arguments.add("--metrics");
		}
		options.jvm().forEach((option) -> arguments.add("--jvm=" + option));
		String command = "mvn -B -ntp -pl benchmarks -am spring-boot:run";
		return (arguments.isEmpty()) ? command
				: command + " -Dspring-boot.run.arguments=\"" + String.join(" ", arguments) + '"';
	}

	/**
	 * Write: to {@code RESULTS.md} if it is a whole run, else below {@code target}.
	 */
	Path write(Options options) throws IOException {
		Path file = (options.results() != null) ? options.results()
				: (options.isForTheRecord()) ? Path.of("RESULTS.md") : Path.of("target", "RESULTS.md");
		Path parent = file.toAbsolutePath().getParent();
		if (parent != null) {
			Files.createDirectories(parent);
		}
		return Files.writeString(file, toMarkdown(options));
	}

}
