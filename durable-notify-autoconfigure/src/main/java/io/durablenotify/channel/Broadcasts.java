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

package io.durablenotify.channel;

import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;

import io.durablenotify.Subscription;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ConsumedChunk;
import io.durablenotify.stream.ConsumerGap;
import io.durablenotify.stream.ConsumerHandler;
import io.durablenotify.stream.ConsumerInfo;
import io.durablenotify.stream.StreamConsumer;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.work.PermanentFailureException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Broadcast channels: each is a stream, and each durable subscriber a consumer of it.
 */
final class Broadcasts {

	private static final Log logger = LogFactory.getLog(DurableChannels.class);

	/**
	 * More than a batch has.
	 */
	private static final int MAX_FAILED = 20_000;

	private final StreamWriter writer;

	private final StreamReader reader;

	private final StreamConsumers consumers;

	private final ChannelPayloads payloads;

	Broadcasts(StreamWriter writer, StreamReader reader, StreamConsumers consumers, ChannelPayloads payloads) {
		this.writer = writer;
		this.reader = reader;
		this.consumers = consumers;
		this.payloads = payloads;
	}

	void publish(String channel, String message) {
		this.writer.append(ChannelNames.of(channel), message);
	}

	Subscription subscribe(String channel, String subscriber, UnaryOperator<StreamConsumer> settings,
			MessageHandler handler) {
		StreamConsumer consumer = settings
			.apply(this.reader.consumer(ChannelNames.of(channel), ChannelNames.consumer(channel, subscriber))
				.from(StreamPosition.end()));
		Assert.isTrue(consumer != null,
				() -> ("The settings of channel '%s' must return the consumer that they are given, or what its methods "
						+ "return")
					.formatted(channel));
		return consumer.subscribe(new Subscriber(channel, subscriber, handler));
	}

	List<ChannelSubscriber> subscribers(String channel) {
		String stream = ChannelNames.of(channel);
		String prefix = stream + "/";
		return this.consumers.list(stream)
			.stream()
			.filter((consumer) -> consumer.name().startsWith(prefix))
			.map((consumer) -> subscriber(channel, consumer, prefix))
			.toList();
	}

	private static ChannelSubscriber subscriber(String channel, ConsumerInfo consumer, String prefix) {
		return new ChannelSubscriber(channel, consumer.name().substring(prefix.length()), consumer.lag(),
				consumer.owner(), consumer.createdAt(), consumer.lastActiveAt());
	}

	boolean removeSubscriber(String channel, String subscriber) {
		return this.consumers.remove(ChannelNames.consumer(channel, subscriber));
	}

	/**
	 * Hands chunks on as messages.
	 */
	private final class Subscriber implements ConsumerHandler {

		private final String channel;

		private final String name;

		private final MessageHandler handler;

		/**
		 * What is left out when it comes again.
		 */
		private final Set<Failed> failed = ConcurrentHashMap.newKeySet();

		private Subscriber(String channel, String name, MessageHandler handler) {
			this.channel = channel;
			this.name = name;
			this.handler = handler;
		}

		/**
		 * What cannot succeed must not hold up all that follows. Where the handler may
		 * have written in the delivery's transaction, the failure is thrown first, so
		 * that this rolls back; then the chunk comes again, and is left out.
		 */
		@Override
		public void onChunk(ConsumedChunk consumed) throws Exception {
			Chunk chunk = consumed.chunk();
			if (!this.failed.isEmpty() && this.failed.contains(new Failed(chunk))) {
				return;
			}
			StoredMessage stored;
			try {
				stored = ChannelJson.read(chunk.data());
			}
			catch (IllegalArgumentException ex) {
				logLeftOut(chunk, "It is no message: " + ex.getMessage());
				return;
			}
			AtomicBoolean inTransaction = new AtomicBoolean(TransactionBuffer.isAvailable());
			try {
				this.handler.onMessage(new DeliveredMessage(stored, Broadcasts.this.payloads, chunk.createdAt(),
						consumed.fencingToken(), () -> {
							consumed.commit();
							inTransaction.set(true);
						}));
			}
			catch (PermanentFailureException ex) {
				logLeftOut(chunk, ex.getMessage());
				if (inTransaction.get()) {
					if (this.failed.size() >= MAX_FAILED) {
						this.failed.clear();
					}
					this.failed.add(new Failed(chunk));
					throw ex;
				}
			}
		}

		private void logLeftOut(Chunk chunk, @Nullable String reason) {
			logger.error("Subscriber '%s' of channel '%s' leaves out message %d: %s".formatted(this.name, this.channel,
					chunk.index(), reason));
		}

		@Override
		public void onGap(ConsumerGap gap) throws Exception {
			this.handler
				.onGap(new ChannelGap(this.channel, this.name, (gap.to() > gap.from()) ? gap.to() - gap.from() : -1));
		}

	}

	/**
	 * A chunk whose handler has failed for good.
	 *
	 * @param index its index
	 * @param createdAt its time, another in a stream that took the name
	 */
	private record Failed(long index, Instant createdAt) {

		private Failed(Chunk chunk) {
			this(chunk.index(), chunk.createdAt());
		}

	}

}
