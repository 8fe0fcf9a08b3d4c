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

import java.lang.reflect.Method;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;

import javax.sql.DataSource;

import com.zaxxer.hikari.HikariCredentialsProvider;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.util.Credentials;
import org.jspecify.annotations.Nullable;

import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.UserCredentialsDataSourceAdapter;
import org.springframework.jdbc.datasource.lookup.AbstractRoutingDataSource;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;

/**
 * Inspects a DataSource that may be wrapped. Finds which one chooses among databases, and
 * what opens a physical connection as the pool does. They are read each time, since
 * credentials rotate.
 * <p>
 * Pools have the same properties under a few names, so that they are read by these names
 * and not by the pools' types.
 */
final class DataSources {

	private static final boolean HIKARI = ClassUtils.isPresent("com.zaxxer.hikari.HikariDataSource",
			DataSources.class.getClassLoader());

	/**
	 * What others may wrap without being a {@link DelegatingDataSource}.
	 */
	private static final List<Class<?>> TYPES = Stream
		.of("org.springframework.jdbc.datasource.lookup.AbstractRoutingDataSource",
				"org.springframework.jdbc.datasource.DelegatingDataSource", "com.zaxxer.hikari.HikariDataSource",
				"org.apache.tomcat.jdbc.pool.DataSource", "org.apache.commons.dbcp2.BasicDataSource",
				"org.postgresql.ds.PGSimpleDataSource")
		.filter((name) -> ClassUtils.isPresent(name, DataSources.class.getClassLoader()))
		.<Class<?>>map((name) -> ClassUtils.resolveClassName(name, DataSources.class.getClassLoader()))
		.toList();

	private static final int DEEPEST = 20;

	private DataSources() {
	}

	/**
	 * Return the DataSource that chooses among several databases, if there is one.
	 */
	static @Nullable DataSource routing(DataSource dataSource) {
		return chain(dataSource).stream().filter(DataSources::isRouting).findFirst().orElse(null);
	}

	/**
	 * Libraries have others than Spring's, with the same name.
	 */
	private static boolean isRouting(DataSource dataSource) {
		for (Class<?> type = dataSource.getClass(); type != null; type = type.getSuperclass()) {
			if (type.getSimpleName().endsWith("RoutingDataSource")) {
				return true;
			}
		}
		return false;
	}

	/**
	 * Return the DataSource of a transaction manager, if it has one. Those of JPA and
	 * Hibernate have the same getter as that of JDBC.
	 */
	static @Nullable DataSource managed(PlatformTransactionManager manager) {
		Object target = AopProxyUtils.getSingletonTarget(manager);
		return (read((target != null) ? target : manager, "getDataSource") instanceof DataSource dataSource)
				? dataSource : null;
	}

	/**
	 * Return what opens a physical connection.
	 * @throws IllegalStateException if the DataSource does not expose it
	 */
	static DriverConnectionDetails details(DataSource dataSource) {
		for (DataSource candidate : chain(dataSource)) {
			if (candidate instanceof UserCredentialsDataSourceAdapter) {
				break;
			}
			DriverConnectionDetails details = read(candidate);
			if (details != null) {
				return details;
			}
		}
		throw new IllegalStateException("No URL can be derived from the DataSource of type "
				+ dataSource.getClass().getName()
				+ "; set durable-notify.listener.url, durable-notify.listener.username and durable-notify.listener.password");
	}

	/**
	 * Return a DataSource and all that are wrapped in it, outermost first.
	 */
	private static List<DataSource> chain(DataSource dataSource) {
		List<DataSource> chain = new ArrayList<>();
		DataSource current = dataSource;
		while (current != null && chain.size() < DEEPEST) {
			chain.add(current);
			current = wrapped(current);
		}
		return chain;
	}

	private static @Nullable DataSource wrapped(DataSource dataSource) {
		if (dataSource instanceof DelegatingDataSource delegating) {
			return delegating.getTargetDataSource();
		}
		if (dataSource instanceof AbstractRoutingDataSource routing) {
			DataSource target = routing.getResolvedDefaultDataSource();
			return (target != null || routing.getResolvedDataSources().size() != 1) ? target
					: routing.getResolvedDataSources().values().iterator().next();
		}
		if (AopProxyUtils.getSingletonTarget(dataSource) instanceof DataSource target) {
			return target;
		}
		// A pool that has not started unwraps nothing
		return (read(dataSource, "getDataSource") instanceof DataSource source) ? source : unwrapped(dataSource);
	}

	/**
	 * A wrapper that takes itself for what is asked for is asked for what it is not.
	 */
	private static @Nullable DataSource unwrapped(DataSource dataSource) {
		for (Class<?> type : TYPES) {
			DataSource wrapped = (type.isInstance(dataSource)) ? null : unwrapped(dataSource, type);
			if (wrapped != null) {
				return wrapped;
			}
		}
		DataSource wrapped = unwrapped(dataSource, DataSource.class);
		return (wrapped != dataSource) ? wrapped : null;
	}

