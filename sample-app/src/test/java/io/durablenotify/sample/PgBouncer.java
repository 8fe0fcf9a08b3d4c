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
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import org.awaitility.core.ConditionTimeoutException;

import static org.awaitility.Awaitility.await;

/**
 * A real PgBouncer in session mode, which can be stopped and started again.
 */
final class PgBouncer implements AutoCloseable {

	private final Socket port = FreePort.reserve();

	private final Path configuration;

	private final Path log;

	private Process process;

	/**
	 * Start it.
	 * @param directory for its files
	 * @param serverPort the server's port
	 */
	PgBouncer(Path directory, int serverPort) throws IOException {
		// It refuses to run as root, and nobody must read its file
		Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
		this.log = directory.resolve("log");
		this.configuration = Files.writeString(directory.resolve("pgbouncer.ini"), """
				[databases]
				postgres = host=127.0.0.1 port=%d user=postgres
				[pgbouncer]
				listen_addr = %s
				listen_port = %d
				unix_socket_dir =
				auth_type = any
				pool_mode = session
				ignore_startup_parameters = extra_float_digits
				""".formatted(serverPort, Prometheus.host(), this.port.getLocalPort()));
		start();
	}

	String url() {
		return "jdbc:postgresql://%s:%d/postgres?user=postgres&prepareThreshold=0".formatted(Prometheus.host(),
				this.port.getLocalPort());
	}

	void start() throws IOException {
		List<String> command = new ArrayList<>(List.of(Tool.require("pgbouncer").toString(), "-q"));
		if ("root".equals(System.getProperty("user.name"))) {
			command.addAll(List.of("-u", "nobody"));
		}
		command.add(this.configuration.toString());
		this.process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(this.log.toFile()).start();
		Runtime.getRuntime().addShutdownHook(new Thread(this.process::destroyForcibly));
		try {
			await("PgBouncer").atMost(Duration.ofSeconds(30)).until(this::accepts);
		}
		catch (ConditionTimeoutException ex) {
			this.process.destroyForcibly();
			throw ex;
		}
	}

	private boolean accepts() {
		try (Socket socket = new Socket()) {
			socket.connect(new InetSocketAddress(Prometheus.host(), this.port.getLocalPort()), 1_000);
			return true;
		}
		catch (IOException ex) {
			return false;
		}
	}

	void kill() throws InterruptedException {
		this.process.destroyForcibly();
		this.process.waitFor(30, TimeUnit.SECONDS);
	}

	@Override
	public void close() throws InterruptedException {
		kill();
		FreePort.close(this.port);
	}

}
