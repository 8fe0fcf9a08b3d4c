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

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;

import io.durablenotify.delivery.SerialTask;
import io.durablenotify.delivery.WorkerThread;
import io.durablenotify.jdbc.ApplicationDatabase;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.dao.DataAccessException;

/**
 * Sends wake-ups to other instances, from a thread and a connection of its own, many in
 * one NOTIFY, and paced by what a NOTIFY costs: PostgreSQL up to 18 signals every
 * listening backend of the database for each one (15 to 21 µs of server time per
 * listener, measured on PostgreSQL 15). Idle, it sends at once.
 */
final class WakeupSender implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(Wakeups.class);

	/**
	 * The share of time that the server may spend on our NOTIFYs is one over this plus
	 * one.
	 */
	private static final int PAUSE_PER_INSTANCE = 4;

	private static final Duration FIRST_RETRY = Duration.ofMillis(100);

	private static final Duration LAST_RETRY = Duration.ofSeconds(5);

	private final ApplicationDatabase database;

	private final String channel;

	private final String sender;

	private final Duration maxGap;

	private final IntSupplier instances;

	private final WorkerThread thread = new WorkerThread("durable-notify-wakeup");

	private final SerialTask task = new SerialTask(this.thread, this::send);

	/**
	 * Guarded by {@code this}.
	 */
	private WakeupBatch pending = new WakeupBatch();

	/**
	 * Owned by the sender's thread.
	 */
	private Duration retry = Duration.ZERO;

	WakeupSender(ApplicationDatabase database, String channel, String sender, Duration maxGap, IntSupplier instances) {
		this.database = database;
		this.channel = channel;
		this.sender = sender;
		this.maxGap = maxGap;
		this.instances = instances;
	}

	void offer(String topic, Wakeup wakeup) {
		synchronized (this) {
			this.pending.add(topic, wakeup);
		}
		this.task.signal();
	}

	void offer(WakeupBatch batch) {
		synchronized (this) {
			this.pending.addAll(batch);
		}
		this.task.signal();
	}

	private void send() {
		WakeupBatch batch;
		synchronized (this) {
			batch = this.pending;
			this.pending = new WakeupBatch();
		}
		if (batch.isEmpty()) {
			return;
		}
		try {
			Duration cost = notify(WakeupCodec.encode(this.sender, batch));
			succeeded();
			pause(gapAfter(cost));
		}
		catch (DataAccessException ex) {
			failed(ex);
			offer(batch);
			pause(this.retry);
		}
	}

	private Duration notify(List<String> payloads) {
		return this.database.executeApart("send wake-ups", (connection, joined) -> {
			long start = System.nanoTime();
			notify(connection, this.channel, payloads);
			return Duration.ofNanos(System.nanoTime() - start);
		});
	}

	static void notify(Connection connection, String channel, List<String> payloads) throws SQLException {
		try (PreparedStatement statement = connection
			.prepareStatement("SELECT pg_notify(?, payload) FROM unnest(?::text[]) AS payload")) {
			statement.setString(1, channel);
			statement.setObject(2, payloads.toArray(String[]::new));
			statement.execute();
		}
	}

	private Duration gapAfter(Duration cost) {
		Duration gap = cost.multipliedBy((long) PAUSE_PER_INSTANCE * this.instances.getAsInt());
		return (gap.compareTo(this.maxGap) < 0) ? gap : this.maxGap;
	}

	private void succeeded() {
		if (!this.retry.isZero()) {
			logger.info("Wake-ups are sent again");
			this.retry = Duration.ZERO;
		}
	}

	private void failed(DataAccessException exception) {
		if (this.retry.isZero()) {
			logger.warn("Wake-ups cannot be sent; readers in other instances rely on their poll: "
					+ exception.getMostSpecificCause().getMessage());
			this.retry = FIRST_RETRY;
		}
		else {
			Duration doubled = this.retry.multipliedBy(2);
			this.retry = (doubled.compareTo(LAST_RETRY) < 0) ? doubled : LAST_RETRY;
		}
	}

	private static void pause(Duration duration) {
		try {
			TimeUnit.NANOSECONDS.sleep(duration.toNanos());
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Override
	public void close() {
		this.thread.close();
	}

}
