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

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

import io.durablenotify.database.SqlErrors;
import io.durablenotify.listener.ListenerProperties.Probe;
import io.durablenotify.listener.ListenerState.ProbeOutcome;
import org.jspecify.annotations.Nullable;

/**
 * Schedules liveness probes for the LISTEN connection and evaluates the result. A
 * notification from any backend but our own proves hearing as well as the probe's does
 * and puts the next probe off: N idle instances cost one probe per interval, not N. Not
 * thread-safe: owned by the listener's thread. Times are those of
 * {@link System#nanoTime()}.
 */
final class HearingProbe {

	private static final int NOT_HEARD_UNTIL_DEAF = 2;

	/**
	 * How long after a probe that met a full queue the next one is due.
	 */
	private static final Duration QUEUE_FULL_INTERVAL = Duration.ofSeconds(1);

	private final Probe properties;

	private final Supplier<CompletableFuture<Long>> sender;

	private long dueAt;

	private @Nullable CompletableFuture<Long> inFlight;

	private int notHeard;

	private boolean queueFull;

	HearingProbe(Probe properties, Supplier<CompletableFuture<Long>> sender, long now) {
		this.properties = properties;
		this.sender = sender;
		this.dueAt = now;
	}

	boolean isDue(long now) {
		return this.inFlight == null && now - this.dueAt >= 0;
	}

	/**
	 * Return the time until a probe is due. While one is in flight, none is before its
	 * timeout.
	 */
	Duration untilDue(long now) {
		long nanos = (this.inFlight == null) ? this.dueAt - now : this.properties.timeout().toNanos();
		return Duration.ofNanos(Math.max(0, nanos));
	}

	/**
	 * Have the next one due at once.
	 */
	void hurry(long now) {
		this.dueAt = now;
	}

	void send() {
		this.inFlight = this.sender.get();
	}

	/**
	 * A notification from another backend was received.
	 * @return whether a probe was in flight
	 */
	boolean heard(long now) {
		boolean inFlight = this.inFlight != null;
		this.inFlight = null;
		this.notHeard = 0;
		this.queueFull = false;
		putOff(now);
		return inFlight;
	}

	/**
	 * Return the outcome of the probe in flight, once.
	 * @return the outcome, or {@code null} if it is not known yet or none is in flight
	 */
	@Nullable ProbeOutcome outcome(long now) {
		CompletableFuture<Long> sent = this.inFlight;
		if (sent == null || !sent.isDone()) {
			return null;
		}
		if (sent.isCompletedExceptionally()) {
			this.inFlight = null;
			this.queueFull = SqlErrors.isNotificationQueueFull(sent.handle((sentAt, failure) -> failure).join());
			putOff(now);
			return ProbeOutcome.NOT_SENT;
		}
		if (now - sent.join() < this.properties.timeout().toNanos()) {
			return null;
		}
		this.inFlight = null;
		this.notHeard++;
		this.dueAt = now;
		return ProbeOutcome.NOT_HEARD;
	}

	/**
	 * Return whether the last probe met a full queue.
	 */
	boolean isQueueFull() {
		return this.queueFull;
	}

	boolean isDeaf() {
		return this.notHeard >= NOT_HEARD_UNTIL_DEAF;
	}

	private void putOff(long now) {
		Duration interval = this.properties.interval();
		if (this.queueFull && interval.compareTo(QUEUE_FULL_INTERVAL) > 0) {
			interval = QUEUE_FULL_INTERVAL;
		}
		this.dueAt = now + Durations.jittered(interval).toNanos();
	}

}
