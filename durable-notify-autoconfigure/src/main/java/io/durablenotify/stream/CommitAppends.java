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

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.stream.append.Append;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Gathers the chunks of a transaction, and appends them when nothing but its commit
 * remains. So it holds its streams for no longer than that, and locks them in one order.
 */
final class CommitAppends implements TransactionBuffer.Content {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	private final Consumer<List<Append>> append;

	private final long maxBytes;

	private final List<Append> gathered = new ArrayList<>();

	private long bytes;

	private boolean committing;

	/**
	 * Create a new instance.
	 * @param append appends, in the transaction
	 * @param maxBytes what one transaction may gather
	 */
	CommitAppends(Consumer<List<Append>> append, long maxBytes) {
		this.append = append;
		this.maxBytes = maxBytes;
	}

	/**
	 * Add to what the transaction appends.
	 * @throws TaskRejectedException if it has gathered too much
	 */
	void add(Append append) {
		long bytes = append.bufferedBytes();
		if (!this.gathered.isEmpty() && this.bytes + bytes > this.maxBytes) {
			throw new TaskRejectedException(
					("Append on commit refused: this transaction has gathered %d bytes, and must "
							+ "gather at most %d (durable-notify.streams.append-buffer). Commit more often")
						.formatted(this.bytes, this.maxBytes));
		}
		this.gathered.add(append);
		this.bytes += bytes;
		if (this.committing) {
			appendAll();
		}
	}

	private void appendAll() {
		if (!this.gathered.isEmpty()) {
			List<Append> appends = List.copyOf(this.gathered);
			truncate(0);
			this.append.accept(appends);
		}
	}

	@Override
	public int size() {
		return this.gathered.size();
	}

	@Override
	public void truncate(int size) {
		List<Append> dropped = this.gathered.subList(size, this.gathered.size());
		dropped.forEach((append) -> this.bytes -= append.bufferedBytes());
		dropped.clear();
	}

	/**
	 * Without a {@link CommitListener} other callbacks may come later.
	 */
	@Override
	public void beforeCommit() {
		if (!CommitListener.isComing()) {
			appendNow();
		}
	}

	/**
	 * Append what was gathered, and from now on at once.
	 */
	void appendNow() {
		if (!this.gathered.isEmpty()) {
			PersistenceContexts.flush();
		}
		this.committing = true;
		appendAll();
	}

	@Override
	public void afterCompletion(int status) {
		if (status == TransactionSynchronization.STATUS_COMMITTED && !this.gathered.isEmpty()) {
			// Registered so late that nothing was called before the commit
			appendAll();
			logger
				.warn("appendOnCommit() was called for the first time when the transaction had committed, or was about "
						+ "to: it was stored after that commit. Call it earlier, or append() in a new transaction "
						+ "(Propagation.REQUIRES_NEW)");
		}
	}

}
