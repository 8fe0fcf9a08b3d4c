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

import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Collections;

import org.jspecify.annotations.Nullable;

import org.springframework.beans.BeanUtils;
import org.springframework.util.ClassUtils;

/**
 * Finds the JDBC driver that a pool uses.
 */
final class JdbcDriver {

	private static final String POSTGRES_URL = "jdbc:postgresql:";

	private static final String POSTGRES_DRIVER = "org.postgresql.Driver";

	private JdbcDriver() {
	}

	/**
	 * Find a driver.
	 * @param url the URL
	 * @param driver the pool's driver, or the name of its class, or {@code null} where
	 * the URL decides
	 * @return the driver
	 * @throws IllegalStateException if there is none
	 */
	static Driver of(String url, @Nullable Object driver) {
		try {
			if (driver instanceof Driver instance) {
				return instance;
			}
			if (driver != null) {
				return ofClass(driver.toString());
			}
			return (url.startsWith(POSTGRES_URL)) ? ofClass(POSTGRES_DRIVER) : DriverManager.getDriver(url);
		}
		catch (SQLException | ClassNotFoundException | LinkageError | RuntimeException ex) {
			throw new IllegalStateException("No driver is found for the URL of the DataSource; set "
					+ "durable-notify.listener.url, durable-notify.listener.username and durable-notify.listener.password",
					ex);
		}
	}

	private static Driver ofClass(String name) throws ClassNotFoundException {
		for (Driver registered : Collections.list(DriverManager.getDrivers())) {
			if (registered.getClass().getName().equals(name)) {
				return registered;
			}
		}
		return (Driver) BeanUtils.instantiateClass(ClassUtils.forName(name, null));
	}

}
