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

package io.durablenotify.actuate;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.api.Test;

import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.boot.health.actuate.endpoint.StatusAggregator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.core.env.PropertySource;
import org.springframework.core.io.ByteArrayResource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the order of health's statuses that docs/operations.md advises and the sample
 * application has.
 */
class StatusOrderTests {

	private static final String PROPERTY = "management.endpoint.health.status.order";

	private static final Pattern YAML = Pattern.compile("```yaml\\R(.*?)```", Pattern.DOTALL);

	private static List<String> documentedOrder() throws IOException {
		String yaml = YAML.matcher(Files.readString(Path.of("../docs/operations.md")))
			.results()
			.map((result) -> result.group(1))
			.filter((block) -> block.contains("management:"))
			.findFirst()
			.orElseThrow();
		return order(yaml);
	}

	private static List<String> samplesOrder() throws IOException {
		return order(Files.readString(Path.of("../sample-app/src/main/resources/application.yml")));
	}

	private static List<String> order(String yaml) throws IOException {
		List<PropertySource<?>> sources = new YamlPropertySourceLoader().load("test",
				new ByteArrayResource(yaml.getBytes(StandardCharsets.UTF_8)));
		return new Binder(ConfigurationPropertySources.from(sources)).bind(PROPERTY, Bindable.listOf(String.class))
			.get();
	}

	@Test
	void theDocumentsAndTheSampleAgree() throws IOException {
		assertThat(documentedOrder()).isEqualTo(samplesOrder());
	}

	static List<Arguments> wholes() {
		Status degraded = new Status("DEGRADED");
		return List.of(Arguments.of(Status.UP, List.of(Status.UP, Status.UNKNOWN)),
				Arguments.of(degraded, List.of(Status.UP, degraded, Status.UNKNOWN)),
				Arguments.of(Status.DOWN, List.of(degraded, Status.DOWN, Status.UP)),
				Arguments.of(Status.OUT_OF_SERVICE, List.of(Status.OUT_OF_SERVICE, degraded)));
	}

	@ParameterizedTest
	@MethodSource("wholes")
	void theWholeIsAsBadAsItsPartsAndAPartThatIsUnknownHidesNothing(Status whole, List<Status> parts)
			throws IOException {
		StatusAggregator aggregator = StatusAggregator.of(documentedOrder());
		assertThat(aggregator.getAggregateStatus(parts.toArray(Status[]::new))).isEqualTo(whole);
	}

}
