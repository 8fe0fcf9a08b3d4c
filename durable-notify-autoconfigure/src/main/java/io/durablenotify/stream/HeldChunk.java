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

import io.durablenotify.database.TransactionBuffer;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * The {@link ConsumedChunk}: a chunk that a handler has.
 */
final class HeldChunk implements ConsumedChunk {

	private final Chunk chunk;

	private final String consumer;

	private final long token;

	private final ConsumerWrites writes;

	/**
	 * Stores the position after the chunk.
	 */
	private final ConsumerWrites.Statement position;

	private volatile Commit commit = Commit.NONE;

	HeldChunk(Chunk chunk, String consumer, long token, ConsumerWrites writes, ConsumerWrites.Statement position) {
		this.chunk = chunk;
		this.consumer = consumer;
		this.token = token;
		this.writes = writes;
		this.position = position;
	}

	@Override
	public Chunk chunk() {
		return this.chunk;
	}

	@Override
	public String consumer() {
		return this.consumer;
	}

	@Override
	public long fencingToken() {
		return this.token;
	}

	@Override
	public void commit() {
		if (this.writes.isTransactional() || this.commit == Commit.OPEN || this.commit == Commit.COMMITTED) {
			return;
		}
		this.writes.writeInTransaction(this.position);
		this.commit = Commit.OPEN;
		this.writes.awaitEnd(new Outcome(this));
	}

	/**
	 * Return what became of {@link #commit()}.
	 */
	Commit outcome() {
		return this.commit;
	}

	@Override
	public String toString() {
		return "chunk %d of stream '%s'".formatted(this.chunk.index(), this.chunk.stream());
	}

	/**
	 * What became of a commit in the handler's transaction.
	 */
	enum Commit {

		/**
		 * There was none.
		 */
		NONE,

		/**
		 * Its transaction has not ended.
		 */
		OPEN,

		/**
		 * Its transaction has committed.
		 */
		COMMITTED,

		/**
		 * Its transaction has rolled back.
		 */
		ROLLED_BACK,

		/**
		 * Its transaction may have committed.
		 */
		UNKNOWN

	}

	/**
	 * Waits for the end of the transaction.
	 */
	private record Outcome(HeldChunk chunk) implements TransactionBuffer.Content {

		/**
		 * What a rollback to a savepoint takes away.
		 */
		@Override
		public int size() {
			return (this.chunk.commit == Commit.OPEN) ? 1 : 0;
		}

		@Override
		public void truncate(int size) {
			if (size == 0 && this.chunk.commit == Commit.OPEN) {
				this.chunk.commit = Commit.ROLLED_BACK;
			}
		}

		@Override
		public void afterCompletion(int status) {
			if (this.chunk.commit == Commit.OPEN) {
				this.chunk.commit = switch (status) {
					case TransactionSynchronization.STATUS_COMMITTED -> Commit.COMMITTED;
					case TransactionSynchronization.STATUS_ROLLED_BACK -> Commit.ROLLED_BACK;
					default -> Commit.UNKNOWN;
				};
			}
		}

	}

}
