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

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link Rounds}, and what results are made of.
 */
class RoundsTests {

	private final List<String> measured = new ArrayList<>();

	private Double measure(String side, double value) {
		this.measured.add(side);
		return value;
	}

	private Rounds<Double, Double> alternate(Run run) throws Exception {
		return Rounds.alternate(run, () -> measure("floor", 1), () -> measure("ours", 2));
	}

	private static Run run(String... options) {
		return new Run(Options.parse(options), mock(PostgresServer.class));
	}

	private static Line line(String unit, List<Double> floors, List<Double> ours) {
		return new Rounds<>(floors, ours).line("what", unit, Double::doubleValue, Double::doubleValue, null);
	}

	@Test
	void everySecondRoundBeginsWithTheOtherSideAfterOneThatDoesNotCount() throws Exception {
		Rounds<Double, Double> rounds = alternate(run("--rounds=3"));
		assertThat(this.measured).containsExactly("floor", "ours", "floor", "ours", "ours", "floor", "floor", "ours");
		assertThat(rounds).isEqualTo(new Rounds<>(List.of(1.0, 1.0, 1.0), List.of(2.0, 2.0, 2.0)));
	}

	@Test
	void withoutAFloorOursIsReported() throws Exception {
		Rounds<Double, Double> rounds = alternate(run("--rounds=3").onceWithoutFloor());
		assertThat(this.measured).containsExactly("ours", "ours");
		assertThat(rounds.line("what", "ms", Double::doubleValue, Double::doubleValue, Target.atMost(1)))
			.isEqualTo(Line.reported("what", "ms", 2, ""));
	}

	@Test
	void theRatioIsThatOfEachRoundAndTheDifferenceTheMedianOfAll() {
		Line line = line("ms", List.of(1.0, 2.0, 4.0), List.of(3.0, 2.0, 2.0));
		assertThat(line.floor()).isEqualTo(2);
		assertThat(line.ours()).isEqualTo(2);
		assertThat(line.ratio()).isEqualTo(new Spread(0.5, 1, 3));
		assertThat(line.more()).isZero();
	}

	@ParameterizedTest
	@CsvSource({ "ms, 2, 5, 3000", "µs, 2, 5, 3", "chunks/s, 1000, 500, 1000", "MB, 2, 5," })
	void theDifferenceIsInMicrosecondsForEachOperation(String unit, double floor, double ours, Double more) {
		Line line = line(unit, List.of(floor), List.of(ours));
		assertThat(line.more()).isEqualTo(more);
		assertThat(line.ratio()).isEqualTo(Spread.of(List.of(ours / floor)));
	}

	@Test
	void theMiddleOfAnEvenNumberOfValuesIsBetweenTwo() {
		assertThat(Spread.of(List.of(4.0, 1.0, 2.0, 10.0))).isEqualTo(new Spread(1, 3, 10));
	}

	@Test
	void aLimitIsTheFloorOfEachValue() {
		Line line = Line.limited("what", "ms", 4, List.of(2.0, 8.0, 5.0), Target.atMost(1));
		assertThat(line.floor()).isEqualTo(4);
		assertThat(line.ours()).isEqualTo(5);
		assertThat(line.ratio()).isEqualTo(new Spread(0.5, 1.25, 2));
		assertThat(line.isMet()).isFalse();
	}

	@ParameterizedTest
	@CsvSource({ "items, items/s, ≥ 0.95", "p50, µs, ≤ 1.05", "'p50 of appends', ms, ≤ 1.05",
			"'appends, p50', ms, ≤ 1.05", "p99, µs,", "p500, µs," })
	void theTargetOfMetricsIsForThroughputAndMedians(String what, String unit, String target) throws Exception {
		List<Line> lines = new PriceOfMetrics(new Figure() {

			@Override
			public int row() {
				return 1;
			}

			@Override
			public String title() {
				return "title";
			}

			@Override
			public List<Line> measure(Run run) {
				return List.of(Line.reported(what, unit, (Metrics.areWanted()) ? 3 : 2, ""));
			}

		}).measure(run("--rounds=2"));
		assertThat(lines).singleElement().satisfies((line) -> {
			assertThat(line.ratio()).isEqualTo(new Spread(1.5, 1.5, 1.5));
			assertThat((line.target() != null) ? line.target().toString() : null).isEqualTo(target);
		});
	}

}
