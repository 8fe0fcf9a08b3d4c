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
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import io.durablenotify.Subscription;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.NotificationListener;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.wakeup.WakeupCodec.Decoded;

/**
 * Wake-ups through PostgreSQL: directly in this JVM, by NOTIFY to the other instances,
 * and a resync for everybody whenever the listener begins to hear.
 */
final class PostgresWakeups implements Wakeups, AutoCloseable {

	private static final Duration LATELY = Duration.ofMinutes(1);

	private static final int MANY_INSTANCES = 1_000;

	private final ApplicationDatabase database;

	private final NotificationListener listener;

	private final WakeupMode mode;

	private final String channel;

	private final String instance = new BigInteger(64, new SecureRandom()).toString(Character.MAX_RADIX);

	private final LocalWakeups local = new LocalWakeups();

	private final TransactionWakeups.Carrier carrier = new TransactionCarrier();

	private final WakeupSender sender;

	private final Subscription listening;

	/**
	 * When each other instance was heard last, by {@link System#nanoTime()}.
	 */
	private final Map<String, Long> heard = new ConcurrentHashMap<>();

	PostgresWakeups(ApplicationDatabase database, NotificationListener listener, SchemaName schema,
			WakeupSettings settings) {
		this.database = database;
		this.listener = listener;
		this.mode = settings.mode();
		this.channel = schema.channel("wakeup");
		this.sender = new WakeupSender(database, this.channel, this.instance, settings.maxGap(),
				this::instancesHeardLately, listener::probe);
		// On the listener's own thread: handlers of wake-ups only take note
		this.listening = listener.listen(this.channel, new Receiver(), Runnable::run);
	}

	@Override
	public void send(String topic, Wakeup wakeup) {
		this.local.send(topic, wakeup);
		if (this.mode == WakeupMode.AFTER_COMMIT) {
			this.sender.offer(topic, wakeup);
		}
	}

	@Override
	public void sendAfterCommit(String topic, Wakeup wakeup) {
		inTransaction().add(topic, wakeup);
	}

	@Override
	public void joinTransaction() {
		inTransaction();
	}

	private TransactionWakeups inTransaction() {
		return TransactionWakeups.current(this.carrier);
	}

	@Override
	public boolean isTransactionRequired() {
		return this.mode == WakeupMode.IN_TRANSACTION;
	}

	/**
	 * Return whether a NOTIFY in a transaction would fail its commit. The other instances
	 * poll fast then.
	 */
	private boolean isQueueFull() {
		return this.listener.state().status() == Status.QUEUE_FULL;
	}

	@Override
	public void announce(Connection connection, String topic, Collection<Wakeup> wakeups) throws SQLException {
		WakeupBatch batch = new WakeupBatch();
		wakeups.forEach((wakeup) -> batch.add(topic, wakeup));
		if (!batch.isEmpty() && !isQueueFull()) {
			WakeupSender.notify(connection, this.channel, WakeupCodec.encode(this.instance, batch));
		}
	}

	@Override
	public Subscription subscribe(String topic, WakeupHandler handler) {
		return this.local.subscribe(topic, handler);
	}

	private void heardFrom(String sender) {
		this.heard.put(sender, System.nanoTime());
		if (this.heard.size() > MANY_INSTANCES) {
			forgetOld();
		}
	}

	private int instancesHeardLately() {
		forgetOld();
		return Math.max(1, this.heard.size());
	}

	private void forgetOld() {
		long now = System.nanoTime();
		this.heard.values().removeIf((time) -> now - time > LATELY.toNanos());
	}

	@Override
	public void close() {
		this.listening.cancel();
		this.sender.close();
	}

	private final class TransactionCarrier implements TransactionWakeups.Carrier {

		@Override
		public void beforeCommit(WakeupBatch batch) {
			if (isTransactionRequired() && !isQueueFull()) {
				List<String> payloads = WakeupCodec.encode(PostgresWakeups.this.instance, batch);
				PostgresWakeups.this.database.execute("send wake-ups in the transaction", (connection, joined) -> {
					WakeupSender.notify(connection, PostgresWakeups.this.channel, payloads);
					return payloads;
				});
			}
		}

		@Override
		public void afterCommit(WakeupBatch batch) {
			PostgresWakeups.this.local.send(batch);
			if (PostgresWakeups.this.mode == WakeupMode.AFTER_COMMIT) {
				PostgresWakeups.this.sender.offer(batch);
			}
		}

		@Override
		public void behindCommit(WakeupBatch batch) {
			PostgresWakeups.this.local.send(batch);
			if (PostgresWakeups.this.mode != WakeupMode.NONE) {
				PostgresWakeups.this.sender.offer(batch);
			}
		}

		@Override
		public void commitLate() {
			// In afterCompletion: turns autocommit on, which commits
			PostgresWakeups.this.database.execute("commit behind the commit", (connection, joined) -> joined);
		}

	}

	private final class Receiver implements ChannelHandler {

		@Override
		public void onNotification(String payload) {
			Decoded decoded = WakeupCodec.decode(payload);
			if (decoded.sender().equals(PostgresWakeups.this.instance)) {
				return;
			}
			heardFrom(decoded.sender());
			LocalWakeups local = PostgresWakeups.this.local;
			if (decoded.topic() == null) {
				local.resyncAll();
			}
			else if (decoded.wakeups() == null) {
				local.resync(decoded.topic());
			}
			else {
				decoded.wakeups().forEach((wakeup) -> local.send(decoded.topic(), wakeup));
			}
		}

		@Override
		public void onResync() {
			PostgresWakeups.this.local.resyncAll();
		}

	}

}
