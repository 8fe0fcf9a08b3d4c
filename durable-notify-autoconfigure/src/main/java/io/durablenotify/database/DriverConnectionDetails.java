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

package io.durablenotify.database;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import javax.sql.DataSource;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.jdbc.support.JdbcUtils;

/**
 * Details for an unpooled connection: what the JDBC driver needs, and what the pool does
 * with each connection. {@link #toString()} shows neither user, password nor properties.
 *
 * @param url the JDBC URL
 * @param username the user, or {@code null} where the URL names it or none is needed
 * @param password the password, or {@code null}
 * @param properties further properties for the driver
 * @param driver the driver, or {@code null} for the one that the URL is for
 * @param schema the schema to set on each connection, or {@code null}
 * @param initSql the statements to execute then on each connection
 */
public record DriverConnectionDetails(String url, @Nullable String username, @Nullable String password,
		Map<String, String> properties, @Nullable Driver driver, @Nullable String schema, List<String> initSql) {

	/**
	 * Without what stands before the host, which may be a password.
	 */
	private static final Pattern POSTGRES_URL = Pattern
		.compile("jdbc[\\w-]*:(?:[\\w-]+:)?postgresql:(?://(?:[^/?]*@)?(?<hosts>[^/?]+))?/*(?<database>[^?]*).*");

	private static final Pattern PORT = Pattern.compile(":\\d+$");

	private static final String DEFAULT_PORT = ":5432";

	public DriverConnectionDetails {
		properties = Map.copyOf(properties);
		initSql = List.copyOf(initSql);
	}

	/**
	 * Create an instance for the driver of the URL, with nothing to do with connections.
	 * @param url the JDBC URL
	 * @param username the user, or {@code null}
	 * @param password the password, or {@code null}
	 * @param properties further properties for the driver
	 */
	public DriverConnectionDetails(String url, @Nullable String username, @Nullable String password,
			Map<String, String> properties) {
		this(url, username, password, properties, null, null, List.of());
	}

	/**
	 * Find out what opens a physical connection to the database of a pool as the pool
	 * does.
	 * @param dataSource the pool
	 * @param details what Boot built it from, for a pool that does not expose it, or
	 * {@code null}
	 * @return the details
	 * @throws IllegalStateException if they cannot be found
	 */
	static DriverConnectionDetails of(DataSource dataSource, @Nullable JdbcConnectionDetails details) {
		try {
			return DataSources.details(dataSource);
		}
		catch (IllegalStateException ex) {
			if (details == null) {
				throw ex;
			}
			return new DriverConnectionDetails(details.getJdbcUrl(), details.getUsername(), details.getPassword(),
					Map.of())
				.withDriver(details.getDriverClassName());
		}
	}

	/**
	 * Return the same with a driver.
	 * @param driver the driver, or the name of its class, or {@code null} for the one of
	 * the URL
	 * @throws IllegalStateException if there is no such driver
	 */
	DriverConnectionDetails withDriver(@Nullable Object driver) {
		return new DriverConnectionDetails(this.url, this.username, this.password, this.properties,
				JdbcDriver.of(this.url, driver), this.schema, this.initSql);
	}

	/**
	 * Return the same with other credentials, if there are others.
	 */
	DriverConnectionDetails withCredentials(@Nullable String username, @Nullable String password) {
		return (username == null && password == null) ? this
				: new DriverConnectionDetails(this.url, (username != null) ? username : this.username, password,
						this.properties, this.driver, this.schema, this.initSql);
	}

	/**
	 * Return the same with other things to do with each connection.
	 */
	DriverConnectionDetails withSession(@Nullable String schema, List<String> initSql) {
		return new DriverConnectionDetails(this.url, this.username, this.password, this.properties, this.driver, schema,
				initSql);
	}

	/**
	 * Return the same with further properties for the driver.
	 * @param properties the properties, which replace those of the same names
	 * @return the details
	 */
	public DriverConnectionDetails withProperties(Map<String, String> properties) {
		Map<String, String> all = new HashMap<>(this.properties);
		all.putAll(properties);
		return new DriverConnectionDetails(this.url, this.username, this.password, all, this.driver, this.schema,
				this.initSql);
	}

	/**
	 * Return the same for another URL of PostgreSQL, by PostgreSQL's driver.
	 * @param url the other URL
	 * @return the details, with the credentials that this URL holds where there are no
	 * others
	 */
	public DriverConnectionDetails withUrl(String url) {
		String username = (this.username != null) ? this.username : parameter("user");
		String password = (this.password != null) ? this.password : parameter("password");
		return new DriverConnectionDetails(url, username, password, this.properties, null, this.schema, this.initSql);
	}

	private @Nullable String parameter(String name) {
		Matcher matcher = Pattern.compile("[?&]" + name + "=([^&]*)").matcher(this.url);
		return (matcher.find()) ? URLDecoder.decode(matcher.group(1), StandardCharsets.UTF_8) : null;
	}

	/**
	 * Return where the URL leads and as whom, for messages.
	 * @return such as {@code localhost:5432/orders as user 'app'}, or no more than
	 * {@code the database} for a URL that is not PostgreSQL's
	 */
	public String target() {
		Matcher matcher = POSTGRES_URL.matcher(this.url);
		if (!matcher.matches()) {
			return "the database";
		}
		String user = user();
		String named = matcher.group("hosts");
		String hosts = Arrays.stream(((named != null) ? named : "localhost").split(","))
			.map((host) -> (PORT.matcher(host).find()) ? host : host + DEFAULT_PORT)
			.collect(Collectors.joining(","));
		String database = matcher.group("database");
		return "%s/%s as user '%s'".formatted(hosts, (database.isEmpty()) ? user : database, user);
	}

	/**
	 * Return whether the user is given, here or in the URL.
	 * @return whether it is
	 */
	public boolean hasUser() {
		return this.username != null || parameter("user") != null;
	}

	/**
	 * Return as whom PostgreSQL's driver connects.
	 * @return the user that is given, else the one that runs this JVM
	 */
	public String user() {
		String user = (this.username != null) ? this.username : parameter("user");
		return (user != null) ? user : System.getProperty("user.name");
	}

	/**
	 * Return a message, from a driver for example, without the passwords that it may
	 * hold.
	 * @param message the message
	 * @return the message with {@code ***} in place of passwords
	 */
	public String mask(@Nullable String message) {
		String masked = maskUrl(message);
		return (this.password == null || this.password.isEmpty()) ? masked : masked.replace(this.password, "***");
	}

	/**
	 * Return a message without the passwords of URLs in it.
	 * @param message the message
	 * @return the message with {@code ***} in place of passwords
	 */
	public static String maskUrl(@Nullable String message) {
		return String.valueOf(message).replaceAll("(?i)(password=)[^&\\s]*", "$1***");
	}

	/**
	 * Open a physical connection and prepare it as the pool does. To be closed by the
	 * caller.
	 * @return a new connection
	 * @throws SQLException if the database fails; its message may hold a password of the
	 * URL
	 */
	public Connection open() throws SQLException {
		Driver driver = (this.driver != null) ? this.driver : JdbcDriver.of(this.url, null);
		Connection connection = driver.connect(this.url, toProperties());
		if (connection == null) {
			throw new SQLException(
					"The driver " + driver.getClass().getName()
							+ " does not take this URL: set durable-notify.listener.url to the jdbc:postgresql: one",
					SqlErrors.UNABLE_TO_CONNECT);
		}
		try {
			prepare(connection);
			return connection;
		}
		catch (Throwable ex) {
			JdbcUtils.closeConnection(connection);
			throw ex;
		}
	}

	private void prepare(Connection connection) throws SQLException {
		if (this.schema != null) {
			connection.setSchema(this.schema);
		}
		for (String sql : this.initSql) {
			try (Statement statement = connection.createStatement()) {
				statement.execute(sql);
			}
		}
	}

	/**
	 * Return everything but the URL in the form a driver takes.
	 * @return new properties, with {@code user} and {@code password} where they are known
	 */
	public Properties toProperties() {
		Properties properties = new Properties();
		properties.putAll(this.properties);
		if (this.username != null) {
			properties.setProperty("user", this.username);
		}
		if (this.password != null) {
			properties.setProperty("password", this.password);
		}
		return properties;
	}

	@Override
	public String toString() {
		int query = this.url.indexOf('?');
		return (query < 0) ? this.url : this.url.substring(0, query);
	}

}
