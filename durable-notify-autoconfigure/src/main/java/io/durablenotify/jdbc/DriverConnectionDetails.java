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

import java.util.Map;
import java.util.Properties;

import org.jspecify.annotations.Nullable;

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

	public DriverConnectionDetails {
		properties = Map.copyOf(properties);
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
