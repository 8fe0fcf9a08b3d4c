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

package io.durablenotify.benchmarks.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.stream.Stream;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.springframework.util.FileSystemUtils;

/**
 * The one server of a run, which keeps its promises: fsync and synchronous_commit are on.
 * (Off for {@link Size#SMOKE}, which others should not have to wait for.)
 */
public final class PostgresServer implements AutoCloseable {

	private static final Set<String> IN_MEMORY = Set.of("tmpfs", "ramfs", "devtmpfs");

	private static final String TEMPLATE = "bench_template";

	private final Path directory;

	private final EmbeddedPostgres server;

	private int databases;

	private PostgresServer(Path directory, EmbeddedPostgres server) {
		this.directory = directory;
		this.server = server;
	}

	/**
	 * Start.
	 */
	public static PostgresServer start(Options options) throws IOException, SQLException {
		Path parent = options.data();
		String durable = (options.size() != Size.SMOKE) ? "on" : "off";
		Path directory = Files.createTempDirectory((parent != null) ? parent : findDisk(), "durable-notify-benchmarks");
		EmbeddedPostgres server = EmbeddedPostgres.builder()
			.setDataDirectory(directory.resolve("data"))
			.setServerConfig("fsync", durable)
			.setServerConfig("synchronous_commit", durable)
			.setServerConfig("full_page_writes", durable)
			.setServerConfig("max_connections", "300")
			// Checkpoints come when a figure begins, not in the middle of one
			.setServerConfig("max_wal_size", "8GB")
			.setServerConfig("checkpoint_timeout", "1h")
			.start();
		PostgresServer started = new PostgresServer(directory, server);
		started.requireDurability(durable);
		started.createTemplate();
		return started;
	}

	private static Path findDisk() throws IOException {
		Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
		for (Path candidate : Stream.of(Path.of("target"), temporary, Path.of("")).toList()) {
			if (Files.isDirectory(candidate) && !IN_MEMORY.contains(fileStore(candidate).type())) {
				return candidate.toAbsolutePath();
			}
		}
		return temporary;
	}

	private static FileStore fileStore(Path path) throws IOException {
		return Files.getFileStore(path.toAbsolutePath());
	}

	private void requireDurability(String expected) throws SQLException {
		try (Connection connection = DriverManager.getConnection(url("postgres"))) {
			for (String setting : new String[] { "fsync", "synchronous_commit", "full_page_writes" }) {
				String value = Sql.string(connection, "SHOW " + setting);
				Check.that(expected.equals(value), setting + " is " + value);
			}
		}
	}

	/**
	 * Let an instance migrate once. Put beside our tables those of the same shape that
	 * are written and read by plain JDBC.
	 */
	private void createTemplate() throws SQLException {
		execute("CREATE DATABASE " + TEMPLATE);
		Database template = new Database(this, TEMPLATE, url(TEMPLATE));
		Instance.start(template, "durable-notify.listener.enabled=false").close();
		try (Connection connection = template.connect(); Statement statement = connection.createStatement()) {
			statement.execute("CREATE TABLE raw_chunks (LIKE durable_notify.stream_chunks INCLUDING ALL)");
			statement.execute("CREATE TABLE raw_changes (LIKE durable_notify.changes INCLUDING ALL)");
			statement.execute("CREATE TABLE raw_events (LIKE durable_notify.workflow_events INCLUDING ALL)");
			statement.execute("CREATE TABLE raw_items (LIKE durable_notify.work_items INCLUDING ALL)");
			statement.execute("CREATE TABLE raw_payloads (id bigint PRIMARY KEY, payload bytea NOT NULL)");
			statement.execute("CREATE TABLE raw_batches (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
					+ "payload bytea NOT NULL)");
		}
	}

	Database createDatabase() {
		String name = "bench_" + ++this.databases;
		try {
			execute("CREATE DATABASE " + name + " TEMPLATE " + TEMPLATE);
			checkpoint();
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
		return new Database(this, name, url(name));
	}

	void drop(String database) {
		try {
			execute("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)");
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Write what is dirty now, rather than in the middle of what follows.
	 */
	public void checkpoint() throws SQLException {
		execute("CHECKPOINT");
	}

	/**
	 * Connect to a database that no figure uses.
	 */
	public Connection connectApart() throws SQLException {
		return DriverManager.getConnection(url("postgres"));
	}

	private void execute(String sql) throws SQLException {
		try (Connection connection = connectApart(); Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	private String url(String database) {
		return this.server.getJdbcUrl("postgres", database);
	}

	/**
	 * Return a directory on the same disk, which is gone with the server.
	 */
	public Path directory() {
		return this.directory;
	}

	/**
	 * Return the server's processes.
	 */
	Stream<ProcessHandle> processes() {
		try {
			long postmaster = Long
				.parseLong(Files.readAllLines(this.directory.resolve("data").resolve("postmaster.pid")).get(0).trim());
			ProcessHandle server = ProcessHandle.of(postmaster).orElseThrow();
			return Stream.concat(Stream.of(server), server.children());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	public int port() {
		return this.server.getPort();
	}

	/**
	 * Describe the server, without paths.
	 */
	public String describe() throws SQLException, IOException {
		try (Connection connection = connectApart()) {
			return "%s, fsync %s, synchronous_commit %s, full_page_writes %s, data on %s".formatted(
					Sql.string(connection, "SELECT split_part(version(), ' on ', 1)"),
					Sql.string(connection, "SHOW fsync"), Sql.string(connection, "SHOW synchronous_commit"),
					Sql.string(connection, "SHOW full_page_writes"), fileStore(this.directory).type());
		}
	}

	@Override
	public void close() throws IOException {
		this.server.close();
		FileSystemUtils.deleteRecursively(this.directory);
	}

}
