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

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A request for work. Immutable: each method returns a new request.
 */
public final class WorkRequest {

	/**
	 * How many characters the name of a queue may have.
	 */
	public static final int MAX_QUEUE_LENGTH = 255;

	/**
	 * How many characters a key may have.
	 */
	public static final int MAX_KEY_LENGTH = 512;

	private final String queue;

	private final @Nullable Object payload;

	private final @Nullable String key;

	private final boolean replacing;

	private final @Nullable String orderingKey;

	private final @Nullable Instant dueAt;

	private final @Nullable Duration dueIn;

	private final Map<String, String> headers;

	private WorkRequest(String queue, @Nullable Object payload, @Nullable String key, boolean replacing,
			@Nullable String orderingKey, @Nullable Instant dueAt, @Nullable Duration dueIn,
			Map<String, String> headers) {
		this.queue = queue;
		this.payload = payload;
		this.key = key;
		this.replacing = replacing;
		this.orderingKey = orderingKey;
		this.dueAt = dueAt;
		this.dueIn = dueIn;
		this.headers = headers;
	}

	/**
	 * Create a request that is due at once.
	 * @param queue the queue: 1 to 255 characters without white space
	 * @param payload the payload: a {@code String}, a {@code byte[]}, a value that is
	 * written as JSON, or {@code null}
	 * @return the request
	 */
	public static WorkRequest of(String queue, @Nullable Object payload) {
		return new WorkRequest(Texts.requireName("Queue", queue, MAX_QUEUE_LENGTH), payload, null, false, null, null,
				null, Map.of());
	}

	/**
	 * Coalesce with the item of the queue that has the same key: there is at most one. If
	 * there is one, its payload stays, it is due at the earlier of both times, or at the
	 * time of its next attempt if one has failed, and its handler runs at least once
	 * after the commit of this request.
	 * @param key the key: 1 to 512 characters
	 * @return the request
	 */
	public WorkRequest key(String key) {
		Assert.isTrue(this.orderingKey == null, "A request with an ordering key must not have a key");
		return new WorkRequest(this.queue, this.payload, Texts.require("Key", key, MAX_KEY_LENGTH), this.replacing,
				null, this.dueAt, this.dueIn, this.headers);
	}

	/**
	 * Replace payload, headers and due time of the item with the same key.
	 * @return the request
	 * @throws IllegalStateException if the request has no key
	 */
	public WorkRequest replacing() {
		Assert.state(this.key != null, "Only a request with a key can replace another");
		return new WorkRequest(this.queue, this.payload, this.key, true, null, this.dueAt, this.dueIn, this.headers);
	}

	/**
	 * Handle items with the same ordering key one after the other, in the order in which
	 * their transactions committed. An item that fails is retried before the next one.
	 * @param orderingKey the ordering key: 1 to 512 characters
	 * @return the request
	 */
	public WorkRequest orderingKey(String orderingKey) {
		Assert.isTrue(this.key == null, "A request with a key must not have an ordering key");
		return new WorkRequest(this.queue, this.payload, null, false,
				Texts.require("Ordering key", orderingKey, MAX_KEY_LENGTH), this.dueAt, this.dueIn, this.headers);
	}

	/**
	 * Set when the item is due. Later items of the same ordering key wait for it.
	 * @param dueAt when it is due, by the database's clock
	 * @return the request
	 */
	public WorkRequest dueAt(Instant dueAt) {
		Assert.notNull(dueAt, "'dueAt' must not be null");
		return new WorkRequest(this.queue, this.payload, this.key, this.replacing, this.orderingKey, dueAt, null,
				this.headers);
	}

	/**
	 * Set after which time the item is due.
	 * @param delay the time from the enqueueing on
	 * @return the request
	 */
	public WorkRequest dueIn(Duration delay) {
		Assert.notNull(delay, "'delay' must not be null");
		Assert.isTrue(!delay.isNegative(), () -> "'delay' must not be negative, but is " + delay);
		return new WorkRequest(this.queue, this.payload, this.key, this.replacing, this.orderingKey, null, delay,
				this.headers);
	}

	/**
	 * Add a header, which the handler gets with the item.
	 * @param name the name
	 * @param value the value
	 * @return the request
	 */
	public WorkRequest header(String name, String value) {
		Assert.notNull(value, "'value' must not be null");
		Map<String, String> headers = new LinkedHashMap<>(this.headers);
		headers.put(Texts.requireName("Header", name, MAX_QUEUE_LENGTH), value);
		return new WorkRequest(this.queue, this.payload, this.key, this.replacing, this.orderingKey, this.dueAt,
				this.dueIn, Map.copyOf(headers));
	}

	/**
	 * Return the queue.
	 * @return the queue's name
	 */
	public String queue() {
		return this.queue;
	}

	/**
	 * Return the payload.
	 * @return the payload, or {@code null}
	 */
	public @Nullable Object payload() {
		return this.payload;
	}

	/**
	 * Return the key.
	 * @return the key, or {@code null}
	 */
	public @Nullable String key() {
		return this.key;
	}

	/**
	 * Return whether the request replaces the item with the same key.
	 * @return whether it does
	 */
	public boolean isReplacing() {
		return this.replacing;
	}

	/**
	 * Return the ordering key.
	 * @return the ordering key, or {@code null}
	 */
	public @Nullable String orderingKey() {
		return this.orderingKey;
	}

	/**
	 * Return when the item is due.
	 * @return the time, or {@code null} for at once or {@link #dueIn()}
	 */
	public @Nullable Instant dueAt() {
		return this.dueAt;
	}

	/**
	 * Return after which time the item is due.
	 * @return the time from the enqueueing on, or {@code null}
	 */
	public @Nullable Duration dueIn() {
		return this.dueIn;
	}

	/**
	 * Return the headers.
	 * @return the headers
	 */
	public Map<String, String> headers() {
		return this.headers;
	}

	@Override
	public String toString() {
		return "WorkRequest for queue " + this.queue;
	}

}
