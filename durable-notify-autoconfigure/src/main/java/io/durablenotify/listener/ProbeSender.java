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

package io.durablenotify.listener;

import java.math.BigInteger;
import java.security.SecureRandom;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.measure.Timing;
import org.jspecify.annotations.Nullable;

/**
 * Sends the probe's notification from a pooled connection, on a thread that may wait for
 * one.
 */
final class ProbeSender {

	private final ApplicationDatabase database;

	private final Executor executor;

	private final String channel;

	/**
	 * What the payload of this instance's probes begins with.
	 */
	private final String instance = new BigInteger(64, new SecureRandom()).toString(Character.MAX_RADIX);

	private final Timing timing;

	/**
	 * The payload of the last probe, and when it was sent, by {@link System#nanoTime()}.
	 */
	private volatile @Nullable Sent sent;

	private final AtomicBoolean requested = new AtomicBoolean();

	ProbeSender(ApplicationDatabase database, Executor executor, String channel, Timing timing) {
		this.database = database;
		this.executor = executor;
		this.channel = channel;
		this.timing = timing;
	}

	/**
	 * Have a probe sent soon. May be called by any thread.
	 */
	void request() {
		this.requested.set(true);
	}

	/**
	 * Return whether a probe was requested, and clear the request.
	 */
	boolean takeRequest() {
		return this.requested.get() && this.requested.getAndSet(false);
	}

	/**
	 * Send.
	 * @return when it was committed, by {@link System#nanoTime()}, or a failure if it
	 * could not be sent
	 */
	CompletableFuture<Long> send() {
		return CompletableFuture.supplyAsync(() -> this.database.executeSeparately("probe the listener",
				ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
					try (PreparedStatement statement = connection.prepareStatement("SELECT pg_notify(?, ?)")) {
						Sent sent = new Sent(this.instance + " " + System.nanoTime(), System.nanoTime());
						this.sent = sent;
						statement.setString(1, this.channel);
						statement.setString(2, sent.payload());
						statement.executeQuery();
						return System.nanoTime();
					}
				}), this.executor);
	}

	/**
	 * A probe was received, of this instance or another one.
	 * @return how long the last one of this instance took, or {@code null} if it is not
	 * that
	 */
	@Nullable Duration received(String payload) {
		Sent sent = this.sent;
		if (sent == null || !sent.payload().equals(payload)) {
			return null;
		}
		this.sent = null;
		long nanos = System.nanoTime() - sent.at();
		this.timing.record(nanos);
		return Duration.ofNanos(nanos);
	}

	/**
	 * A probe that was sent.
	 */
	private record Sent(String payload, long at) {
	}

}
