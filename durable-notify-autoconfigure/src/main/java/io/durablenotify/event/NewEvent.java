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

import java.util.Objects;
import java.util.Set;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * An event to append. Immutable: each step returns another one, and rejects what no event
 * can have with an {@link IllegalArgumentException}.
 *
 * <pre class="code">
 * NewEvent.of(runId, "step_created").correlationId(stepId).payload(json)
 * </pre>
 *
 * {@link #toString()} never shows the payload.
 */
public final class NewEvent {

	/**
	 * The same as in the predicates of the unique indexes.
	 */
	private static final Set<String> SUSPENSION_TYPES = Set.of("step_created", "wait_created", "hook_created",
			"run_created");

	private final String runId;

	private final String type;

	private final @Nullable String correlationId;

	private final @Nullable JsonText payload;

	private final @Nullable String idempotencyKey;

	private NewEvent(String runId, String type, @Nullable String correlationId, @Nullable JsonText payload,
			@Nullable String idempotencyKey) {
		this.runId = runId;
		this.type = type;
		this.correlationId = correlationId;
		this.payload = payload;
		this.idempotencyKey = idempotencyKey;
	}

	/**
	 * Begin an event without correlation id, payload and idempotency key.
	 * @param runId the run: 1 to 255 characters, none of them white space or a control
	 * character.
	 * @param type the type: 1 to 128 characters. Of {@code step_created},
	 * {@code wait_created}, {@code hook_created} and {@code run_created} a run has one
	 * for each correlation id, and one without any
	 * @return the event
	 */
	public static NewEvent of(String runId, String type) {
		return new NewEvent(EventTexts.requireRunId(runId), Texts.require("Type", type, EventTexts.MAX_TYPE_LENGTH),
				null, null, null);
	}

	/**
	 * Set the step, wait or hook that the event is about.
	 * @param correlationId the correlation id, of 1 to 255 characters
	 * @return an event with it
	 */
	public NewEvent correlationId(String correlationId) {
		return new NewEvent(this.runId, this.type,
				Texts.require("Correlation id", correlationId, EventTexts.MAX_ID_LENGTH), this.payload,
				this.idempotencyKey);
	}

	/**
	 * Set the payload.
	 * @param json JSON text of any kind, nested at most 500 deep. It is stored as it is,
	 * white space and the order of names included
	 * @return an event with it
	 * @throws IllegalArgumentException if it is not JSON; the message says where, but
	 * shows nothing of it
	 */
	public NewEvent payload(String json) {
		Assert.notNull(json, "'json' must not be null");
		return new NewEvent(this.runId, this.type, this.correlationId, JsonText.require(json), this.idempotencyKey);
	}

	/**
	 * Set a key under which the run stores one event, of any type. Another append with
	 * the same key, type and correlation id is a duplicate. With another type or
	 * correlation id it fails with {@link IdempotencyKeyConflictException}. Payloads are
	 * not compared.
	 * @param idempotencyKey the key, of 1 to 255 characters
	 * @return an event with it
	 */
	public NewEvent idempotencyKey(String idempotencyKey) {
		return new NewEvent(this.runId, this.type, this.correlationId, this.payload,
				Texts.require("Idempotency key", idempotencyKey, EventTexts.MAX_ID_LENGTH));
	}

	/**
	 * Return the run.
	 * @return its id
	 */
	public String runId() {
		return this.runId;
	}

	/**
	 * Return the type.
	 * @return the type
	 */
	public String type() {
		return this.type;
	}

	/**
	 * Return the correlation id.
	 * @return the correlation id, or {@code null}
	 */
	public @Nullable String correlationId() {
		return this.correlationId;
	}

	/**
	 * Return the payload.
	 * @return JSON text, or {@code null}
	 */
	public @Nullable String payload() {
		return (this.payload != null) ? this.payload.text() : null;
	}

	/**
	 * Return the idempotency key.
	 * @return the key, or {@code null}
	 */
	public @Nullable String idempotencyKey() {
		return this.idempotencyKey;
	}

	/**
	 * Return whether it is one that a run has once for each correlation id.
	 */
	boolean isSuspension() {
		return SUSPENSION_TYPES.contains(this.type);
	}

	/**
	 * Return whether it has this type and correlation id.
	 */
	boolean isLike(String type, @Nullable String correlationId) {
		return this.type.equals(type) && Objects.equals(this.correlationId, correlationId);
	}

	/**
	 * Return the payload's size in UTF-8.
	 */
	long payloadBytes() {
		return (this.payload != null) ? this.payload.bytes() : 0;
	}

	@Override
	public String toString() {
		return "NewEvent[runId=%s, type=%s, correlationId=%s, payload=%s]".formatted(this.runId, this.type,
				this.correlationId, (this.payload != null) ? this.payload.bytes() + " bytes" : "none");
	}

}
