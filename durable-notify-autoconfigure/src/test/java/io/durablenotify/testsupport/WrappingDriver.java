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

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverPropertyInfo;
import java.sql.SQLException;
import java.util.Properties;
import java.util.logging.Logger;

import org.jspecify.annotations.Nullable;

/**
 * A driver that hands everything on to PostgreSQL's, as those do that log or measure: for
 * {@code jdbc:wrapping:postgresql:} with connections that can be unwrapped, and for
 * {@code jdbc:opaque:postgresql:} with ones that cannot. Not registered.
 */
public final class WrappingDriver implements Driver {

	private static final String WRAPPING = "jdbc:wrapping:";

	private static final String OPAQUE = "jdbc:opaque:";

	private final Driver postgres = new org.postgresql.Driver();

	@Override
	public @Nullable Connection connect(String url, Properties properties) throws SQLException {
		if (!acceptsURL(url)) {
			return null;
		}
		Connection connection = this.postgres.connect(url.replaceFirst(WRAPPING + "|" + OPAQUE, "jdbc:"), properties);
		return (connection != null) ? wrap(connection, url.startsWith(OPAQUE)) : null;
	}

	private static Connection wrap(Connection connection, boolean opaque) {
		return (Connection) Proxy.newProxyInstance(WrappingDriver.class.getClassLoader(),
				new Class<?>[] { Connection.class }, (proxy, method, arguments) -> {
					if (opaque && method.getName().equals("unwrap")) {
						throw new SQLException("Cannot be unwrapped");
					}
					if (opaque && method.getName().equals("isWrapperFor")) {
						return false;
					}
					try {
						return method.invoke(connection, arguments);
					}
					catch (InvocationTargetException ex) {
						throw ex.getTargetException();
					}
				});
	}

	@Override
	public boolean acceptsURL(String url) {
		return url.startsWith(WRAPPING) || url.startsWith(OPAQUE);
	}

	@Override
	public DriverPropertyInfo[] getPropertyInfo(String url, Properties properties) {
		return new DriverPropertyInfo[0];
	}

	@Override
	public int getMajorVersion() {
		return 1;
	}

	@Override
	public int getMinorVersion() {
		return 0;
	}

	@Override
	public boolean jdbcCompliant() {
		return false;
	}

	@Override
	public Logger getParentLogger() {
		return Logger.getGlobal();
	}

}