	private static @Nullable DataSource unwrapped(DataSource dataSource, Class<?> type) {
		try {
			return (dataSource.isWrapperFor(type)) ? (DataSource) dataSource.unwrap(type) : null;
		}
		catch (SQLException | RuntimeException ex) {
			// It wraps none of this type
			return null;
		}
	}

	private static @Nullable DriverConnectionDetails read(DataSource dataSource) {
		String url = readText(dataSource, "getJdbcUrl", "getUrl", "getURL");
		if (url == null) {
			return (source(dataSource) instanceof DataSource source) ? withPoolsOwn(details(source), dataSource) : null;
		}
		if (!url.startsWith("jdbc")) {
			return null;
		}
		Map<String, String> properties = driverProperties(dataSource);
		// They may be there only; the pool's own count more
		String username = properties.remove("user");
		String password = properties.remove("password");
		return withPoolsOwn(new DriverConnectionDetails(url, username, password, properties)
			.withDriver(read(dataSource, "getDriver", "getDriverClassName", "getDriverClass")), dataSource);
	}

	/**
	 * Return the DataSource that a pool without a URL gets its connections from.
	 */
	private static @Nullable Object source(DataSource pool) {
		Object source = read(pool, "getDataSource");
		// HikariCP makes one by the name of its class, which it unwraps
		return (source == null && HIKARI && Hikari.isPool(pool)) ? unwrapped(pool) : source;
	}

	private static DriverConnectionDetails withPoolsOwn(DriverConnectionDetails details, DataSource pool) {
		String schema = readText(pool, "getSchema", "getDefaultSchema");
		List<String> initSql = initSql(pool);
		DriverConnectionDetails prepared = (schema != null || !initSql.isEmpty()) ? details.withSession(schema, initSql)
				: details;
		return (HIKARI && Hikari.isPool(pool)) ? Hikari.withCredentials(prepared, pool) : prepared.withCredentials(
				readText(pool, "getUsername", "getUserName", "getUser"), readText(withPassword(pool), "getPassword"));
	}

	/**
	 * Tomcat's pool gives another text for its password.
	 */
	private static Object withPassword(DataSource pool) {
		Object properties = read(pool, "getPoolProperties");
		return (properties != null) ? properties : pool;
	}

	private static Map<String, String> driverProperties(DataSource dataSource) {
		Map<String, String> properties = new HashMap<>();
		for (String getter : List.of("getDataSourceProperties", "getDbProperties", "getConnectionProperties",
				"getConnectProperties")) {
			if (read(dataSource, getter) instanceof Properties found) {
				found.forEach((key, value) -> properties.put(key.toString(), value.toString()));
			}
		}
		return properties;
	}

	private static List<String> initSql(DataSource dataSource) {
		Object sql = read(dataSource, "getConnectionInitSql", "getConnectionInitSqls", "getInitSQL");
		if (sql instanceof Iterable<?> statements) {
			List<String> list = new ArrayList<>();
			statements.forEach((statement) -> list.add(String.valueOf(statement)));
			return list;
		}
		return (sql instanceof String statement) ? List.of(statement) : List.of();
	}

	private static @Nullable String readText(Object source, String... getters) {
		return (read(source, getters) instanceof CharSequence text) ? text.toString() : null;
	}

	/**
	 * Return what the first of some getters returns that has anything.
	 */
	private static @Nullable Object read(Object source, String... getters) {
		for (String getter : getters) {
			try {
				Method method = ReflectionUtils.findMethod(source.getClass(), getter);
				if (method != null) {
					ReflectionUtils.makeAccessible(method);
					Object value = ReflectionUtils.invokeMethod(method, source);
					if (value != null) {
						return value;
					}
				}
			}
			catch (RuntimeException ex) {
				// It does not expose it
			}
		}
		return null;
	}

	/**
	 * Touches HikariCP only where it is there.
	 */
	private static final class Hikari {

		private static boolean isPool(DataSource dataSource) {
			return dataSource instanceof HikariDataSource;
		}

		/**
		 * As the pool does for each connection: both together, and from its provider if
		 * it has one.
		 */
		private static DriverConnectionDetails withCredentials(DriverConnectionDetails details, DataSource dataSource) {
			HikariDataSource pool = (HikariDataSource) dataSource;
			HikariCredentialsProvider provider = pool.getCredentialsProvider();
			Credentials credentials = (provider != null) ? provider.getCredentials() : pool.getCredentials();
			return details.withCredentials(credentials.getUsername(), credentials.getPassword());
		}

	}

}
