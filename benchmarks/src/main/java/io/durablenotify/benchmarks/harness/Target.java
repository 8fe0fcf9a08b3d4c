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

import java.util.Locale;

import org.jspecify.annotations.Nullable;

/**
 * What a ratio should be, and a difference. Medians count.
 *
 * @param atLeast whether more is better
 * @param value the bound of the ratio
 * @param atMostMore by how many microseconds ours may be longer, or {@code null}
 */
public record Target(boolean atLeast, double value, @Nullable Double atMostMore) {

	public static Target atLeast(double value) {
		return new Target(true, value, null);
	}

	public static Target atMost(double value) {
		return new Target(false, value, null);
	}

	/**
	 * Return the same target with a bound of the difference beside that of the ratio.
	 */
	public Target andAtMostMore(double micros) {
		return new Target(this.atLeast, this.value, micros);
	}

	public boolean isMetBy(Spread ratio, @Nullable Double more) {
		boolean met = (this.atLeast) ? ratio.median() >= this.value : ratio.median() <= this.value;
		return met && (this.atMostMore == null || (more != null && more <= this.atMostMore));
	}

	@Override
	public String toString() {
		String bound = ((this.atLeast) ? "≥ " : "≤ ") + String.format(Locale.ROOT, "%s", this.value);
		return (this.atMostMore != null) ? bound + String.format(Locale.ROOT, ", ≤ %+.0f µs", this.atMostMore) : bound;
	}

}
