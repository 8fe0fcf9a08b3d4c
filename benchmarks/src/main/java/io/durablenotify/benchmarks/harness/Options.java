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

package io.durablenotify.benchmarks.harness;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;

/**
 * What a run is asked to do.
 *
 * @param rows the rows to measure
 * @param peers whether to measure the peers
 * @param rounds how many rounds count
 * @param size how much is measured
 * @param data where to keep the server's data, or {@code null} to look for a disk
 * @param results where to write the results, or {@code null} for the usual place
 * @param metrics whether instances with a registry of meters are compared with those
 * without
 * @param jvm the options of the JVMs of other processes
 */
public record Options(SortedSet<Integer> rows, boolean peers, int rounds, Size size, @Nullable Path data,
		@Nullable Path results, boolean metrics, List<String> jvm) {

	public static final int LAST_ROW = 39;

	public static final int LEAST_ROUNDS = 5;

	/**
	 * Parse {@code --rows=1,2,peers --rounds=5 --quick --smoke --data=directory
	 * --results=file --metrics --jvm=option}, of which the last can be repeated.
	 */
	public static Options parse(String... arguments) {
		SortedSet<Integer> rows = IntStream.rangeClosed(1, LAST_ROW)
			.boxed()
			.collect(Collectors.toCollection(TreeSet::new));
		boolean peers = true;
		int rounds = LEAST_ROUNDS;
		Size size = Size.FULL;
		Path data = null;
		Path results = null;
		boolean metrics = false;
		List<String> jvm = new ArrayList<>();
		for (String argument : arguments) {
			String[] nameAndValue = argument.split("=", 2);
			String value = (nameAndValue.length > 1) ? nameAndValue[1] : "";
			switch (nameAndValue[0]) {
				case "--rows" -> {
					SortedSet<String> names = new TreeSet<>(Arrays.asList(value.split(",")));
					peers = names.remove("peers");
					rows = names.stream().map(Integer::valueOf).collect(Collectors.toCollection(TreeSet::new));
				}
				case "--rounds" -> rounds = Integer.parseInt(value);
				case "--quick" -> size = Size.QUICK;
				case "--smoke" -> size = Size.SMOKE;
				case "--data" -> data = Path.of(value);
				case "--results" -> results = Path.of(value);
				case "--metrics" -> metrics = true;
				case "--jvm" -> jvm.add(value);
				default -> throw new IllegalArgumentException("Unknown argument " + argument
						+ ": use --rows=1,2,peers --rounds=5 --quick --smoke --data=directory --results=file --metrics"
						+ " --jvm=option");
			}
		}
		return new Options(rows, peers, rounds, size, data, results, metrics, List.copyOf(jvm));
	}

	/**
	 * Return whether this is worth recording.
	 */
	public boolean isForTheRecord() {
		return !this.metrics && this.jvm.isEmpty() && this.size == Size.FULL && this.rounds >= LEAST_ROUNDS
				&& this.rows.size() == LAST_ROW && this.peers;
	}

}
