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

import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executor;

import io.durablenotify.Subscription;
import io.durablenotify.database.Texts;

/**
 * The handlers of each channel. Lasts over connections.
 */
final class NotificationChannels {

	private static final int MAX_NAME_BYTES = 63;

	/**
	 * Guarded by {@code this}.
	 */
	private final Map<String, Set<ChannelRegistration>> registrations = new HashMap<>();

	Subscription add(String channel, ChannelHandler handler, Executor executor) {
		int length = channel.getBytes(StandardCharsets.UTF_8).length;
		if (length == 0 || length > MAX_NAME_BYTES) {
			throw new IllegalArgumentException("Channel name '%s' must have 1 to %d bytes in UTF-8, but has %d"
				.formatted(channel, MAX_NAME_BYTES, length));
		}
		// With a NUL LISTEN would fail, and with half a surrogate pair it would be
		// another name
		Texts.require("Channel name", channel, MAX_NAME_BYTES);
		ChannelRegistration registration = new ChannelRegistration(channel, handler, executor, this::remove);
		synchronized (this) {
			this.registrations.computeIfAbsent(channel, (name) -> new LinkedHashSet<>()).add(registration);
		}
		return registration;
	}

	private synchronized void remove(ChannelRegistration registration) {
		this.registrations.computeIfPresent(registration.channel(), (name, registered) -> {
			registered.remove(registration);
			return (registered.isEmpty()) ? null : registered;
		});
	}

	synchronized Set<String> names() {
		return new TreeSet<>(this.registrations.keySet());
	}

	/**
	 * Return how many handlers each has.
	 */
	synchronized Map<String, Integer> counts() {
		Map<String, Integer> counts = new TreeMap<>();
		this.registrations.forEach((channel, registered) -> counts.put(channel, registered.size()));
		return counts;
	}

	private synchronized List<ChannelRegistration> of(String channel) {
		return List.copyOf(this.registrations.getOrDefault(channel, Set.of()));
	}

	void dispatch(String channel, String payload) {
		of(channel).forEach((registration) -> registration.notification(payload));
	}

	/**
	 * Resync those handlers of a channel that have had no resync yet.
	 */
	void resyncOnce(String channel) {
		of(channel).forEach(ChannelRegistration::resyncOnce);
	}

	/**
	 * End the registrations of a channel that cannot be listened to.
	 */
	void refuse(String channel, SQLException reason) {
		of(channel).forEach((registration) -> registration.refuse(reason));
	}

	/**
	 * No channel is listened to any more.
	 */
	void close() {
		names().forEach((channel) -> of(channel).forEach(ChannelRegistration::close));
	}

	/**
	 * Notify all handlers of a channel that they may have missed something.
	 */
	void resync(String channel) {
		of(channel).forEach(ChannelRegistration::resync);
	}

}
