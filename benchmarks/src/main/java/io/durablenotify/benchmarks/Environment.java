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

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Stream;

import io.durablenotify.benchmarks.harness.PostgresServer;
import io.durablenotify.benchmarks.peer.Peers;
import org.apache.catalina.util.ServerInfo;
import org.openjdk.jmh.util.Version;
import org.postgresql.util.DriverInfo;

import org.springframework.boot.SpringBootVersion;

/**
 * Where figures come from: versions and the machine.
 */
final class Environment {

	private static final Path CPUS = Path.of("/proc/cpuinfo");

	private Environment() {
	}

	static List<String> describe(PostgresServer server) throws SQLException, IOException {
		return List.of(server.describe(), Peers.versions(),
				"Java %s (%s), Spring Boot %s, Tomcat %s, pgjdbc %s, JMH %s".formatted(Runtime.version(),
						System.getProperty("java.vm.name"), SpringBootVersion.getVersion(),
						ServerInfo.getServerNumber(), DriverInfo.DRIVER_VERSION, Version.getPlainVersion()),
				"%d cores (%s), %s %s, %,d MiB of heap".formatted(Runtime.getRuntime().availableProcessors(), cpu(),
						System.getProperty("os.name"), System.getProperty("os.version"),
						Runtime.getRuntime().maxMemory() >> 20));
	}

	private static String cpu() throws IOException {
		if (!Files.isReadable(CPUS)) {
			return System.getProperty("os.arch");
		}
		try (Stream<String> lines = Files.lines(CPUS)) {
			return lines.filter((line) -> line.startsWith("model name"))
				.map((line) -> line.substring(line.indexOf(':') + 1).trim())
				.findFirst()
				.orElse(System.getProperty("os.arch"));
		}
	}

}
