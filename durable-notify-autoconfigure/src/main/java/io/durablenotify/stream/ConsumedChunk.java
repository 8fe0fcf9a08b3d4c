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

/**
 * A chunk, while the handler of a {@link StreamConsumer} has it.
 */
public interface ConsumedChunk {

	/**
	 * Return the chunk.
	 * @return the chunk, with its stream's name
	 */
	Chunk chunk();

	/**
	 * Return the consumer.
	 * @return the consumer's name
	 */
	String consumer();

	/**
	 * Return a number that is higher whenever the consumer has a new owner. A receiver
	 * outside of the database can refuse what comes with a lower one than it has had.
	 * @return the number
	 */
	long fencingToken();

	/**
	 * Store the position after this chunk in the handler's own transaction: position and
	 * effects commit together or not at all. With {@link StreamConsumer#inTransaction()}
	 * the transaction does so anyway.
	 * @throws IllegalStateException outside a transaction, where the return of the
	 * handler is what counts
	 * @throws ConsumerLostException if the consumer has another owner, or was removed:
	 * the transaction must roll back
	 */
	void commit();

}
