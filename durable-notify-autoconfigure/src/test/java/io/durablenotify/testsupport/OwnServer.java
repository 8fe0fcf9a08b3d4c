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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.jspecify.annotations.Nullable;

import org.springframework.util.FileSystemUtils;

/**
 * An embedded server of a test's own, to crash, restart and copy.
 */
public final class OwnServer implements AutoCloseable {

	private final EmbeddedPostgres server;

	private final Path directory;

	// Stopped
	private @Nullable Long walWriter;

	private OwnServer(Path directory, Map<String, String> settings) throws IOException {
		this.directory = directory;
		// Stopped by a shutdown hook at the latest
		EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
			.setDataDirectory(directory)
			.setCleanDataDirectory(false)
			.setServerConfig("synchronous_commit", "on");
		settings.forEach(builder::setServerConfig);
		this.server = builder.start();
	}

	/**
	 * Start a server.
	 * @param directory where its data is: an empty directory, or one that was copied
	 */
	public static OwnServer start(Path directory) {
		return start(directory, Map.of());
	}

	/**
	 * Start a server whose commits do not wait for the disk.
	 * @param directory where its data is
	 * @see #stopWriting()
	 */
	public static OwnServer startForgetful(Path directory) {
		return start(directory, Map.of("synchronous_commit", "off"));
	}

	/**
	 * Start a server.
	 * @param directory where its data is
	 * @param settings the server's settings
	 */
	public static OwnServer start(Path directory, Map<String, String> settings) {
		try {
			return new OwnServer(directory, settings);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	public TestDatabase database() {
		return new TestDatabase(this.server.getJdbcUrl("postgres", "postgres"));
	}

	/**
	 * Create a database beside the one of {@link #database()}.
	 */
	public TestDatabase createDatabase(String name) {
		database().jdbc().execute("CREATE DATABASE " + name);
		return new TestDatabase(this.server.getJdbcUrl("postgres", name));
	}

	/**
	 * Write everything to disk, and from here on only what a commit waits for: the next
	 * crash loses what has been committed with {@code synchronous_commit=off} since the
	 * last commit that waited.
	 */
	public void stopWriting() {
		database().jdbc().execute("CHECKPOINT");
		this.walWriter = walWriter();
		run("kill", "-STOP", String.valueOf(this.walWriter));
	}

	private long walWriter() {
		String query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
		Eventually.await(() -> !database().jdbc().queryForList(query).isEmpty(), this::pid);
		return database().jdbc().queryForObject(query, Long.class);
	}

	/**
	 * Stop in immediate mode: connections are cut, and the next start recovers.
	 */
	public void crash() {
		long pid = pid();
		run("kill", "-QUIT", String.valueOf(pid));
		signalWalWriter("-KILL");
		Eventually.await(() -> ProcessHandle.of(pid).isEmpty(), () -> pid);
	}

	/**
	 * Let one of its processes die, as when the system runs out of memory: the server
	 * cuts all connections and recovers, without being started again.
	 */
	public void crashProcess() {
		try (Connection connection = database().jdbc().getDataSource().getConnection();
				Statement statement = connection.createStatement()) {
			ResultSet result = statement.executeQuery("SELECT pg_backend_pid()");
			result.next();
			run("kill", "-KILL", result.getString(1));
			signalWalWriter("-KILL");
			Eventually.await(() -> isBroken(statement), () -> connection);
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
		Eventually.await(this::accepts, this::pid);
	}

	/**
	 * A stopped process answers no other signal, and the server would wait for it.
	 */
	private void signalWalWriter(String signal) {
		if (this.walWriter != null) {
			String pid = String.valueOf(this.walWriter);
			ProcessHandle.of(this.walWriter).ifPresent((process) -> run("kill", signal, pid));
			this.walWriter = null;
		}
	}

	private static boolean isBroken(Statement statement) {
		try {
			statement.execute("SELECT 1");
			return false;
		}
		catch (SQLException ex) {
			return true;
		}
	}

	/**
	 * Stop in fast mode: connections are cut, and everything is written to disk.
	 */
	public void shutDown() {
		signalWalWriter("-CONT");
		long pid = pid();
		run("kill", "-INT", String.valueOf(pid));
		Eventually.await(() -> ProcessHandle.of(pid).isEmpty(), () -> pid);
	}

	private long pid() {
		return Long.parseLong(readLines("postmaster.pid").get(0));
	}

	/**
	 * Start again, on the same port.
	 */
	public void restart() {
		List<String> command = new ArrayList<>();
		if ("root".equals(System.getProperty("user.name"))) {
			// It refuses to run as root
			command.addAll(List.of("unshare", "-U"));
		}
		Arrays.stream(readLines("postmaster.opts").get(0).split(" "))
			.map((argument) -> argument.replace("\"", ""))
			.forEach(command::add);
		try {
			new ProcessBuilder(command).redirectErrorStream(true)
				.redirectOutput(ProcessBuilder.Redirect.DISCARD)
				.start();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		Eventually.await(this::accepts, () -> command);
	}

	private boolean accepts() {
		try {
			database().jdbc().execute("SELECT 1");
			return true;
		}
		catch (RuntimeException ex) {
			return false;
		}
	}

	/**
	 * Start a standby: a copy, taken while the original is down, that recovers forever.
	 */
	public OwnServer startStandby(Path target) {
		return startStandby(target, "");
	}

	/**
	 * Start a standby that follows, and let no commit return before it has it.
	 */
	public OwnServer startSynchronousStandby(Path target) {
		OwnServer standby = startStandby(target,
				"primary_conninfo = 'host=localhost port=%d user=postgres'%n".formatted(this.server.getPort()));
		database().jdbc().execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
		database().jdbc().execute("SELECT pg_reload_conf()");
		Eventually.await(() -> database().jdbc()
			.queryForList("SELECT sync_state FROM pg_stat_replication", String.class)
			.contains("sync"), () -> database().jdbc().queryForList("SELECT * FROM pg_stat_replication"));
		return standby;
	}

	private OwnServer startStandby(Path target, String settings) {
		crash();
		try {
			FileSystemUtils.copyRecursively(this.directory, target);
			Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwx------"));
			Files.deleteIfExists(target.resolve("postmaster.pid"));
			Files.createFile(target.resolve("standby.signal"));
			Files.writeString(target.resolve("postgresql.auto.conf"), settings, StandardOpenOption.APPEND);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		restart();
		return start(target);
	}

	/**
	 * Let a standby take over.
	 */
	public void promote() {
		database().jdbc().execute("SELECT pg_promote()");
	}

	private List<String> readLines(String file) {
		try {
			return Files.readAllLines(this.directory.resolve(file));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void run(String... command) {
		try {
			int status = new ProcessBuilder(command).inheritIO().start().waitFor();
			if (status != 0) {
				throw new IllegalStateException("%s ended with %d".formatted(List.of(command), status));
			}
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Override
	public void close() {
		signalWalWriter("-CONT");
		try {
			this.server.close();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
