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

package io.durablenotify.event;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.OptimisticLockingFailureException;

/**
 * Thrown when an idempotency key is already that of an event with another type or
 * correlation id. Neither is a duplicate of the other, and nothing was stored.
 */
public final class IdempotencyKeyConflictException extends OptimisticLockingFailureException {

	private final String runId;

	private final String idempotencyKey;

	IdempotencyKeyConflictException(NewEvent event, String other) {
		super("Idempotency key '%s' of run '%s' was given for %s, but belongs to %s; nothing was stored."
			.formatted(event.idempotencyKey(), event.runId(), described(event.type(), event.correlationId()), other));
		this.runId = event.runId();
		this.idempotencyKey = String.valueOf(event.idempotencyKey());
	}

	/**
	 * The key belongs to a stored event.
	 */
	static IdempotencyKeyConflictException withStored(NewEvent event, String type, @Nullable String correlationId,
			long sequence) {
		return new IdempotencyKeyConflictException(event,
				"%s, stored with sequence %d".formatted(described(type, correlationId), sequence));
	}

	/**
	 * The key belongs to another event of the same list.
	 */
	static IdempotencyKeyConflictException withinList(NewEvent event, NewEvent other) {
		return new IdempotencyKeyConflictException(event,
				"%s of the same list".formatted(described(other.type(), other.correlationId())));
	}

	private static String described(String type, @Nullable String correlationId) {
		return (correlationId != null) ? "event '%s' of correlation id '%s'".formatted(type, correlationId)
				: "event '%s' without correlation id".formatted(type);
	}

	/**
	 * Return the run.
	 * @return its id
	 */
	public String getRunId() {
		return this.runId;
	}

	/**
	 * Return the key.
	 * @return the key
	 */
	public String getIdempotencyKey() {
		return this.idempotencyKey;
	}

}
