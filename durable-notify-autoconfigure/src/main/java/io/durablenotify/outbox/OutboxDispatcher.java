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

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

import io.durablenotify.observation.Observations;
import io.durablenotify.outbox.OutboxCircuit.Turn;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.RetryLaterException;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkOutcome;
import org.jspecify.annotations.Nullable;

/**
 * Has a sender send the items of its queue.
 */
final class OutboxDispatcher implements WorkHandler {

	/**
	 * What a receiver asks for may be a mistake, or its clock.
	 */
	private static final Duration LONGEST_DELAY = Duration.ofDays(1);

	private final OutboxSender sender;

	private final OutboxCircuit circuit;

	private final SentLog sent;

	private final String source;

	private final @Nullable Duration maxAge;

	private final Observations observations;

	OutboxDispatcher(OutboxSender sender, OutboxCircuit circuit, SentLog sent, String source, @Nullable Duration maxAge,
			Observations observations) {
		this.observations = observations;
		this.sender = sender;
		this.circuit = circuit;
		this.sent = sent;
		this.source = source;
		this.maxAge = maxAge;
	}

	@Override
	public WorkOutcome handle(WorkItem item) throws Exception {
		OutboxMessage message = OutboxJson.read(item, this.source);
		this.observations.describeSend(message.id(), message.type());
		longestDelay(item, message, Duration.ZERO);
		long start = System.nanoTime();
		Turn turn = this.circuit.await(item);
		if (turn == Turn.NONE) {
			return WorkOutcome.postpone(Duration.ZERO);
		}
		Duration longest = longestDelay(item, message, Duration.ofNanos(System.nanoTime() - start));
		try {
			send(message);
		}
		catch (PermanentFailureException ex) {
			this.circuit.answered(item, turn);
			throw ex;
		}
		catch (UnsendableEventException ex) {
			throw new PermanentFailureException(String.valueOf(ex.getMessage()), ex.getCause());
		}
		catch (Throwable ex) {
			Duration delay = (ex instanceof RetryLaterException later) ? later.delay() : Duration.ZERO;
			delay = (delay.compareTo(longest) > 0) ? longest : delay;
			Duration postponed = this.circuit.failed(item, turn, ex, delay);
			if (postponed != null) {
				return WorkOutcome.postpone(postponed);
			}
			if (ex instanceof RetryLaterException) {
				throw new RetryLaterException(String.valueOf(ex.getMessage()), delay, ex);
			}
			throw ex;
		}
		this.circuit.answered(item, turn);
		this.sent.add(this.sender.name(), item, message);
		return WorkOutcome.done();
	}

	/**
	 * An interrupt that the sender leaves must not reach our statements: on a virtual
	 * thread, it closes the connection.
	 */
	private void send(OutboxMessage message) throws Exception {
		try {
			this.sender.send(message);
		}
		finally {
			Thread.interrupted();
		}
	}

	/**
	 * Return until when another attempt is worth it, at most.
	 * @param waited how long ago the item was claimed
	 * @throws PermanentFailureException if the event is too old already. By the
	 * database's clock, which the fencing token is from
	 */
	private Duration longestDelay(WorkItem item, OutboxMessage message, Duration waited) {
		if (this.maxAge == null) {
			return LONGEST_DELAY;
		}
		Instant claimedAt = Instant.EPOCH.plus(item.fencingToken(), ChronoUnit.MICROS);
		Duration left = this.maxAge.minus(Duration.between(item.enqueuedAt(), claimedAt)).minus(waited);
		if (left.isNegative() || left.isZero()) {
			throw new PermanentFailureException(
					"The %s was not sent within %s.max-age".formatted(message, OutboxProperties.PREFIX));
		}
		return (left.compareTo(LONGEST_DELAY) < 0) ? left : LONGEST_DELAY;
	}

	/**
	 * Keeps events that were sent.
	 */
	interface SentLog {

		void add(String sender, WorkItem item, OutboxMessage message);

	}

}
