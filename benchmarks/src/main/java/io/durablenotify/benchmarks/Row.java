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

import java.util.List;
import java.util.Locale;

import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Spread;
import org.jspecify.annotations.Nullable;

/**
 * The results of a row.
 *
 * @param number the row's number
 * @param title what was measured
 * @param lines the results, none if it failed
 * @param failure why it failed, or {@code null}
 */
public record Row(int number, String title, List<Line> lines, @Nullable Exception failure) {

	String toMarkdown() {
		StringBuilder markdown = new StringBuilder("| %s | **%s** | | | | | | |%n"
			.formatted((this.number > 0) ? "**" + this.number + "**" : "", this.title));
		if (this.failure != null) {
			markdown.append("| | failed: %s | | | | | | |%n".formatted(this.failure));
		}
		this.lines.forEach((line) -> markdown.append(toMarkdown(line)));
		return markdown.toString();
	}

	private static String toMarkdown(Line line) {
		String what = (line.remark().isEmpty()) ? line.what() : line.what() + " (" + line.remark() + ")";
		return "| | %s | %s | %s | %s | %s | %s | %s |%n".formatted(what,
				(line.floor() != null) ? number(line.floor(), line.unit()) : "–", number(line.ours(), line.unit()),
				(line.ratio() != null) ? ratio(line.ratio()) : "–", (line.more() != null) ? more(line.more()) : "",
				(line.target() != null) ? line.target() : (line.floor() == null) ? "reported" : "", met(line.isMet()));
	}

	private static String ratio(Spread ratio) {
		return String.format(Locale.ROOT, "%.2f / **%.2f** / %.2f", ratio.min(), ratio.median(), ratio.max());
	}

	private static String more(double micros) {
		return String.format(Locale.ROOT, (Math.abs(micros) >= 10) ? "%+,.0f µs" : "%+.2f µs", micros);
	}

	private static String met(@Nullable Boolean met) {
		if (met == null) {
			return "";
		}
		return (met) ? "yes" : "**no**";
	}

	private static String number(double value, String unit) {
		boolean whole = value >= 100 || value == Math.rint(value);
		return (String.format(Locale.ROOT, (whole) ? "%,.0f" : (value >= 10) ? "%.1f" : "%.3f", value) + " " + unit)
			.trim();
	}

}
