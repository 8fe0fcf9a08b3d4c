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

import java.util.List;

import io.durablenotify.database.CommitWrites;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.core.task.TaskRejectedException;

/**
 * Gathers the items that a transaction enqueues with its commit. It locks their keys in
 * one order.
 */
final class CommitEnqueues extends CommitWrites<NewItem> {

	private static final Log logger = LogFactory.getLog(WorkQueue.class);

	private final WorkWrites writes;

	private final int maxItems;

	CommitEnqueues(WorkWrites writes, int maxItems) {
		super(WORK, maxItems);
		this.writes = writes;
		this.maxItems = maxItems;
	}

	@Override
	protected void write(List<NewItem> items) {
		this.writes.storeAll(items);
	}

	@Override
	protected long sizeOf(NewItem item) {
		return 1;
	}

	@Override
	protected TaskRejectedException full(long items) {
		return new TaskRejectedException(("Work was not enqueued: this transaction has gathered %d requests for its "
				+ "commit, and must gather at most %d (durable-notify.work.enqueue-buffer). Commit more often")
			.formatted(items, this.maxItems));
	}

	@Override
	protected void writtenLate() {
		logger.warn("enqueueOnCommit() was called for the first time when the transaction had committed, or was about "
				+ "to: the item was stored after that commit. Call it earlier, or enqueue() in a new transaction "
				+ "(Propagation.REQUIRES_NEW)");
	}

}
