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
package io.durablenotify.sample;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the alert rules and the dashboard as files.
 */
class ObservabilityTests {

	static final Path DIRECTORY = Path.of("..", "observability");

	static final Path RULES = DIRECTORY.resolve("prometheus").resolve("durable-notify.rules.yml");

	private static final Path OPERATIONS = Path.of("..", "docs", "operations.md");

	private static final Pattern ALERT = Pattern.compile("alert: (\\w+)");

	@Test
	void theAlertRulesAreValidAndTested() throws Exception {
		Path directory = RULES.getParent();
		Prometheus.promtool(directory, "check", "rules", RULES.getFileName().toString());
		Prometheus.promtool(directory, "test", "rules", "durable-notify.rules.test.yml");
		List<String> alerts = find(ALERT, Files.readString(RULES));
		String tests = Files.readString(directory.resolve("durable-notify.rules.test.yml"));
		assertThat(alerts).hasSizeGreaterThan(10)
			.doesNotHaveDuplicates()
			.allSatisfy((alert) -> assertThat(tests)
				.containsPattern("alertname: %s\\s+exp_alerts:\\s+- exp_labels".formatted(alert))
				.contains("alertname: %s, exp_alerts: [] }".formatted(alert)));
	}

	@Test
	void theGuideSaysWhatToDoForEachAlert() throws Exception {
		String rules = Files.readString(RULES);
		String guide = Files.readString(OPERATIONS);
		assertThat(find(ALERT, rules)).allSatisfy((alert) -> assertThat(guide).contains("`" + alert + "`"));
		List<String> anchors = find(Pattern.compile("(?m)^#+ (.+)$"), guide).stream()
			.map((heading) -> heading.toLowerCase().replaceAll("[^a-z0-9 -]", "").replace(' ', '-'))
			.toList();
		List<String> runbooks = find(Pattern.compile("runbook: \"docs/operations.md#(.+)\""), rules);
		assertThat(runbooks).hasSameSizeAs(find(ALERT, rules)).isSubsetOf(anchors);
	}

	@Test
	void theDashboardIsValid(@TempDir Path directory) throws Exception {
		JsonNode dashboard = dashboard();
		List<JsonNode> panels = dashboard.get("panels").valueStream().toList();
		assertThat(panels).extracting((panel) -> panel.get("id").asInt()).doesNotHaveDuplicates();
		boolean[][] taken = new boolean[1_000][24];
		for (JsonNode panel : panels) {
			JsonNode place = panel.get("gridPos");
			for (int y = 0; y < place.get("h").asInt(); y++) {
				for (int x = 0; x < place.get("w").asInt(); x++) {
					int row = place.get("y").asInt() + y;
					int column = place.get("x").asInt() + x;
					assertThat(taken[row][column]).as(panel.get("title").asString()).isFalse();
					taken[row][column] = true;
				}
			}
			if (!panel.get("type").asString().equals("row")) {
				assertThat(panel.get("title").asString()).isNotBlank();
				assertThat(panel.get("description").asString()).endsWith(".");
				assertThat(panel.get("datasource").get("uid").asString()).isEqualTo("${DS_PROMETHEUS}");
				assertThat(panel.get("fieldConfig").get("defaults").get("unit").asString()).isNotBlank();
			}
		}
		List<String> expressions = expressions(".*");
		StringBuilder rules = new StringBuilder("groups:\n  - name: dashboard\n    rules:\n");
		IntStream.range(0, expressions.size())
			.forEach((i) -> rules.append("      - record: dashboard:%d\n        expr: '%s'\n".formatted(i,
					expressions.get(i).replace("'", "''"))));
		Files.writeString(directory.resolve("rules.yml"), rules);
		assertThat(Prometheus.promtool(directory, "check", "rules", "rules.yml"))
			.contains(expressions.size() + " rules found");
	}

	private static JsonNode dashboard() throws IOException {
		return JsonMapper.shared()
			.readTree(Files.readString(DIRECTORY.resolve("grafana").resolve("durable-notify.json")));
	}

	/**
	 * Return the expressions of the dashboard's panels.
	 * @param selection what its variables have
	 */
	static List<String> expressions(String selection) throws IOException {
		return dashboard().get("panels")
			.valueStream()
			.flatMap((panel) -> (panel.has("targets")) ? panel.get("targets").valueStream() : Stream.of())
			.map((target) -> target.get("expr")
				.asString()
				.replace("$__rate_interval", "10s")
				.replace("$application", selection)
				.replace("$instance", selection))
			.toList();
	}

	private static List<String> find(Pattern pattern, String text) {
		List<String> found = new ArrayList<>();
		Matcher matcher = pattern.matcher(text);
		while (matcher.find()) {
			found.add(matcher.group(1));
		}
		return found;
	}

}
