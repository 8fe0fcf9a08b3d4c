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

package io.durablenotify.benchmarks.harness;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;

import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * The floor of writing much: COPY in the binary format, on one connection, a commit for
 * each batch.
 */
public final class RawCopy implements AutoCloseable {

	private static final String COPY = "COPY raw_chunks (stream_id, chunk_index, data) FROM STDIN (FORMAT BINARY)";

	private static final byte[] SIGNATURE = "PGCOPY\n\377\r\n\0".getBytes(StandardCharsets.ISO_8859_1);

	private static final short COLUMNS = 3;

	private static final short END = -1;

	private final Connection connection;

	private final ByteBuffer buffer;

	/**
	 * Connect.
	 * @param rows the most rows of a batch
	 * @param rowBytes the most bytes of a row's data
	 */
	public RawCopy(Database database, int rows, int rowBytes) throws SQLException {
		this.connection = database.connect();
		int overhead = Short.BYTES + 3 * Integer.BYTES + 2 * Long.BYTES;
		this.buffer = ByteBuffer.allocate(64 + rows * (rowBytes + overhead));
	}

	/**
	 * Begin a batch.
	 */
	public void begin() {
		this.buffer.clear();
		// No flags, no extension
		this.buffer.put(SIGNATURE).putInt(0).putInt(0);
	}

	/**
	 * Add a row to the batch.
	 */
	public void add(long streamId, long index, byte[] data) {
		this.buffer.putShort(COLUMNS)
			.putInt(Long.BYTES)
			.putLong(streamId)
			.putInt(Long.BYTES)
			.putLong(index)
			.putInt(data.length)
			.put(data);
	}

	/**
	 * Send the batch and commit.
	 * @return how many rows were stored
	 */
	public long commit() throws SQLException {
		this.buffer.putShort(END);
		CopyIn copy = this.connection.unwrap(PGConnection.class).getCopyAPI().copyIn(COPY);
		copy.writeToCopy(this.buffer.array(), 0, this.buffer.position());
		return copy.endCopy();
	}

	@Override
	public void close() throws SQLException {
		this.connection.close();
	}

}
