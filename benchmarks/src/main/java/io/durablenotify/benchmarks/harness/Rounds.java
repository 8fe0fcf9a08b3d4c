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
import java.util.List;
import java.util.function.ToDoubleFunction;

import org.jspecify.annotations.Nullable;

/**
 * Rounds in which the floor and ours take turns, so that other work of the machine
 * affects both. Every second round begins with the other side.
 *
 * @param floors what the floor's side measured, by round
 * @param ours what our side measured, by round
 */
public record Rounds<F, O>(List<F> floors, List<O> ours) {

	private static final int WARM_UPS = 5;

	/**
	 * Measure, after one round that does not count.
	 */
	public static <F, O> Rounds<F, O> alternate(Run run, Measurement<F> floor, Measurement<O> ours) throws Exception {
		if (run.size() != Size.SMOKE) {
			if (run.withFloor()) {
				floor.measure();
			}
			ours.measure();
		}
		return alternateCold(run, floor, ours);
	}

	/**
	 * Measure latencies at a steady pace, after rounds at a faster one. On two cores,
	 * compiling makes every hundredth of them wait for milliseconds, in our two JVMs more
	 * than in the little that the floor executes. Each change of sides lets the JVMs
	 * compile some methods again, so there are several of them.
	 */
	public static <F, O> Rounds<F, O> alternatePaced(Run run, Pace.Measurement<F> floor, Pace.Measurement<O> ours)
			throws Exception {
		Pace warmUp = Pace.warmUp(run);
		for (int i = 0; i < WARM_UPS && run.size() != Size.SMOKE; i++) {
			if (run.withFloor()) {
				floor.measure(warmUp);
			}
			ours.measure(warmUp);
		}
		Pace pace = Pace.measured(run);
		return alternateCold(run, () -> floor.measure(pace), () -> ours.measure(pace));
	}

	/**
	 * Measure, and count from the first round on.
	 */
	public static <F, O> Rounds<F, O> alternateCold(Run run, Measurement<F> floor, Measurement<O> ours)
			throws Exception {
		List<F> floors = new ArrayList<>();
		List<O> oursMeasured = new ArrayList<>();
		for (int round = 0; round < run.rounds(); round++) {
			if (!run.withFloor()) {
				oursMeasured.add(ours.measure());
			}
			else if (round % 2 == 0) {
				floors.add(floor.measure());
				oursMeasured.add(ours.measure());
			}
			else {
				oursMeasured.add(ours.measure());
				floors.add(floor.measure());
			}
		}
		return new Rounds<>(floors, oursMeasured);
	}

	/**
	 * Compare a value of both sides, or report ours where there is no floor.
	 */
	public Line line(String what, String unit, ToDoubleFunction<F> floor, ToDoubleFunction<O> ours,
			@Nullable Target target) {
		if (this.floors.isEmpty()) {
			return Line.reported(what, unit, median(this.ours, ours), "");
		}
		List<Double> ratios = new ArrayList<>();
		List<Double> differences = new ArrayList<>();
		for (int i = 0; i < this.floors.size(); i++) {
			double theirs = floor.applyAsDouble(this.floors.get(i));
			double own = ours.applyAsDouble(this.ours.get(i));
			ratios.add(own / theirs);
			differences.add(micros(own, unit) - micros(theirs, unit));
		}
		double more = Spread.of(differences).median();
		return new Line(what, unit, median(this.floors, floor), median(this.ours, ours), Spread.of(ratios),
				(Double.isNaN(more)) ? null : more, target, "");
	}

	/**
	 * Return what an operation takes.
	 * @param value a time, or how many operations there are in a second
	 */
	private static double micros(double value, String unit) {
		if (unit.endsWith("/s")) {
			return 1e6 / value;
		}
		return switch (unit) {
			case "ms" -> value * 1e3;
			case "µs" -> value;
			default -> Double.NaN;
		};
	}

	private static <T> double median(List<T> measured, ToDoubleFunction<T> value) {
		return Spread.of(measured.stream().map((each) -> value.applyAsDouble(each)).toList()).median();
	}

}
