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

package io.durablenotify.testsupport;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

import org.opentest4j.TestAbortedException;

/**
 * A program that a test needs and that not every machine has. Without it the test is
 * skipped with a reason, or fails where the environment variable
 * {@code DURABLE_NOTIFY_REQUIRE_TOOLS} is {@code true}.
 */
public final class RequiredTool {

	private static final boolean REQUIRED = Boolean.parseBoolean(System.getenv("DURABLE_NOTIFY_REQUIRE_TOOLS"));

	private RequiredTool() {
	}

	/**
	 * Find a program on the path, or where distributions keep servers.
	 */
	public static Path find(String name) {
		Stream<String> path = Arrays.stream(Optional.ofNullable(System.getenv("PATH")).orElse("").split(":"));
		return Stream.concat(path, Stream.of("/usr/sbin", "/sbin"))
			.map((directory) -> Path.of(directory, name))
			.filter(Files::isExecutable)
			.findFirst()
			.orElseThrow(() -> missing(name));
	}

	private static RuntimeException missing(String name) {
		String message = "This test needs %s, which is not installed".formatted(name);
		return (REQUIRED) ? new IllegalStateException(message) : new TestAbortedException(message);
	}

}
