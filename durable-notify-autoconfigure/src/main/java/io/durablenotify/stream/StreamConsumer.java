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

import io.durablenotify.Subscription;

/**
 * A named consumer of a stream, or of all streams with a prefix, with a stored position.
 * Immutable: each method returns a new one. <pre class="code">
 * reader.consumer("answers/42", "indexer").inTransaction().subscribe((consumed) -> index(consumed.chunk()));
 * </pre>
 * <p>
 * Any number of instances may subscribe. One of them, the owner, has the chunks; another
 * takes over at once when the owner closes or cancels, and after the owner's lease
 * ({@code durable-notify.streams.lease}) when it is lost. A consumer goes on from its
 * position after a restart, a takeover or a pause of any length. Of a stream that it has
 * begun, it never passes over a chunk in silence: see {@link ConsumerHandler#onGap}. A
 * stream that is deleted before an owner has begun it is no gap.
 * <p>
 * <b>Delivery.</b> Each chunk is handled at least once, in the order of its stream. A
 * chunk is handled again where its position was not stored before a crash, a takeover or
 * a failure. The position is stored in the transaction of the handler's effects with
 * {@link #inTransaction()} or {@link ConsumedChunk#commit()}: then each chunk has its
 * effects in the database exactly once.
 * <p>
 * A consumer begins at the {@linkplain #from position} that its first subscription gives,
 * and exists until {@link StreamConsumers#remove}.
 */
public interface StreamConsumer {

	/**
	 * Set where the consumer begins if it does not exist yet. An existing one goes on
	 * from its stored position. With {@link StreamPosition#end()}, a consumer of a prefix
	 * begins at the ends that its streams have when {@link #subscribe} returns; streams
	 * that appear later are read from their start.
	 * @param position {@link StreamPosition#start()}, which is the default, or
	 * {@link StreamPosition#end()}
	 * @return the consumer
	 * @throws IllegalArgumentException if the position is another one
	 */
	StreamConsumer from(StreamPosition position);

	/**
	 * Call the handler in a transaction, which commits with the position after a batch of
	 * calls. If a call fails or the owner was taken over from, the transaction rolls
	 * back, with the effects of the whole batch, and the batch is handled again. The
	 * transaction ends with the chunks that are there: it never waits for more.
	 * @return the consumer
	 */
	StreamConsumer inTransaction();

	/**
	 * Set how many chunks have a transaction in common. Without transactions, so many of
	 * one stream are handled before another stream of the prefix has its turn.
	 * @param chunks the largest number of chunks, 1 to 10,000; 100 by default
	 * @return the consumer
	 * @throws IllegalArgumentException if the number is out of range
	 */
	StreamConsumer batchSize(int chunks);

	/**
	 * Subscribe. The consumer exists when this returns, or from the commit of the
	 * caller's transaction on. If that rolls back the subscription ends, with a warning
	 * in the log, also where the consumer existed before.
	 * <p>
	 * The handler is called on {@code durableNotifyTaskExecutor}, one call after the
	 * other, and streams of a prefix in turn. The subscription ends when it is cancelled,
	 * when the application context closes, or when the consumer is
	 * {@linkplain StreamConsumers#remove removed}.
	 * @param handler the handler
	 * @return the subscription, to be cancelled
	 * @throws IllegalStateException if this application context has a subscription of the
	 * same consumer, the name is that of a consumer of another stream or prefix, or it is
	 * {@linkplain #inTransaction() transactional} and there is no transaction manager of
	 * the DataSource that durable-notify uses
	 * @throws ReaderStoppedException if the application context has closed
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException in a read-only
	 * transaction
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Subscription subscribe(ConsumerHandler handler);

}
