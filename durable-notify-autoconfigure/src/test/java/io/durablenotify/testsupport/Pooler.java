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
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

import org.postgresql.Driver;
import org.postgresql.PGProperty;

import org.springframework.util.FileSystemUtils;

/**
 * A real pooler or proxy in front of a database.
 */
public final class Pooler implements AutoCloseable {

	private static final boolean ROOT = "root".equals(System.getProperty("user.name"));

	private final TestDatabase database;

	private final String parameters;

	private final Path directory;

	private final Socket port;

	private final Socket otherPort;

	private final Process process;

	private Pooler(TestDatabase database, String parameters, String tool, List<String> arguments, String configuration)
			throws IOException {
		List<String> command = new ArrayList<>(List.of(RequiredTool.find(tool).toString()));
		this.database = database;
		this.parameters = parameters;
		this.directory = Files.createTempDirectory("pooler");
		this.port = Ports.reserve();
		this.otherPort = Ports.reserve();
		command.addAll(arguments);
		command.add(
				Files
					.writeString(this.directory.resolve("configuration"),
							configuration.replace("${host}", host())
								.replace("${port}", String.valueOf(this.port.getLocalPort()))
								.replace("${other-port}", String.valueOf(this.otherPort.getLocalPort()))
								.replace("${directory}", this.directory.toString()))
					.toString());
		if (ROOT) {
			Files.setPosixFilePermissions(this.directory, PosixFilePermissions.fromString("rwxr-xr-x"));
		}
		this.process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log().toFile()).start();
		Runtime.getRuntime().addShutdownHook(new Thread(this.process::destroy));
		try {
			Eventually.await(() -> accepts() || !this.process.isAlive(), this::readLog);
			if (!this.process.isAlive()) {
				throw new AssertionError("%s has ended: %s".formatted(tool, readLog()));
			}
		}
		catch (AssertionError ex) {
			close();
			throw ex;
		}
	}

	private static Pooler start(TestDatabase database, String parameters, String tool, List<String> arguments,
			String configuration) {
		try {
			return new Pooler(database, parameters, tool, arguments, configuration);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * Start PgBouncer, which is reached without prepared statements: it knows them from
	 * 1.21 on.
	 * @param poolMode {@code transaction} or {@code session}
	 */
	public static Pooler pgBouncer(TestDatabase database, String poolMode) {
		Properties server = parsed(database);
		String password = PGProperty.PASSWORD.getOrDefault(server);
		// It refuses to run as root
		List<String> arguments = (ROOT) ? List.of("-q", "-u", "nobody") : List.of("-q");
		return start(database, "&prepareThreshold=0", "pgbouncer", arguments, """
				[databases]
				%s = host=%s port=%s user=%s %s
				[pgbouncer]
				listen_addr = ${host}
				listen_port = ${port}
				unix_socket_dir =
				auth_type = any
				pool_mode = %s
				ignore_startup_parameters = extra_float_digits
				""".formatted(PGProperty.PG_DBNAME.getOrDefault(server), PGProperty.PG_HOST.getOrDefault(server),
				PGProperty.PG_PORT.getOrDefault(server), PGProperty.USER.getOrDefault(server),
				(password != null) ? "password=" + password : "", poolMode));
	}

	/**
	 * Start pgpool-II, in its default mode, in front of one server.
	 */
	public static Pooler pgPool(TestDatabase database) {
		Properties server = parsed(database);
		return start(database, "", "pgpool", List.of("-n", "-f"), """
				backend_clustering_mode = 'streaming_replication'
				sr_check_period = 0
				listen_addresses = '${host}'
				port = ${port}
				unix_socket_directories = '${directory}'
				socket_dir = '${directory}'
				pcp_listen_addresses = '${host}'
				pcp_port = ${other-port}
				pcp_socket_dir = '${directory}'
				pid_file_name = '${directory}/pgpool.pid'
				logdir = '${directory}'
				backend_hostname0 = '%s'
				backend_port0 = %s
				num_init_children = 30
				max_pool = 1
				""".formatted(PGProperty.PG_HOST.getOrDefault(server), PGProperty.PG_PORT.getOrDefault(server)));
	}

	/**
	 * Start HAProxy in front of one server.
	 * @param idleTimeout after which it cuts a connection on which nothing is sent
	 */
	public static Pooler haProxy(TestDatabase database, Duration idleTimeout) {
		return start(database, "", "haproxy", List.of("-db", "-f"),
				haProxy(idleTimeout) + "\tserver only " + address(database) + "\n");
	}

	/**
	 * Start HAProxy in front of servers of which it chooses the primary, asking each at a
	 * separate port by HTTP, as beside Patroni.
	 * @param servers by the port, the databases
	 */
	public static Pooler haProxyToPrimary(Map<Integer, TestDatabase> servers) {
		String lines = servers.entrySet()
			.stream()
			.map((entry) -> "\tserver s%1$d %2$s check port %1$d addr 127.0.0.1".formatted(entry.getKey(),
					address(entry.getValue())))
			.collect(Collectors.joining("\n", "", "\n"));
		return start(servers.values().iterator().next(), "", "haproxy", List.of("-db", "-f"),
				haProxy(Duration.ofMinutes(1)) + """
							timeout check 10s
							option httpchk OPTIONS /primary
							http-check expect status 200
							default-server inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions
						""" + lines);
	}

	private static String haProxy(Duration idleTimeout) {
		return """
				defaults
					mode tcp
					retries 2
					timeout connect 2s
					timeout client %1$dms
					timeout server %1$dms
				listen postgres
					bind ${host}:${port}
				""".formatted(idleTimeout.toMillis());
	}

	private static Properties parsed(TestDatabase database) {
		return Driver.parseURL(database.url(), new Properties());
	}

	private static String address(TestDatabase database) {
		Properties server = parsed(database);
		return PGProperty.PG_HOST.getOrDefault(server) + ":" + PGProperty.PG_PORT.getOrDefault(server);
	}

	private static String host() {
		return InetAddress.getLoopbackAddress().getHostAddress();
	}

	private boolean accepts() {
		try (Socket socket = new Socket()) {
			socket.connect(this.port.getLocalSocketAddress(), 1000);
			return true;
		}
		catch (IOException ex) {
			return false;
		}
	}

	private Path log() {
		return this.directory.resolve("log");
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
		return "%s:%d/%s".formatted(host(), this.port.getLocalPort(),
				PGProperty.PG_DBNAME.getOrDefault(parsed(this.database)));
	}

	/**
	 * Return the database through it.
	 */
	public TestDatabase through() {
		return new TestDatabase(this.database.url().replaceFirst("//[^?]+", "//" + address()) + this.parameters);
	}

	@Override
	public void close() {
		this.process.destroy();
		Eventually.await(() -> !this.process.isAlive(), this.process::info);
		FileSystemUtils.deleteRecursively(this.directory.toFile());
		try {
			this.port.close();
			this.otherPort.close();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
