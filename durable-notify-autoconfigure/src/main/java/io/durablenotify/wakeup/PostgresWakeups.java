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

package io.durablenotify.wakeup;

import java.math.BigInteger;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.wakeup.WakeupMeasures.ResyncCause;
import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.wakeup.WakeupCodec.Decoded;
import io.durablenotify.wakeup.WakeupState.Other;

/**
 * Sends wake-ups to handlers of this JVM directly, and to other instances by NOTIFY.
 * Resyncs all handlers whenever the listener begins to receive.
 */
final class PostgresWakeups implements Wakeups, AutoCloseable {

	private static final Duration LATELY = Duration.ofMinutes(1);

	private static final int MANY_INSTANCES = 1_000;

	private final ApplicationDatabase database;

	private final WakeupMode mode;

	private final String channel;

	private final String instance = new BigInteger(64, new SecureRandom()).toString(Character.MAX_RADIX);

	private final WakeupMeasures measures;

	private final WakeupRegistry registry;

	private final TransactionBuffer<TransactionWakeups> transactions;

	private final WakeupSender sender;

	private final Subscription listening;

	/**
	 * When the last wake-up of each other instance was received, by
	 * {@link System#nanoTime()}.
	 */
	private final Map<String, Long> lastReceived = new ConcurrentHashMap<>();

	PostgresWakeups(ApplicationDatabase database, NotificationListener listener, SchemaName schema,
			WakeupProperties properties, WakeupMeasures measures) {
		this.database = database;
		this.transactions = new TransactionBuffer<>(database, this,
				() -> new TransactionWakeups(new TransactionSender()));
		this.mode = properties.mode();
		this.measures = measures;
		this.registry = new WakeupRegistry(measures.received());
		this.channel = schema.channel("wakeup");
		this.sender = new WakeupSender(database, this.channel, this.instance, properties.maxGap(),
				this::recentInstances, listener::probe, measures);
		// On the listener's own thread: handlers of wake-ups only take note
		this.listening = listener.listen(this.channel, new Receiver(), Runnable::run);
	}

	@Override
	public void send(String topic, Wakeup wakeup) {
		boolean forOthers = this.registry.sendOwn(topic, wakeup);
		if (forOthers && this.mode == WakeupMode.AFTER_COMMIT) {
			this.sender.offer(topic, wakeup);
		}
	}

	@Override
	public void sendAfterCommit(String topic, Wakeup wakeup) {
		this.transactions.current().add(topic, wakeup);
	}

	@Override
	public void resync() {
		this.registry.resyncAll();
	}

	@Override
	public void joinTransaction() {
		this.transactions.current();
	}

	@Override
	public Subscription subscribe(String topic, WakeupHandler handler) {
		return this.registry.subscribe(topic, handler);
	}

	@Override
	public WakeupState state() {
		forgetOld();
		long now = System.nanoTime();
		List<Other> others = this.lastReceived.entrySet()
			.stream()
			.map((other) -> new Other(other.getKey(), Duration.ofNanos(Math.max(0, now - other.getValue()))))
			.sorted(Comparator.comparing(Other::sinceWakeup))
			.toList();
		return new WakeupState(this.instance, this.sender.pauseInForce(), others);
	}

	private void receivedFrom(String sender) {
		this.lastReceived.put(sender, System.nanoTime());
		if (this.lastReceived.size() > MANY_INSTANCES) {
			forgetOld();
		}
	}

	private int recentInstances() {
		forgetOld();
		return Math.max(1, this.lastReceived.size());
	}

	private void forgetOld() {
		long now = System.nanoTime();
		this.lastReceived.values().removeIf((time) -> now - time > LATELY.toNanos());
	}

	@Override
	public void close() {
		this.listening.cancel();
		this.sender.close();
	}

	private final class TransactionSender implements TransactionWakeups.Sender {

		@Override
		public void send(WakeupBatch batch) {
			WakeupBatch forOthers = PostgresWakeups.this.registry.sendOwn(batch);
			if (!forOthers.isEmpty() && PostgresWakeups.this.mode == WakeupMode.AFTER_COMMIT) {
				PostgresWakeups.this.sender.offer(forOthers);
			}
		}

		@Override
		public void commitLate() {
			// In afterCompletion: turns autocommit on, which commits
			PostgresWakeups.this.database.execute("commit after the commit", (connection, joined) -> joined);
		}

	}

	private final class Receiver implements ChannelHandler {

		@Override
		public void onNotification(String payload) {
			Decoded decoded = WakeupCodec.decode(payload);
			if (decoded.sender().equals(PostgresWakeups.this.instance)) {
				return;
			}
			receivedFrom(decoded.sender());
			WakeupRegistry registry = PostgresWakeups.this.registry;
			if (decoded.wakeups() == null) {
				resynced(ResyncCause.RECEIVED);
			}
			if (decoded.topic() == null) {
				registry.resyncAll();
			}
			else if (decoded.wakeups() == null) {
				registry.resync(decoded.topic());
			}
			else {
				decoded.wakeups().forEach((wakeup) -> registry.send(decoded.topic(), wakeup));
			}
		}

		@Override
		public void onResync() {
			resynced(ResyncCause.CONNECTED);
			PostgresWakeups.this.registry.resyncAll();
		}

		private void resynced(ResyncCause cause) {
			PostgresWakeups.this.measures.resyncs().of(cause).increment();
		}

	}

}
