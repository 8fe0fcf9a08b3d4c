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

import io.durablenotify.database.SqlErrors;

/**
 * The action of a failure analysis where the application has no connection.
 */
final class ConnectAction {

	private ConnectAction() {
	}

	/**
	 * Return what to do.
	 * @param cause what was thrown
	 * @param properties the prefix of the properties with the URL and the user
	 * @param otherwise the action if the SQLSTATE gives no hint
	 * @return one sentence or more
	 */
	static String of(Throwable cause, String properties, String otherwise) {
		String action = switch (SqlErrors.state(cause)) {
			case SqlErrors.INVALID_AUTHORIZATION ->
				"Make sure that the role exists, that it may log in, and that pg_hba.conf lets it in from here, "
						+ "with or without TLS as the connection is; or set %s.username to another role.";
			case SqlErrors.INVALID_PASSWORD -> "Set %1$s.username and %1$s.password to those of a role of this server.";
			case SqlErrors.INVALID_CATALOG_NAME -> "Create the database, or set %s.url to one that exists.";
			case SqlErrors.INSUFFICIENT_PRIVILEGE, SqlErrors.OBJECT_NOT_IN_PREREQUISITE_STATE ->
				"Let the role connect to the database, or set %1$s.url and %1$s.username to others.";
			case SqlErrors.TOO_MANY_CONNECTIONS ->
				"Free connections, raise the limit of the server (max_connections), the role or the database, "
						+ "or make pools smaller. An instance takes its pool's connections and two more.";
			case SqlErrors.CANNOT_CONNECT_NOW ->
				"Start again when the server accepts connections: it starts or stops, or is a standby that "
						+ "takes none.";
			case SqlErrors.UNABLE_TO_CONNECT ->
				"Make sure that a server accepts connections at this address, or set %s.url to another one.";
			case SqlErrors.CONNECTION_REJECTED ->
				"Set %1$s.password if it is missing, and sslmode in %1$s.url to what the server offers.";
			default -> otherwise;
		};
		return action.formatted(properties);
	}

}
