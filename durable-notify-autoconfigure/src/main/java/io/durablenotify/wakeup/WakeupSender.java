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
import java.util.function.Function;
import java.util.function.IntSupplier;

import io.durablenotify.wakeup.WakeupMeasures.Sending;
import io.durablenotify.wakeup.WakeupMeasures.ResyncCause;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.loop.DebugLine;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.database.ApplicationDatabase;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Sends wake-ups to other instances on a separate thread and connection, many in one
 * NOTIFY. They are paced by what a NOTIFY costs: PostgreSQL up to 18 signals every
 * listening backend of the database for each one (15 to 21 µs of server time per
 * listener, measured on PostgreSQL 15). Idle, it sends at once.
 */
final class WakeupSender implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(Wakeups.class);

	/**
	 * The share of time that the server may spend on our NOTIFYs is one over this plus
	 * one. Writers lose more than that, since listeners wake up too: with 4, sixteen of
	 * them lost a fifth of their throughput, and a single one loses a tenth with 15.
	 */
	private static final int MAX_PAUSE_PER_INSTANCE = 30;

	/**
	 * The same for each write that a NOTIFY carries. Where writes are few it pauses no
	 * longer than that: there is nothing to gather, and the next one would be late.
	 */
	private static final int PAUSE_PER_WRITE = 8;

	/**
	 * How long closing waits for what is still to be sent.
	 */
	private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(1);

	private static final String NOTIFY = "SELECT pg_notify(?, payload) FROM unnest(?::text[]) AS payload";

	/**
	 * A fifth less time for what nearly always is one payload.
	 */
	private static final String NOTIFY_ONE = "SELECT pg_notify(?, ?)";

	private final ApplicationDatabase database;

	private final String channel;

	private final String sender;

	private final Duration maxGap;

	private final IntSupplier instances;

	/**
	 * Called when wake-ups could not be sent.
	 */
	private final Runnable failed;

	private final WakeupMeasures measures;

	private final BackgroundLoop loop;

	/**
	 * Owned by the sender's thread.
	 */
	private final RecentMinimum cost = new RecentMinimum();

	/**
	 * Whether the last attempt has failed. Owned by the sender's thread.
	 */
	private boolean resending;

	/**
	 * The pause after the last notification. Written by the sender's thread.
	 */
	private volatile Pause pause = new Pause(Duration.ZERO, System.nanoTime());

	/**
	 * Guarded by {@code this}.
	 */
	private WakeupBatch pending = new WakeupBatch();

	/**
	 * How many writes are in it. Guarded by {@code this}.
	 */
	private int writes;

	WakeupSender(ApplicationDatabase database, String channel, String sender, Duration maxGap, IntSupplier instances,
			Runnable failed, WakeupMeasures measures) {
		this(database, channel, sender, maxGap, instances, failed, measures,
				(step) -> new BackgroundLoop("durable-notify-wakeup",
						new FailureLog(logger,
								"Failed to send wake-ups, for which other instances wait until they poll",
								"Wake-ups are sent again"),
						step));
	}

	WakeupSender(ApplicationDatabase database, String channel, String sender, Duration maxGap, IntSupplier instances,
			Runnable failed, WakeupMeasures measures, Function<Step, BackgroundLoop> loop) {
		this.database = database;
		this.channel = channel;
		this.sender = sender;
		this.maxGap = maxGap;
		this.instances = instances;
		this.failed = failed;
		this.measures = measures;
		this.loop = loop.apply(this::send);
	}

	void offer(String topic, Wakeup wakeup) {
		synchronized (this) {
			this.pending.add(topic, wakeup);
			this.writes++;
		}
		signal();
	}

	void offer(WakeupBatch batch) {
		synchronized (this) {
			this.pending.addAll(batch);
			this.writes++;
		}
		signal();
	}

	/**
	 * What the wake-ups are about is committed, and must not count as failed.
	 */
	private void signal() {
		try {
			this.loop.signal();
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "No thread to send wake-ups; they are sent with the next one", ex);
		}
	}

	private Next send() {
		WakeupBatch batch;
		int writes;
		synchronized (this) {
			batch = this.pending;
			writes = this.writes;
			this.pending = new WakeupBatch();
			this.writes = 0;
		}
		if (batch.isEmpty()) {
			return Next.IDLE;
		}
		long start = System.nanoTime();
		try {
			List<String> payloads = WakeupCodec.encode(this.sender, batch);
			countOverflows(payloads);
			long cost = notify(payloads);
			this.resending = false;
			this.cost.add(cost);
			this.measures.notifications().of(Sending.SENT).record(cost);
			this.measures.batch().record(writes);
			Duration gap = gap(this.cost.get(), writes, this.instances.getAsInt(), this.maxGap);
			this.pause = new Pause(gap, System.nanoTime());
			return Next.pause(gap);
		}
		catch (Throwable ex) {
			this.measures.notifications().of(Sending.FAILED).record(System.nanoTime() - start);
			if (!this.loop.isClosing()) {
				// Also when only one of them was wrong: the other instances have to fetch
				this.resending = true;
				this.measures.resyncs().of(ResyncCause.FAILED).increment();
				offer(batch.toResyncs());
				this.failed.run();
			}
			throw ex;
		}
	}

	/**
	 * A resync that follows a failure is no overflow.
	 */
	private void countOverflows(List<String> payloads) {
		if (!this.resending) {
			this.measures.resyncs()
				.of(ResyncCause.OVERFLOW)
				.add(payloads.stream().filter(WakeupCodec::isResync).count());
		}
	}

	/**
	 * Return how long a wake-up waits at most that is sent now.
	 */
	Duration pauseInForce() {
		Pause pause = this.pause;
		return (System.nanoTime() - pause.since() < pause.length().toNanos()) ? pause.length() : Duration.ZERO;
	}

	/**
	 * Return how long it took, in nanoseconds.
	 */
	private long notify(List<String> payloads) {
		return this.database.executeSeparately("send wake-ups", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> {
					DebugLine line = DebugLine.start(logger);
					long start = System.nanoTime();
					notify(connection, this.channel, payloads);
					line.write(() -> "Sent %d notification(s)".formatted(payloads.size()));
					return System.nanoTime() - start;
				});
	}

	static void notify(Connection connection, String channel, List<String> payloads) throws SQLException {
		boolean one = payloads.size() == 1;
		try (PreparedStatement statement = connection.prepareStatement((one) ? NOTIFY_ONE : NOTIFY)) {
			statement.setString(1, channel);
			statement.setObject(2, (one) ? payloads.get(0) : payloads.toArray(String[]::new));
			statement.executeQuery();
		}
	}

	/**
	 * Return for how long nothing is sent.
	 * @param nanos what a NOTIFY takes
	 * @param writes how many writes the last one carried
	 */
	static Duration gap(long nanos, int writes, int instances, Duration maxGap) {
		long perInstance = Math.min(MAX_PAUSE_PER_INSTANCE, (long) PAUSE_PER_WRITE * writes);
		Duration gap = Duration.ofNanos(nanos * perInstance * instances);
		return (gap.compareTo(maxGap) < 0) ? gap : maxGap;
	}

	/**
	 * Send what is left, which is often that streams ended, and stop.
	 */
	@Override
	public void close() {
		this.loop.finish(CLOSE_TIMEOUT);
	}

	/**
	 * A pause after a notification.
	 */
	private record Pause(Duration length, long since) {
	}

}
