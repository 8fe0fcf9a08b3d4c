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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.task.TaskRejectedException;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Gathers what a transaction appends shortly before it commits, so that it holds its
 * streams for no longer than that, and locks them in one order.
 */
final class CommitAppends implements TransactionSynchronization {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	private final Object owner;

	private final Consumer<List<Addition>> append;

	private final long maxBytes;

	private final Map<String, List<byte[]>> chunks = new LinkedHashMap<>();

	private long bytes;

	private boolean committing;

	private boolean completing;

	private CommitAppends(Object owner, Consumer<List<Addition>> append, long maxBytes) {
		this.owner = owner;
		this.append = append;
		this.maxBytes = maxBytes;
	}

	/**
	 * Add a chunk to what the current transaction appends.
	 * @param owner under whom the transaction's chunks are bound
	 * @param append appends, in the transaction
	 * @param maxBytes what one transaction may gather
	 * @throws TaskRejectedException if it has gathered too much
	 */
	static void add(Object owner, Consumer<List<Addition>> append, long maxBytes, String stream, byte[] data) {
		CommitAppends current = (CommitAppends) TransactionSynchronizationManager.getResource(owner);
		if (current == null) {
			current = new CommitAppends(owner, append, maxBytes);
			TransactionSynchronizationManager.registerSynchronization(current);
			TransactionSynchronizationManager.bindResource(owner, current);
		}
		current.add(stream, data);
	}

	private void add(String stream, byte[] data) {
		if (this.bytes + data.length > this.maxBytes) {
			throw new TaskRejectedException(("Append on commit refused: this transaction has gathered %d bytes, and %d "
					+ "are allowed (durable-notify.streams.append-buffer). Commit more often")
				.formatted(this.bytes, this.maxBytes));
		}
		this.chunks.computeIfAbsent(stream, (name) -> new ArrayList<>()).add(data);
		this.bytes += data.length;
		if (this.committing) {
			appendAll();
		}
	}

	private void appendAll() {
		List<Addition> additions = new ArrayList<>();
		this.chunks.forEach((stream, chunks) -> additions.add(new Addition(stream, Addition.ANY_INDEX, chunks)));
		this.chunks.clear();
		this.bytes = 0;
		if (!additions.isEmpty()) {
			this.append.accept(additions);
		}
	}

	@Override
	public void suspend() {
		TransactionSynchronizationManager.unbindResource(this.owner);
	}

	@Override
	public void resume() {
		TransactionSynchronizationManager.bindResource(this.owner, this);
	}

	@Override
	public void beforeCommit(boolean readOnly) {
		this.committing = true;
		appendAll();
	}

	@Override
	public void beforeCompletion() {
		this.completing = true;
	}

	@Override
	public void afterCompletion(int status) {
		TransactionSynchronizationManager.unbindResourceIfPossible(this.owner);
		if (!this.completing && status == STATUS_COMMITTED && !this.chunks.isEmpty()) {
			// Registered in an afterCommit callback, so that no beforeCommit came
			logger.warn("appendOnCommit() was called when the transaction had committed: it is stored, behind that "
					+ "commit. Call it earlier, or use append() in a new transaction (Propagation.REQUIRES_NEW)");
			appendAll();
		}
	}

}
