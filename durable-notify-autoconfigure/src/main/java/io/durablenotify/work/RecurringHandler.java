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

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.function.LongSupplier;

import io.durablenotify.database.Texts;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Handles the item of recurring work, and has it handled again at the next time.
 */
final class RecurringHandler implements WorkHandler {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	private final Recurrence recurrence;

	private final WorkHandler handler;

	private final LongSupplier nanoTime;

	/**
	 * Create a new instance.
	 * @param recurrence the recurring work
	 * @param handler what is to be done
	 * @param nanoTime {@link System#nanoTime()}
	 */
	RecurringHandler(Recurrence recurrence, WorkHandler handler, LongSupplier nanoTime) {
		this.recurrence = recurrence;
		this.handler = handler;
		this.nanoTime = nanoTime;
	}

	@Override
	public WorkOutcome handle(WorkItem item) throws Exception {
		if (this.recurrence.isOther(item)) {
			logger.info("The item %s of queue '%s' is removed without a run: recurring work '%s' has that queue now"
				.formatted(Texts.shown(item.key()), item.queue(), this.recurrence.id()));
			return WorkOutcome.done();
		}
		if (!this.recurrence.key().equals(item.key())) {
			return this.handler.handle(item);
		}
		WorkOutcome outcome = this.handler.handle(item);
		Instant next = next(item);
		return (outcome == WorkOutcome.done() && next != null) ? WorkOutcome.again(next) : outcome;
	}

	/**
	 * The last attempt of an item has failed, in the handler or after it.
	 * @return when the item is handled again all the same, {@code null} if it is dead
	 */
	@Nullable Instant lastFailed(WorkItem item, String reason, @Nullable Throwable failure) {
		Instant next = (this.recurrence.key().equals(item.key())) ? next(item) : null;
		// Of one that is lost, its settlement says so
		if (next != null && !(item instanceof HeldItem held && held.isLost())) {
			String line = "Recurring work '%s' has failed at attempt %d, and runs again at %s: %s"
				.formatted(this.recurrence.id(), item.attempt(), next, reason);
			if (failure != null) {
				FailureLog.log(logger::error, line, failure);
			}
			else {
				logger.error(line);
			}
		}
		return next;
	}

	/**
	 * By the database's clock, which the claim's id is from: that of this JVM can be
	 * wrong, and times would be left out, or be due twice.
	 */
	private @Nullable Instant next(WorkItem item) {
		Instant claimed = Instant.EPOCH.plus(item.fencingToken(), ChronoUnit.MICROS);
		long since = (item instanceof HeldItem held) ? this.nanoTime.getAsLong() - held.claim().claimedAt() : 0;
		return this.recurrence.scheduleOf(item).next(claimed.plusNanos(since));
	}

	@Override
	public String toString() {
		return this.handler.toString();
	}

}
