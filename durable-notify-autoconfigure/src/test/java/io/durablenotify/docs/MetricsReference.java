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

package io.durablenotify.docs;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

import io.durablenotify.actuate.DurableNotifyMeters;
import io.durablenotify.actuate.MeterTag;

/**
 * The tables of docs/metrics.md, from the enum of the meters: a table for each group of
 * them.
 */
final class MetricsReference {

	private static final String START = "<!-- generated from DurableNotifyMeters: start -->";

	private static final String END = "<!-- generated from DurableNotifyMeters: end -->";

	private MetricsReference() {
	}

	/**
	 * Return a document with current tables.
	 */
	static Document update(Document document) {
		return document.replace(document.lines().indexOf(START) + 1, document.lines().indexOf(END), tables());
	}

	private static List<String> tables() {
		List<String> lines = new ArrayList<>();
		String group = null;
		for (DurableNotifyMeters meter : DurableNotifyMeters.values()) {
			if (!group(meter).equals(group)) {
				group = group(meter);
				lines.addAll(List.of("", "## " + group, "", "| meter | kind | tags | |", "|---|---|---|---|"));
			}
			lines.add("| `%s` | %s | %s | %s |".formatted(meter.meterName(), kind(meter),
					meter.tags().stream().map(MetricsReference::tag).collect(Collectors.joining("; ")),
					meter.description()));
		}
		lines.add("");
		return lines;
	}

	/**
	 * Return the name without the prefix and what follows the next dot.
	 */
	private static String group(DurableNotifyMeters meter) {
		return meter.meterName().split("\\.")[1];
	}

	private static String kind(DurableNotifyMeters meter) {
		return (meter.unit() != null) ? meter.kind().text() + " of " + meter.unit() : meter.kind().text();
	}

	private static String tag(MeterTag tag) {
		return "`%s`: %s".formatted(tag.key(), (tag.values().isEmpty()) ? tag.description()
				: tag.values().stream().map("`%s`"::formatted).collect(Collectors.joining(", ")));
	}

}
