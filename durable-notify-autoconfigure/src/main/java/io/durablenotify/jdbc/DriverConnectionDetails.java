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

package io.durablenotify.jdbc;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariConfigMXBean;
import com.zaxxer.hikari.HikariDataSource;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.boot.jdbc.DataSourceUnwrapper;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.util.ClassUtils;

/**
 * What a JDBC driver needs for a physical connection that belongs to no pool.
 * {@link #toString()} shows neither user, password nor properties.
 *
 * @param url the JDBC URL
 * @param username the user, or {@code null} where the URL names it or none is needed
 * @param password the password, or {@code null}
 * @param properties further properties for the driver
 */
public record DriverConnectionDetails(String url, @Nullable String username, @Nullable String password,
		Map<String, String> properties) {

	/**
	 * Without what stands before the host, which may be a password.
	 */
	private static final Pattern POSTGRES_URL = Pattern
		.compile("jdbc:postgresql:(?://(?:[^/?]*@)?(?<hosts>[^/?]+))?/*(?<database>[^?]*).*");

	private static final Pattern PORT = Pattern.compile(":\\d+$");

	private static final String DEFAULT_PORT = ":5432";

	public DriverConnectionDetails {
		properties = Map.copyOf(properties);
	}

	/**
	 * Find out what opens a physical connection to the database of a pool, with the
	 * pool's driver properties.
	 * @param dataSource the pool
	 * @param details what Boot built it from, or {@code null} to derive it
	 * @return the details
	 * @throws IllegalStateException if they cannot be derived
	 */
	static DriverConnectionDetails of(DataSource dataSource, @Nullable JdbcConnectionDetails details) {
		Map<String, String> properties = driverProperties(dataSource);
		if (details != null) {
			return new DriverConnectionDetails(details.getJdbcUrl(), details.getUsername(), details.getPassword(),
					properties);
		}
		SimpleDriverDataSource derived = derive(dataSource);
		return new DriverConnectionDetails(String.valueOf(derived.getUrl()), derived.getUsername(),
				derived.getPassword(), properties);
	}

	/**
	 * Return the properties that a pool hands to its driver.
	 */
	static Map<String, String> driverProperties(DataSource dataSource) {
		return (HikariProperties.PRESENT) ? HikariProperties.of(dataSource) : Map.of();
	}

	private static SimpleDriverDataSource derive(DataSource dataSource) {
		try {
			return DataSourceBuilder.derivedFrom(dataSource).type(SimpleDriverDataSource.class).build();
		}
		catch (RuntimeException ex) {
			throw new IllegalStateException("No URL can be derived from the DataSource of type "
					+ dataSource.getClass().getName()
					+ "; set durable-notify.listener.url, durable-notify.listener.username and durable-notify.listener.password",
					ex);
		}
	}

	/**
	 * Return the same credentials and properties for another URL of PostgreSQL.
	 * @param url the other URL
	 * @return the details, with the credentials that this URL holds where there are no
	 * others
	 */
	public DriverConnectionDetails withUrl(String url) {
		String username = (this.username != null) ? this.username : parameter("user");
		String password = (this.password != null) ? this.password : parameter("password");
		return new DriverConnectionDetails(url, username, password, this.properties);
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
	 * Return a DataSource that opens a physical connection each time.
	 * @return a new DataSource
	 */
	public DataSource toDataSource() {
		SimpleDriverDataSource dataSource = DataSourceBuilder.create()
			.type(SimpleDriverDataSource.class)
			.url(this.url)
			.username(this.username)
			.password(this.password)
			.build();
		Properties properties = new Properties();
		properties.putAll(this.properties);
		dataSource.setConnectionProperties(properties);
		return dataSource;
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

	/**
	 * Touches HikariCP only where it is there.
	 */
	private static final class HikariProperties {

		private static final boolean PRESENT = ClassUtils.isPresent("com.zaxxer.hikari.HikariDataSource",
				DriverConnectionDetails.class.getClassLoader());

		private static Map<String, String> of(DataSource dataSource) {
			HikariDataSource pool = DataSourceUnwrapper.unwrap(dataSource, HikariConfigMXBean.class,
					HikariDataSource.class);
			if (pool == null) {
				return Map.of();
			}
			Map<String, String> properties = new HashMap<>();
			pool.getDataSourceProperties().forEach((key, value) -> properties.put(key.toString(), value.toString()));
			return properties;
		}

	}

}
