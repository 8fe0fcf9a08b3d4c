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

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import io.durablenotify.work.WorkProperties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.env.PropertiesPropertySourceLoader;
import org.springframework.boot.env.PropertySourceLoader;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.core.io.ByteArrayResource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for the documents: their Java examples are those of classes that
 * {@link ExampleTests} runs, their links lead somewhere, and the reference of properties
 * is current.
 */
class DocumentTests {

	private static final Path ROOT = Path.of("..");

	private static final String UPDATE = "durable-notify.docs.update";

	private static final Snippets SNIPPETS = new Snippets(Path.of("src/test/java/io/durablenotify/docs"));

	@TempDir
	private Path directory;

	static List<Document> documents() {
		return Document.all(ROOT);
	}

	/**
	 * Require that a document is as it was generated, or write it where that is asked
	 * for.
	 */
	private static void requireCurrent(Document document, Document generated) {
		if (Boolean.getBoolean(UPDATE)) {
			generated.write();
			return;
		}
		int line = 0;
		while (line < document.lines().size() && line < generated.lines().size()
				&& document.lines().get(line).equals(generated.lines().get(line))) {
			line++;
		}
		assertThat(rest(document, line))
			.as("%s:%d is not current: run mvn -pl durable-notify-autoconfigure test -Dtest=DocumentTests -D%s=true",
					document.file(), line + 1, UPDATE)
			.isEqualTo(rest(generated, line));
	}

	/**
	 * Return a line and the next one, which are enough to see what differs.
	 */
	private static List<String> rest(Document document, int line) {
		return document.lines().stream().skip(line).limit(2).toList();
	}

	@ParameterizedTest
	@MethodSource("documents")
	void javaExamplesAreThoseOfClassesThatAreRun(Document document) {
		requireCurrent(document, SNIPPETS.update(document));
	}

	@ParameterizedTest
	@MethodSource("documents")
	void linksLeadSomewhere(Document document) {
		assertThat(document.brokenLinks()).isEmpty();
	}

	@Test
	void configurationIsThatOfTheMetadata() throws IOException {
		Document document = Document.read(ROOT.resolve("docs/configuration.md"));
		requireCurrent(document, ConfigurationReference.load().update(document));
	}

	@Test
	void metricsAreThoseOfTheMeters() {
		Document document = Document.read(ROOT.resolve("docs/metrics.md"));
		requireCurrent(document, MetricsReference.update(document));
	}

	@ParameterizedTest
	@MethodSource("documents")
	void propertiesOfExamplesExist(Document document) throws IOException {
		ConfigurationReference reference = ConfigurationReference.load();
		for (Document.Block block : document.blocks("yaml")) {
			for (String name : names(String.join("\n", block.lines()))) {
				assertThat(!name.startsWith("durable-notify.") || reference.isKnown(name)).as(name).isTrue();
			}
		}
	}

	@ParameterizedTest
	@MethodSource("documents")
	void propertiesThatAreNamedExist(Document document) throws IOException {
		assertThat(document.code()).noneMatch(ConfigurationReference.load()::isUnknown);
	}

	@Test
	void aNameThatLooksLikeAPropertyIsKnownOrUnknown() throws IOException {
		ConfigurationReference reference = ConfigurationReference.load();
		assertThat(List.of("streams.lease", "durable-notify.poll.interval=0", "streams.families.a.prefix", "a.b",
				"spring.datasource.url", "changes.publish()"))
			.noneMatch(reference::isUnknown);
		assertThat(List.of("streams.leases", "durable-notify.poll.internal=0", "listener.probe.pause"))
			.allMatch(reference::isUnknown);
	}

	@ParameterizedTest
	@ValueSource(strings = { "yaml", "properties" })
	void theQueueOfTheExampleIsConfigured(String format) throws IOException {
		PropertySourceLoader loader = (format.equals("yaml")) ? new YamlPropertySourceLoader()
				: new PropertiesPropertySourceLoader();
		String text = Document.read(ROOT.resolve("docs/configuration.md")).block(format, "[outbox/billing]");
		WorkProperties properties = new Binder(ConfigurationPropertySources.from(load(loader, text)))
			.bind("durable-notify.work", WorkProperties.class)
			.get();
		assertThat(properties.queue("outbox/billing").concurrency()).isEqualTo(2);
	}

	private static List<String> names(String yaml) throws IOException {
		return List.of(((EnumerablePropertySource<?>) load(new YamlPropertySourceLoader(), yaml)).getPropertyNames());
	}

	private static PropertySource<?> load(PropertySourceLoader loader, String text) throws IOException {
		return loader.load("example", new ByteArrayResource(text.getBytes(StandardCharsets.UTF_8))).get(0);
	}

	@Test
	void readmeIsShort() {
		assertThat(Document.read(ROOT.resolve("README.md")).lines()).hasSizeLessThanOrEqualTo(200);
	}

	@Test
	void readmeShowsTheCommandThatTheContinuousIntegrationRuns() throws IOException {
		assertThat(Files.readAllLines(ROOT.resolve(".ci/run")))
			.contains(Document.read(ROOT.resolve("README.md")).block("", "verify"));
	}

	@Test
	void anExampleThatHasDriftedIsReplaced() throws IOException {
		Document document = write("a.md", "<!-- snippet: A#b -->", "```java", "old();", "old();", "```", "end");
		assertThat(snippets().update(document).lines()).containsExactly("<!-- snippet: A#b -->", "```java", "if (x) {",
				"\tnew();", "}", "```", "end");
	}

	@Test
	void anExampleMustNameARegionThatExists() throws IOException {
		Document unnamed = write("a.md", "```java", "new();", "```");
		assertThatIllegalArgumentException().isThrownBy(() -> snippets().update(unnamed))
			.withMessageContaining("a.md:1");
		Document unknown = write("a.md", "<!-- snippet: A#c -->", "```java", "new();", "```");
		assertThatIllegalArgumentException().isThrownBy(() -> snippets().update(unknown)).withMessageContaining("A#c");
	}

	@Test
	void linksToMissingFilesAndHeadingsAreBroken() throws IOException {
		write("b.md", "## When the `NOTIFY` queue is full", "```", "# no heading", "```");
		Document document = write("a.md", "# A", "[a](#a), [b](b.md), [c](b.md#when-the-notify-queue-is-full)",
				"[d](c.md), [e](#b), [f](b.md#no-heading) `[g](code)`", "```", "[h](code)", "```");
		assertThat(document.brokenLinks()).containsExactly("c.md", "#b", "b.md#no-heading");
	}

	private Document write(String name, String... lines) throws IOException {
		return Document.read(Files.write(this.directory.resolve(name), List.of(lines)));
	}

	private Snippets snippets() throws IOException {
		write("A.java", "\t\t// tag::b[]", "\t\tif (x) {", "\t\t\t// tag::c[]", "\t\t\tnew();", "\t\t}",
				"\t\t// end::b[]");
		return new Snippets(this.directory);
	}

}
