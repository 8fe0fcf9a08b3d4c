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

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

import io.durablenotify.benchmarks.figure.Figures;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Options;
import io.durablenotify.benchmarks.harness.PostgresServer;
import io.durablenotify.benchmarks.harness.PriceOfMetrics;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.peer.Peers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Every figure once, with so little work that its times mean nothing. What it measures is
 * checked by the figure itself: nothing lost, in order.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BenchmarkSmokeTests {

	private final Options options = Options.parse("--smoke", "--rounds=1");

	private PostgresServer server;

	@BeforeAll
	void start() throws Exception {
		this.server = PostgresServer.start(this.options);
	}

	@AfterAll
	void stop() throws Exception {
		this.server.close();
	}

	@TestFactory
	Stream<DynamicTest> figureFindsWhatItExpects() {
		return Stream.concat(Figures.all().stream(), Peers.all().stream())
			.map((figure) -> DynamicTest.dynamicTest("%d: %s".formatted(figure.row(), figure.title()),
					// The limit of tests is none for those of a factory
					() -> assertTimeoutPreemptively(Duration.ofMinutes(5), () -> measure(figure))));
	}

	private void measure(Figure figure) throws Exception {
		List<Line> lines = figure.measure(new Run(this.options, this.server));
		assertThat(lines).isNotEmpty().allSatisfy((line) -> {
			assertThat(line.ours()).as(line.what()).isFinite();
			assertThat(Optional.ofNullable(line.floor()).orElse(0d)).as(line.what()).isFinite();
		});
		assertThat(new Row(figure.row(), figure.title(), lines, null).toMarkdown().lines())
			.allMatch((line) -> line.matches("(\\|[^|]*){8}\\|"));
	}

	@Test
	void metricsAreComparedWithNone() throws Exception {
		Figure figure = Figures.all().stream().filter((each) -> each.row() == 23).findFirst().orElseThrow();
		assertThat(new PriceOfMetrics(figure).measure(new Run(this.options, this.server))).isNotEmpty()
			.allSatisfy((line) -> assertThat(line.ratio()).isNotNull());
	}

	@Test
	void everyRowOfTheTableHasAFigure() {
		assertThat(Figures.all()).extracting(Figure::row).containsExactlyElementsOf(this.options.rows());
	}

	@Test
	void redisIsAmongThePeers() {
		boolean installed = Peers.redis().isPresent();
		assumeTrue(installed || Boolean.parseBoolean(System.getenv("DURABLE_NOTIFY_REQUIRE_TOOLS")),
				"This test needs redis-server, which is not installed");
		assertThat(installed).as("redis-server is installed").isTrue();
		assertThat(Peers.all()).extracting(Figure::title).anyMatch((title) -> title.contains("always"));
	}

}
