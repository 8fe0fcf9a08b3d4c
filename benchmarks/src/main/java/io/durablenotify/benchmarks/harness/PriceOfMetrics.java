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

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A figure with a registry of meters, beside the same without one. Both take turns, and
 * the figure's own floor is not measured.
 *
 * @param figure the figure
 */
public record PriceOfMetrics(Figure figure) implements Figure {

	@Override
	public int row() {
		return this.figure.row();
	}

	@Override
	public String title() {
		return "with a registry of meters, beside without: " + this.figure.title();
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		Map<Measured, Rounds<Double, Double>> values = new LinkedHashMap<>();
		for (int round = 0; round < run.rounds(); round++) {
			boolean first = round % 2 == 1;
			for (boolean metrics : new boolean[] { first, !first }) {
				for (Line line : measure(run, metrics)) {
					Rounds<Double, Double> rounds = values.computeIfAbsent(new Measured(line.what(), line.unit()),
							(what) -> new Rounds<>(new ArrayList<>(), new ArrayList<>()));
					((metrics) ? rounds.ours() : rounds.floors()).add(line.ours());
				}
			}
		}
		List<Line> lines = new ArrayList<>();
		values.forEach((measured, rounds) -> lines.add(rounds.line(measured.what(), measured.unit(),
				Double::doubleValue, Double::doubleValue, measured.target())));
		return lines;
	}

	private List<Line> measure(Run run, boolean metrics) throws Exception {
		Instance.withMetrics(metrics);
		try {
			return this.figure.measure(run.onceWithoutFloor());
		}
		finally {
			Instance.withMetrics(false);
		}
	}

	/**
	 * What a line is of.
	 */
	private record Measured(String what, String unit) {

		/**
		 * The slowest of a hundred says too little for a target.
		 */
		@Nullable Target target() {
			if (this.unit.endsWith("/s")) {
				return Target.atLeast(0.95);
			}
			boolean median = this.what.equals("p50") || this.what.startsWith("p50 ") || this.what.endsWith(", p50");
			return (median) ? Target.atMost(1.05) : null;
		}

	}

}
