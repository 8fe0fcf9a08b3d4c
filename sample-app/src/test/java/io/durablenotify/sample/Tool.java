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

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;

import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/**
 * Finds programs that tests start. A test is skipped where one is missing, and fails with
 * {@code DURABLE_NOTIFY_REQUIRE_TOOLS=true}.
 */
final class Tool {

	private Tool() {
	}

	/**
	 * Return the program with one of these names.
	 */
	static File require(String... names) {
		File found = Stream.of(Objects.requireNonNullElse(System.getenv("PATH"), "").split(File.pathSeparator))
			.flatMap((directory) -> Arrays.stream(names).map((name) -> Path.of(directory, name)))
			.filter(Files::isExecutable)
			.map(Path::toFile)
			.findFirst()
			.orElse(null);
		if (found == null) {
			String reason = names[0] + " is not on the PATH";
			if (Boolean.parseBoolean(System.getenv("DURABLE_NOTIFY_REQUIRE_TOOLS"))) {
				Assertions.fail(reason + ", and DURABLE_NOTIFY_REQUIRE_TOOLS is set");
			}
			Assumptions.abort(reason);
		}
		return found;
	}

}
