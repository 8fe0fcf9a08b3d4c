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
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * A document in Markdown: its fenced blocks, its headings and its links.
 */
record Document(Path file, List<String> lines) {

	private static final String FENCE = "```";

	private static final Pattern SNIPPET = Pattern.compile("<!-- snippet: (\\S+) -->");

	private static final Pattern CODE = Pattern.compile("`([^`]+)`");

	private static final Pattern LINK = Pattern.compile("]\\(([^()\\s]+)\\)");

	/**
	 * Read all documents of a repository.
	 */
	static List<Document> all(Path root) {
		try (Stream<Path> top = Files.list(root);
				Stream<Path> docs = Files.list(root.resolve("docs"));
				Stream<Path> modules = Stream
					.of("benchmarks/README.md", "benchmarks/RESULTS.md", "sample-app/README.md")
					.map(root::resolve)) {
			return Stream.of(top, docs, modules)
				.flatMap((files) -> files)
				.filter((file) -> file.toString().endsWith(".md"))
				.map(Document::read)
				.toList();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	static Document read(Path file) {
		try {
			return new Document(file, Files.readAllLines(file));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	void write() {
		try {
			Files.writeString(this.file, text());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	String text() {
		return String.join("\n", this.lines) + "\n";
	}

	/**
	 * Return the document with other lines from one index to before another.
	 */
	Document replace(int start, int end, List<String> replacement) {
		List<String> lines = new ArrayList<>(this.lines.subList(0, start));
		lines.addAll(replacement);
		lines.addAll(this.lines.subList(end, this.lines.size()));
		return new Document(this.file, lines);
	}

	/**
	 * Return the fenced blocks of a language.
	 */
	List<Block> blocks(String language) {
		List<Block> blocks = new ArrayList<>();
		for (int i = 0; i < this.lines.size(); i++) {
			if (this.lines.get(i).startsWith(FENCE)) {
				int start = i + 1;
				int end = start + this.lines.subList(start, this.lines.size()).indexOf(FENCE);
				if (this.lines.get(i).equals(FENCE + language)) {
					blocks.add(new Block(start, end, this.lines.subList(start, end), (i > 0) ? snippet(i - 1) : null));
				}
				i = end;
			}
		}
		return blocks;
	}

	private @Nullable String snippet(int line) {
		Matcher matcher = SNIPPET.matcher(this.lines.get(line));
		return (matcher.matches()) ? matcher.group(1) : null;
	}

	/**
	 * Return the text of the first block of a language that contains something.
	 */
	String block(String language, String content) {
		return blocks(language).stream()
			.map((block) -> String.join("\n", block.lines()))
			.filter((text) -> text.contains(content))
			.findFirst()
			.orElseThrow(() -> new AssertionError("%s has no block with %s".formatted(this.file, content)));
	}

	/**
	 * Return what is marked as code within lines.
	 */
	List<String> code() {
		return prose().stream()
			.flatMap((line) -> CODE.matcher(line).results())
			.map((MatchResult code) -> code.group(1))
			.toList();
	}

	/**
	 * Return the relative links that lead nowhere.
	 */
	List<String> brokenLinks() {
		return prose().stream()
			.flatMap((line) -> LINK.matcher(CODE.matcher(line).replaceAll("")).results())
			.map((MatchResult link) -> link.group(1))
			.filter((link) -> !link.contains(":") && !leadsSomewhere(link))
			.toList();
	}

	private boolean leadsSomewhere(String link) {
		String[] fileAndAnchor = link.split("#", 2);
		Path target = (fileAndAnchor[0].isEmpty()) ? this.file : this.file.resolveSibling(fileAndAnchor[0]).normalize();
		return Files.exists(target) && (fileAndAnchor.length == 1 || read(target).anchors().contains(fileAndAnchor[1]));
	}

	/**
	 * Return the anchors that GitHub gives the headings.
	 */
	private List<String> anchors() {
		return prose().stream()
			.filter((line) -> line.matches("#+ .*"))
			.map((line) -> line.replaceFirst("#+ ", "")
				.toLowerCase(Locale.ROOT)
				.replaceAll("[^\\p{L}\\p{N} _-]", "")
				.replace(' ', '-'))
			.toList();
	}

	/**
	 * Return the lines outside of fenced blocks.
	 */
	private List<String> prose() {
		String text = String.join("\n", this.lines);
		return Pattern.compile("^```.*?^```$", Pattern.DOTALL | Pattern.MULTILINE)
			.matcher(text)
			.replaceAll("")
			.lines()
			.collect(Collectors.toList());
	}

	/**
	 * A fenced block.
	 *
	 * @param start the index of its first line
	 * @param end the index of the fence that ends it
	 * @param lines its lines
	 * @param snippet what the comment above it names, or {@code null} without one
	 */
	record Block(int start, int end, List<String> lines, @Nullable String snippet) {
	}

}
