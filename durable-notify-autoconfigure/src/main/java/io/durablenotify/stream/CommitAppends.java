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

package io.durablenotify.stream;

import java.util.List;
import java.util.function.Consumer;

import io.durablenotify.database.CommitWrites;
import io.durablenotify.stream.append.Append;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.task.TaskRejectedException;

/**
 * Gathers the chunks that a transaction appends with its commit. It locks their streams
 * in one order.
 */
final class CommitAppends extends CommitWrites<Append> {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	private final Consumer<List<Append>> append;

	private final long maxBytes;

	/**
	 * Create a new instance.
	 * @param append appends, in the transaction
	 * @param maxBytes what one transaction may gather
	 */
	CommitAppends(Consumer<List<Append>> append, long maxBytes) {
		super(STREAMS, maxBytes);
		this.append = append;
		this.maxBytes = maxBytes;
	}

	@Override
	protected void write(List<Append> appends) {
		this.append.accept(appends);
	}

	@Override
	protected long sizeOf(Append append) {
		return append.bufferedBytes();
	}

	@Override
	protected TaskRejectedException full(long bytes) {
		return new TaskRejectedException(("Append on commit refused: this transaction has gathered %d bytes, and must "
				+ "gather at most %d (durable-notify.streams.append-buffer). Commit more often")
			.formatted(bytes, this.maxBytes));
	}

	@Override
	protected void writtenLate() {
		logger.warn("appendOnCommit() was called for the first time when the transaction had committed, or was about "
				+ "to: it was stored after that commit. Call it earlier, or append() in a new transaction "
				+ "(Propagation.REQUIRES_NEW)");
	}

}
