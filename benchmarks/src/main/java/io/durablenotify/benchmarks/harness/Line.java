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

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * A line of results.
 *
 * @param what what was measured
 * @param unit the unit of both values
 * @param floor the floor's median, or {@code null} where there is none
 * @param ours our median
 * @param ratio ours divided by the floor's, of each round
 * @param more by how many microseconds ours is longer for each operation: the median of
 * all rounds, or {@code null} where that means nothing
 * @param target the target, or {@code null} if the figure is only reported
 * @param remark what a reader has to know, or an empty text
 */
public record Line(String what, String unit, @Nullable Double floor, double ours, @Nullable Spread ratio,
		@Nullable Double more, @Nullable Target target, String remark) {

	public static Line reported(String what, String unit, double value, String remark) {
		return new Line(what, unit, null, value, null, null, null, remark);
	}

	/**
	 * Compare measured values with a limit that is known beforehand.
	 */
	public static Line limited(String what, String unit, double limit, List<Double> values, Target target) {
		return new Line(what, unit, limit, Spread.of(values).median(),
				Spread.of(values.stream().map((value) -> value / limit).toList()), null, target, "");
	}

	public Line remark(String remark) {
		return new Line(this.what, this.unit, this.floor, this.ours, this.ratio, this.more, this.target, remark);
	}

	/**
	 * Return whether the target is met, or {@code null} if there is none.
	 */
	public @Nullable Boolean isMet() {
		return (this.target != null && this.ratio != null) ? this.target.isMetBy(this.ratio, this.more) : null;
	}

}
