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

package io.durablenotify.schema;

import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.database.SqlErrors;

/**
 * Thrown when the schema is not in the state that this version needs, and cannot be
 * migrated to it.
 */
public final class SchemaException extends RuntimeException {

	/**
	 * What is wrong.
	 */
	public enum Problem {

		/**
		 * The schema, or a migration of it, is missing, and migrating is turned off.
		 */
		MISSING,

		/**
		 * The role may not create the schema or its tables.
		 */
		RIGHTS,

		/**
		 * The database cannot be reached.
		 */
		UNREACHABLE,

		/**
		 * Anything else: message and cause say what.
		 */
		FAILED

	}

	private final Problem problem;

	private final SchemaName schema;

	SchemaException(Problem problem, SchemaName schema, String message, Throwable cause) {
		super(message, cause);
		this.problem = problem;
		this.schema = schema;
	}

	SchemaException(Problem problem, SchemaName schema, String message) {
		super(message);
		this.problem = problem;
		this.schema = schema;
	}

	/**
	 * Create one for a database that cannot be reached.
	 * @param target where it was to be reached and as whom
	 */
	static SchemaException unreachable(SchemaName schema, String target, Throwable cause) {
		return new SchemaException(Problem.UNREACHABLE, schema,
				("The database cannot be reached, so that schema '%s' can be neither migrated nor checked: no connection "
						+ "to %s: %s")
					.formatted(schema, target, DriverConnectionDetails.maskUrl(SqlErrors.reason(cause))),
				cause);
	}

	/**
	 * Return what is wrong.
	 * @return the problem
	 */
	public Problem getProblem() {
		return this.problem;
	}

	/**
	 * Return the schema's name.
	 * @return the name
	 */
	public SchemaName getSchema() {
		return this.schema;
	}

}
