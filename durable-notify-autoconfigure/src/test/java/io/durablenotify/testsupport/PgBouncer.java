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

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.util.FileSystemUtils;

/**
 * A real PgBouncer in front of a database.
 */
public final class PgBouncer implements AutoCloseable {

	private final TestDatabase database;

	private final int port;

	private final Path directory = Files.createTempDirectory("pgbouncer");

	private final Process process;

	private PgBouncer(TestDatabase database, String poolMode) throws IOException {
		Path program = RequiredTool.find("pgbouncer");
		this.database = database;
		this.port = freePort();
		Path configuration = Files.writeString(this.directory.resolve("pgbouncer.ini"), configuration(poolMode));
		List<String> command = new ArrayList<>(List.of(program.toString(), "-q", configuration.toString()));
		if ("root".equals(System.getProperty("user.name"))) {
			// It refuses to run as root
			Files.setPosixFilePermissions(this.directory, PosixFilePermissions.fromString("rwxr-xr-x"));
			command.addAll(List.of("-u", "nobody"));
		}
		this.process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log().toFile()).start();
		Runtime.getRuntime().addShutdownHook(new Thread(this.process::destroy));
		Eventually.await(this::accepts, this::readLog);
	}

	/**
	 * Start one.
	 * @param poolMode {@code transaction} or {@code session}
	 */
	public static PgBouncer start(TestDatabase database, String poolMode) {
		try {
			return new PgBouncer(database, poolMode);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private String configuration(String poolMode) {
		Properties server = Driver.parseURL(this.database.url(), new Properties());
		String password = PGProperty.PASSWORD.getOrDefault(server);
		return """
				[databases]
				%s = host=%s port=%s user=%s %s
				[pgbouncer]
				listen_addr = %s
				listen_port = %d
				unix_socket_dir =
				auth_type = any
				pool_mode = %s
				ignore_startup_parameters = extra_float_digits
				""".formatted(PGProperty.PG_DBNAME.getOrDefault(server), PGProperty.PG_HOST.getOrDefault(server),
				PGProperty.PG_PORT.getOrDefault(server), PGProperty.USER.getOrDefault(server),
				(password != null) ? "password=" + password : "", host(), this.port, poolMode);
	}

	private static String host() {
		return InetAddress.getLoopbackAddress().getHostAddress();
	}

	private static int freePort() throws IOException {
		try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
			return socket.getLocalPort();
		}
	}

	private boolean accepts() {
		try (Socket socket = new Socket()) {
			socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), this.port), 1000);
			return true;
		}
		catch (IOException ex) {
			return false;
		}
	}

	private Path log() {
		return this.directory.resolve("pgbouncer.log");
	}

	private String readLog() {
		try {
			return Files.readString(log());
		}
		catch (IOException ex) {
			return ex.toString();
		}
	}

	/**
	 * Return where it leads to.
	 */
	public String address() {
		return "%s:%d/%s".formatted(host(), this.port,
				PGProperty.PG_DBNAME.getOrDefault(Driver.parseURL(this.database.url(), new Properties())));
	}

	/**
	 * Return the database through it, without prepared statements, which PgBouncer knows
	 * from 1.21 on.
	 */
	public TestDatabase through() {
		return new TestDatabase(this.database.url().replaceFirst("//[^?]+", "//" + address()) + "&prepareThreshold=0");
	}

	@Override
	public void close() {
		this.process.destroy();
		Eventually.await(() -> !this.process.isAlive(), this.process::info);
		FileSystemUtils.deleteRecursively(this.directory.toFile());
	}

}
