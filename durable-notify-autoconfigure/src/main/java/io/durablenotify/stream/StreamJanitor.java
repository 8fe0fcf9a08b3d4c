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

package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

import io.durablenotify.delivery.Outage;
import io.durablenotify.delivery.SerialTask;
import io.durablenotify.delivery.WorkerThread;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.stream.StreamCleanup.Slice;
import io.durablenotify.stream.StreamWrites.Written;
import io.durablenotify.wakeup.Wakeup;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;

/**
 * Cleans up about once a minute, and slice after slice while there is more. Has no thread
 * between, and rests after a slice for as long as that took, so that it is never at work
 * for more than half of the time. Tells readers of the streams that it has deleted.
 */
final class StreamJanitor implements SmartLifecycle, AutoCloseable {

	private static final Log logger = LogFactory.getLog(StreamWriter.class);

	static final Duration INTERVAL = Duration.ofMinutes(1);

	private static final int TURNS_PER_LOOK_AT_ALL = 60;

	private final ApplicationDatabase database;

	private final StreamCleanup cleanup;

	private final StreamWrites writes;

	private final StreamRetention retention;

	private final Duration interval;

	private final WorkerThread thread = new WorkerThread("durable-notify-janitor");

	private final SerialTask task = new SerialTask(this.thread, this::run);

	/**
	 * Owned by the cleaning thread, like what follows.
	 */
	private final Outage outage = new Outage(logger, "Deleted and expired streams cannot be cleaned up for now",
			"Deleted and expired streams are cleaned up again");

	private long after;

	/**
	 * The turns since the last look at all streams: of what has ended long ago, most has
	 * to be kept.
	 */
	private int turns;

	/**
	 * Guards {@link #running} and {@link #pause}.
	 */
	private final Object lifecycle = new Object();

	private boolean running;

	private @Nullable CompletableFuture<Void> pause;

	StreamJanitor(ApplicationDatabase database, StreamCleanup cleanup, StreamWrites writes, StreamRetention retention,
			Duration interval) {
		this.database = database;
		this.cleanup = cleanup;
		this.writes = writes;
		this.retention = retention;
		this.interval = interval;
	}

	/**
	 * Take a turn soon, regardless of the interval.
	 */
	void wake() {
		this.task.signal();
	}

	private void run() {
		if (!isRunning()) {
			return;
		}
		long start = System.nanoTime();
		boolean more = false;
		try {
			Slice slice = clean();
			this.after = slice.after();
			more = slice.more();
			this.turns = (more) ? this.turns : (this.turns + 1) % TURNS_PER_LOOK_AT_ALL;
			this.outage.succeeded();
		}
		catch (Throwable ex) {
			this.turns = 0;
			if (isRunning()) {
				this.outage.failed(ex);
			}
		}
		pause((more) ? Duration.ofNanos(System.nanoTime() - start) : jittered());
	}

	private Slice clean() {
		return this.database.executeApart("clean up streams", ApplicationDatabase.PATIENCE,
				(connection, joined) -> this.writes.run(connection, joined, this::clean));
	}

	private Written<Slice> clean(Connection connection, boolean joined) throws SQLException {
		Slice slice = this.cleanup.clean(connection, this.retention, this.turns == 0, this.after);
		return new Written<>(slice, slice.deleted().stream().map(Wakeup::deleted).toList());
	}

	/**
	 * Only ever shorter: the interval is what users were promised.
	 */
	private Duration jittered() {
		return Duration.ofMillis((long) (this.interval.toMillis() * ThreadLocalRandom.current().nextDouble(0.5, 1)));
	}

	private void pause(Duration duration) {
		synchronized (this.lifecycle) {
			cancelPause();
			if (this.running) {
				CompletableFuture<Void> pause = new CompletableFuture<Void>().completeOnTimeout(null,
						duration.toNanos(), TimeUnit.NANOSECONDS);
				pause.thenRun(this::wake);
				this.pause = pause;
			}
		}
	}

	private void cancelPause() {
		if (this.pause != null) {
			this.pause.cancel(false);
			this.pause = null;
		}
	}

	/**
	 * Instances that start together have their first turns at different times.
	 */
	@Override
	public void start() {
		synchronized (this.lifecycle) {
			this.running = true;
		}
		pause(jittered());
	}

	@Override
	public void stop() {
		synchronized (this.lifecycle) {
			this.running = false;
			cancelPause();
		}
	}

	@Override
	public boolean isRunning() {
		synchronized (this.lifecycle) {
			return this.running;
		}
	}

	@Override
	public void close() {
		stop();
		this.thread.close();
	}

}
