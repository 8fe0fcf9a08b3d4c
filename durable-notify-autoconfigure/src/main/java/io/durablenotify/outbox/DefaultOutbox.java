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
package io.durablenotify.outbox;

import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

import io.durablenotify.database.Texts;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The {@link Outbox}: events are items of work, which are stored with the commit.
 */
final class DefaultOutbox implements Outbox {

	private final WorkQueue queue;

	/**
	 * Whether the caller is in a transaction on the DataSource of the queue.
	 */
	private final BooleanSupplier inTransaction;

	private final Supplier<? extends Collection<String>> senders;

	private final EventData.JsonWriter json;

	private final String source;

	private final Clock clock;

	private final Observations observations;

	/**
	 * The only sender, once it is known.
	 */
	private volatile @Nullable String onlySender;

	DefaultOutbox(WorkQueue queue, BooleanSupplier inTransaction, Supplier<? extends Collection<String>> senders,
			EventData.JsonWriter json, String source, Clock clock, Observations observations) {
		this.observations = observations;
		this.queue = queue;
		this.inTransaction = inTransaction;
		this.senders = senders;
		this.json = json;
		this.source = source;
		this.clock = clock;
	}

	@Override
	public String publish(OutboxEvent event) {
		Assert.notNull(event, "'event' must not be null");
		if (!this.inTransaction.getAsBoolean()) {
			throw new IllegalStateException(
					"The event of type %s was published outside of a transaction, or after its commit, and is not stored. "
						.formatted(Texts.shown(event.type()))
							+ "Publish it before the commit of the transaction that writes what it is about, by "
							+ "@Transactional or a TransactionTemplate on the DataSource of durable-notify");
		}
		OutboxMessage message = message(event);
		String sender = sender(event);
		Observed observed = this.observations.publish(sender, message.id(), message.type()).open();
		try {
			this.queue.enqueueOnCommit(request(sender, message, observed));
			observed.outcome(Outcome.ON_COMMIT);
			return message.id();
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			throw ex;
		}
		finally {
			observed.stop();
		}
	}

	private static WorkRequest request(String sender, OutboxMessage message, Observed observed) {
		WorkRequest request = WorkRequest.of(OutboxQueues.queue(sender), OutboxJson.write(message));
		for (Map.Entry<String, String> header : observed.headers().entrySet()) {
			request = request.header(header.getKey(), header.getValue());
		}
		return (message.orderingKey() != null) ? request.orderingKey(message.orderingKey()) : request;
	}

	private OutboxMessage message(OutboxEvent event) {
		EventData data = EventData.of(event.data(), event.dataContentType(), this.json);
		String id = (event.id() != null) ? event.id() : UUID.randomUUID().toString();
		Instant time = (event.time() != null) ? event.time() : this.clock.instant().truncatedTo(ChronoUnit.MICROS);
		return new OutboxMessage(id, event.type(), (event.source() != null) ? event.source() : this.source,
				event.subject(), time, data.contentType(), data.bytes(), event.orderingKey(), event.extensions(), 1);
	}

	private String sender(OutboxEvent event) {
		if (event.sender() != null) {
			return event.sender();
		}
		String only = this.onlySender;
		if (only == null) {
			Collection<String> senders = this.senders.get();
			if (senders.size() != 1) {
				throw new IllegalStateException(
						"The event of type %s names no sender, and this application context has %s. Name one by sender(…)"
							.formatted(Texts.shown(event.type()), (senders.isEmpty())
									? "none; one of a child context must be named" : "several: " + senders));
			}
			only = senders.iterator().next();
			this.onlySender = only;
		}
		return only;
	}

}
