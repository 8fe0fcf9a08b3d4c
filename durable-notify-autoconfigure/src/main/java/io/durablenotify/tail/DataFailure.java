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

package io.durablenotify.tail;

import java.sql.SQLException;

import org.springframework.dao.DataAccessException;

/**
 * Tells whether a statement failed for the data that it met or was given, so that it will
 * fail again, and others will not.
 */
final class DataFailure {

	private static final String DATA_EXCEPTION = "22";

	private static final String DATA_CORRUPTED = "XX001";

	private static final String INDEX_CORRUPTED = "XX002";

	private DataFailure() {
	}

	static boolean is(DataAccessException exception) {
		if (!(exception.getMostSpecificCause() instanceof SQLException cause)) {
			return false;
		}
		String state = String.valueOf(cause.getSQLState());
		return state.startsWith(DATA_EXCEPTION) || DATA_CORRUPTED.equals(state) || INDEX_CORRUPTED.equals(state);
	}

}
