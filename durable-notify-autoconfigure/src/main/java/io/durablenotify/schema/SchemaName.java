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

import java.util.regex.Pattern;

/**
 * The name of the schema that holds our tables. The only text that ever becomes part of
 * an SQL statement.
 *
 * @param value 1 to {@value #MAX_LENGTH} characters: lower-case letters, digits and
 * underscores, beginning with a letter or an underscore, not with {@code pg_}
 */
public record SchemaName(String value) {

	/**
	 * Leaves room for what channel names add, within PostgreSQL's 63 bytes.
	 */
	private static final int MAX_LENGTH = 48;

	private static final Pattern PATTERN = Pattern.compile("(?!pg_)[a-z_][a-z0-9_]{0," + (MAX_LENGTH - 1) + "}");

	/**
	 * Create a name.
	 * @param value the name
	 * @throws IllegalArgumentException if it breaks the rule
	 */
	public SchemaName {
		if (!isValid(value)) {
			throw new IllegalArgumentException("Schema name '" + value + "' must have " + RULE);
		}
	}

	/**
	 * What a name must have, for messages.
	 */
	public static final String RULE = "1 to " + MAX_LENGTH + " lower-case letters, digits and underscores, "
			+ "beginning with a letter or an underscore and not with 'pg_'";

	/**
	 * Return whether a text can be a schema's name.
	 * @param value the text
	 * @return whether it can be
	 */
	public static boolean isValid(String value) {
		return PATTERN.matcher(value).matches();
	}

	/**
	 * Put the name in place of each <code>${schema}</code> of a statement.
	 * @param sql the statement
	 * @return the statement for this schema
	 */
	public String qualify(String sql) {
		return sql.replace("${schema}", '"' + this.value + '"');
	}

	/**
	 * Return the name of a notification channel that only this schema's applications use.
	 * @param purpose what the channel is for
	 * @return the channel's name
	 */
	public String channel(String purpose) {
		return this.value + "_" + purpose;
	}

	@Override
	public String toString() {
		return this.value;
	}

}
