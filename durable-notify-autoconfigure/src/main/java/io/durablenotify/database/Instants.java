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

import java.nio.ByteBuffer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * Reads points in time. The driver makes a {@link Timestamp} by way of several divisions
 * and objects, and an {@link java.time.OffsetDateTime} by way of a date and a time of
 * day. Neither is needed where the server has sent the microseconds.
 */
public final class Instants {

	/**
	 * 2000-01-01, from which the server counts.
	 */
	private static final long SERVERS_EPOCH = 946_684_800;

	private static final long MICROS_PER_SECOND = 1_000_000;

	private Instants() {
	}

	/**
	 * Read a column of type {@code timestamptz} that is not null.
	 * @param result the row
	 * @param column the column
	 * @return its value, to the microsecond
	 * @throws SQLException if it cannot be read
	 */
	public static Instant read(ResultSet result, int column) throws SQLException {
		return read(result, column, result.getBytes(column));
	}

	private static Instant read(ResultSet result, int column, byte[] sent) throws SQLException {
		// The only text of this length is 'infinity'
		if (sent.length == Long.BYTES && sent[0] != 'i') {
			long micros = ByteBuffer.wrap(sent).getLong();
			// These are infinite
			if (micros != Long.MIN_VALUE && micros != Long.MAX_VALUE) {
				return Instant.ofEpochSecond(Math.floorDiv(micros, MICROS_PER_SECOND) + SERVERS_EPOCH,
						Math.floorMod(micros, MICROS_PER_SECOND) * 1_000);
			}
		}
		return result.getTimestamp(column).toInstant();
	}

	/**
	 * Read a column of type {@code timestamptz} that is not null.
	 * @param result the row
	 * @param column the column's name
	 * @return its value, to the microsecond
	 * @throws SQLException if it cannot be read
	 */
	public static Instant read(ResultSet result, String column) throws SQLException {
		return read(result, result.findColumn(column));
	}

	/**
	 * Read a column of type {@code timestamptz}.
	 * @param result the row
	 * @param column the column's name
	 * @return its value, to the microsecond, or {@code null} if it has none
	 * @throws SQLException if it cannot be read
	 */
	public static @Nullable Instant readNullable(ResultSet result, String column) throws SQLException {
		int index = result.findColumn(column);
		byte[] sent = result.getBytes(index);
		return (sent != null) ? read(result, index, sent) : null;
	}

}
