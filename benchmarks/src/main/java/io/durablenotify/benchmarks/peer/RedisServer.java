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

package io.durablenotify.benchmarks.peer;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import io.durablenotify.benchmarks.harness.Check;

import org.springframework.util.FileSystemUtils;

/**
 * A Redis with an append-only file, for one measurement.
 */
final class RedisServer implements AutoCloseable {

	private static final String PROGRAM = "redis-server";

	private static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(20);

	private final Process process;

	private final Path directory;

	private final int port;

	private RedisServer(Process process, Path directory, int port) {
		this.process = process;
		this.directory = directory;
		this.port = port;
	}

	/**
	 * Find the program on the path.
	 */
	static Optional<Path> find() {
		Stream<String> path = Arrays.stream(Optional.ofNullable(System.getenv("PATH")).orElse("").split(":"));
		return path.map((directory) -> Path.of(directory, PROGRAM)).filter(Files::isExecutable).findFirst();
	}

	/**
	 * Start.
	 * @param parent where to create the directory for the data
	 * @param fsync when to sync: {@code everysec} or {@code always}
	 */
	static RedisServer start(Path program, Path parent, String fsync) throws Exception {
		Path directory = Files.createTempDirectory(parent, "redis");
		int port = freePort();
		Process process = new ProcessBuilder(program.toString(), "--port", String.valueOf(port), "--bind",
				InetAddress.getLoopbackAddress().getHostAddress(), "--dir", directory.toString(), "--save", "",
				"--appendonly", "yes", "--appendfsync", fsync)
			.redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.DISCARD)
			.start();
		RedisServer server = new RedisServer(process, directory, port);
		Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
		server.awaitPort();
		return server;
	}

	static String version(Path program) throws IOException {
		Process process = new ProcessBuilder(List.of(program.toString(), "--version")).start();
		String version = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		return version.replaceAll("(?s).*v=(\\S+).*", "$1");
	}

	private static int freePort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return socket.getLocalPort();
		}
	}

	private void awaitPort() throws InterruptedException {
		long start = System.nanoTime();
		while (true) {
			try {
				new Socket(InetAddress.getLoopbackAddress(), this.port).close();
				return;
			}
			catch (IOException ex) {
				Check.that(System.nanoTime() - start < TIMEOUT_NANOS && this.process.isAlive(), "Redis does not start");
				Thread.sleep(20);
			}
		}
	}

	int port() {
		return this.port;
	}

	@Override
	public void close() {
		this.process.destroy();
		try {
			if (!this.process.waitFor(10, TimeUnit.SECONDS)) {
				this.process.destroyForcibly();
			}
			FileSystemUtils.deleteRecursively(this.directory);
		}
		catch (InterruptedException | IOException ex) {
			this.process.destroyForcibly();
		}
	}

}
