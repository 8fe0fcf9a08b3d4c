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

package io.durablenotify.work;

import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Items that a trigger or a constraint keeps from being changed, and that a function of
 * ours has left out with a warning.
 */
final class RefusedItems {

	/**
	 * With what the warnings begin. Triggers may have warnings of their own.
	 */
	private static final String WARNING = "Item ";

	/**
	 * How many are named.
	 */
	private static final int NAMED = 5;

	private RefusedItems() {
	}

	/**
	 * Return a failure that names what a statement has left out, {@code null} if there is
	 * nothing.
	 */
	static @Nullable SQLException of(Statement statement) throws SQLException {
		List<String> warnings = new ArrayList<>();
		String state = null;
		for (SQLWarning warning = statement.getWarnings(); warning != null; warning = warning.getNextWarning()) {
			String message = warning.getMessage();
			if (message != null && message.startsWith(WARNING)) {
				warnings.add(message);
				state = warning.getSQLState();
			}
		}
		if (warnings.isEmpty()) {
			return null;
		}
		int more = warnings.size() - NAMED;
		String named = String.join("; ", warnings.subList(0, Math.min(NAMED, warnings.size())));
		return new SQLException((more > 0) ? "%s; and %d more".formatted(named, more) : named, state);
	}

}
