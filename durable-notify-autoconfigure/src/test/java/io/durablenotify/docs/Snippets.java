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
import java.util.List;

import io.durablenotify.docs.Document.Block;

/**
 * Examples for documents: the regions of classes between {@code // tag::name[]} and
 * {@code // end::name[]}. A region may contain others.
 *
 * @param directory the directory of the classes
 */
record Snippets(Path directory) {

	/**
	 * Return a document in which each Java example is that of its class.
	 * @throws IllegalArgumentException if a Java example names no region
	 */
	Document update(Document document) {
		Document updated = document;
		// From the last to the first, so that indexes stay right
		List<Block> blocks = document.blocks("java");
		for (int i = blocks.size() - 1; i >= 0; i--) {
			Block block = blocks.get(i);
			if (block.snippet() == null) {
				throw new IllegalArgumentException(
						"%s:%d: a Java example must have the line \"<!-- snippet: Class#region -->\" above it"
							.formatted(document.file(), block.start()));
			}
			updated = updated.replace(block.start(), block.end(), region(block.snippet()));
		}
		return updated;
	}

	/**
	 * Return the lines of a region, without the indentation that all of them have.
	 */
	private List<String> region(String snippet) {
		String[] classAndName = snippet.split("#", 2);
		List<String> lines = read(this.directory.resolve(classAndName[0] + ".java"));
		List<String> trimmed = lines.stream().map(String::trim).toList();
		int start = trimmed.indexOf("// tag::" + classAndName[1] + "[]");
		int end = trimmed.indexOf("// end::" + classAndName[1] + "[]");
		if (start < 0 || end < start) {
			throw new IllegalArgumentException("There is no region " + snippet);
		}
		return lines.subList(start + 1, end)
			.stream()
			.filter((line) -> !line.trim().matches("// (tag|end)::\\w+\\[]"))
			.reduce((first, second) -> first + "\n" + second)
			.orElse("")
			.stripIndent()
			.lines()
			.toList();
	}

	private static List<String> read(Path file) {
		try {
			return Files.readAllLines(file);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
