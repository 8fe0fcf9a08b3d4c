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

package io.durablenotify.autoconfigure;

import java.util.Arrays;

import javax.sql.DataSource;

import io.durablenotify.database.SqlErrors;

import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;

/**
 * The action of a failure analysis where the application has no connection.
 */
final class ConnectAction {

	private ConnectAction() {
	}

	/**
	 * Return what to do where the DataSource has no connection.
	 * @param cause what was thrown
	 * @param beanFactory the application's, to find out whether its properties are those
	 * of the DataSource
	 * @param otherwise the action if the SQLSTATE gives no hint
	 * @return one sentence or more
	 */
	static String ofDataSource(Throwable cause, ConfigurableListableBeanFactory beanFactory, String otherwise) {
		return (isOfProperties(beanFactory)) ? of(cause, "spring.datasource", otherwise)
				: of(cause, "the ", " of the DataSource that durable-notify uses", otherwise);
	}

	/**
	 * Boot's details are defined with its pool, which is ours if no other DataSource has
	 * the qualifier. Details of another class, as those of a container, use no
	 * properties.
	 */
	private static boolean isOfProperties(ConfigurableListableBeanFactory beanFactory) {
		return isPoolOfProperties(beanFactory) && OnDataSourceCondition.qualified(beanFactory).isEmpty();
	}

	/**
	 * The details of a parent are not those of a child with a DataSource of its own.
	 */
	private static boolean isPoolOfProperties(ConfigurableListableBeanFactory beanFactory) {
		if (beanFactory.getBeanNamesForType(DataSource.class, true, false).length == 0
				&& beanFactory.getParentBeanFactory() instanceof ConfigurableListableBeanFactory parent) {
			return isPoolOfProperties(parent);
		}
		return Arrays.stream(beanFactory.getBeanNamesForType(JdbcConnectionDetails.class, true, false))
			.anyMatch((name) -> String.valueOf(beanFactory.getType(name, false))
				.endsWith(".PropertiesJdbcConnectionDetails"));
	}

	/**
	 * Return what to do.
	 * @param cause what was thrown
	 * @param properties the prefix of the properties with the URL and the user
	 * @param otherwise the action if the SQLSTATE gives no hint
	 * @return one sentence or more
	 */
	static String of(Throwable cause, String properties, String otherwise) {
		return of(cause, properties + ".", "", otherwise);
	}

	private static String of(Throwable cause, String before, String after, String otherwise) {
		String action = switch (SqlErrors.state(cause)) {
			case SqlErrors.INVALID_AUTHORIZATION ->
				"Make sure that the role exists, that it may log in, and that pg_hba.conf lets it in from here, "
						+ "with or without TLS as the connection is; or set %1$susername%2$s to another role.";
			case SqlErrors.INVALID_PASSWORD ->
				"Set %1$susername and %1$spassword%2$s to those of a role of this server.";
			case SqlErrors.INVALID_CATALOG_NAME -> "Create the database, or set %1$surl%2$s to one that exists.";
			case SqlErrors.INSUFFICIENT_PRIVILEGE, SqlErrors.OBJECT_NOT_IN_PREREQUISITE_STATE ->
				"Let the role connect to the database, or set %1$surl and %1$susername%2$s to others.";
			case SqlErrors.TOO_MANY_CONNECTIONS ->
				"Free connections, raise the limit of the server (max_connections), the role or the database, "
						+ "or make pools smaller. An instance takes its pool's connections and two more.";
			case SqlErrors.CANNOT_CONNECT_NOW ->
				"Start again when the server accepts connections: it starts or stops, or is a standby that "
						+ "takes none.";
			case SqlErrors.UNABLE_TO_CONNECT ->
				"Make sure that a server accepts connections at this address, or set %1$surl%2$s to another one.";
			case SqlErrors.CONNECTION_REJECTED ->
				"Set %1$spassword%2$s if it is missing, and sslmode in %1$surl to what the server offers.";
			default -> otherwise;
		};
		return action.formatted(before, after);
	}

}
