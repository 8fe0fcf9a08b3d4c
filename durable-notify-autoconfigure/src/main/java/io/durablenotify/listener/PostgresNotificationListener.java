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

import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;

import io.durablenotify.Subscription;
import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.loop.WorkerThread;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Spelling;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.listener.ListenerState.StatusChange;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;
import org.springframework.dao.DataAccessException;
import org.springframework.util.Assert;

/**
 * Starts and stops {@link ListenerRun}s, at most one at a time.
 */
final class PostgresNotificationListener implements NotificationListener, SmartLifecycle, AutoCloseable {

	private static final Log logger = LogFactory.getLog(NotificationListener.class);

	/**
	 * How long stop() waits for the thread, which normally ends at once. A connect in
	 * flight is not waited for: its connection is closed as soon as it exists.
	 */
	private static final Duration STOP_TIMEOUT = Duration.ofSeconds(1);

	private final ListenerProperties properties;

	private final String applicationName;

	private final ListenerConnectionDetails details;

	private final ApplicationDatabase database;

	private final Executor handlerExecutor;

	private final NotificationChannels channels = new NotificationChannels();

	private final ListenerStateHolder state;

	private final ListenerMeasures measures;

	private final WorkerThread probeThread = new WorkerThread("durable-notify-probe");

	private final ProbeSender probeSender;

	/**
	 * Guards {@link #run} and {@link #thread}.
	 */
	private final Object lifecycle = new Object();

	private @Nullable ListenerRun run;

	private @Nullable Thread thread;

	PostgresNotificationListener(ListenerProperties properties, String applicationName,
			ListenerConnectionDetails details, ApplicationDatabase database, Executor handlerExecutor,
			ListenerMeasures measures, Clock clock) {
		this.properties = properties;
		this.applicationName = applicationName;
		this.details = details;
		this.database = database;
		this.handlerExecutor = handlerExecutor;
		this.state = new ListenerStateHolder(clock, (properties.enabled()) ? Status.STOPPED : Status.DISABLED);
		this.measures = measures;
		this.probeSender = new ProbeSender(database, this.probeThread, measures.probeChannel(), measures.probe());
		// A registration like any other, so that no user's can end the LISTEN on it
		this.channels.add(measures.probeChannel(), new ProbeHandler(this.probeSender, this.state), Runnable::run);
	}

	@Override
	public ListenerState state() {
		return this.state.get();
	}

	@Override
	public Subscription listen(String channel, ChannelHandler handler) {
		return listen(channel, handler, this.handlerExecutor);
	}

	@Override
	public Subscription listen(String channel, ChannelHandler handler, Executor executor) {
		Assert.notNull(channel, "'channel' must not be null");
		requireSpellable(channel);
		return this.channels.add(channel, handler, executor);
	}

	private void requireSpellable(String channel) {
		if (Spelling.isPlain(channel)) {
			return;
		}
		try {
			boolean possible = this.database.executeReading("check the name of a channel",
					(connection, joined) -> Spelling.isPossible(connection, channel));
			Assert.isTrue(possible,
					() -> "Channel name '%s' has characters that the database's encoding lacks".formatted(channel));
		}
		catch (DataAccessException ex) {
			logger.debug("The connection that listens finds out whether the channel's name can be spelled", ex);
		}
	}

	@Override
	public void probe() {
		this.probeSender.request();
	}

	@Override
	public void reconnect() {
		ListenerRun run;
		synchronized (this.lifecycle) {
			run = this.run;
		}
		if (run != null) {
			run.reconnect();
		}
	}

	@Override
	public List<StatusChange> history() {
		return this.state.history();
	}

	@Override
	public Map<String, Integer> channels() {
		return this.channels.counts();
	}

	@Override
	public void start() {
		ListenerRun started;
		synchronized (this.lifecycle) {
			if (!this.properties.enabled() || this.run != null) {
				return;
			}
			started = new ListenerRun(this.properties, this.applicationName, this.details, this.channels,
					this.probeSender, this.state, this.measures);
			Thread thread = new DaemonThreadFactory("durable-notify-listener").newThread(started);
			this.state.started();
			try {
				thread.start();
			}
			catch (Throwable ex) {
				this.state.stopped();
				throw ex;
			}
			this.run = started;
			this.thread = thread;
		}
		if (this.properties.failFast()) {
			requireFirstConnect(started);
		}
	}

	private void requireFirstConnect(ListenerRun started) {
		try {
			started.firstConnect().join();
		}
		catch (CancellationException ex) {
			// Stopped before that
		}
		catch (CompletionException ex) {
			stop();
			throw (ex.getCause() instanceof ListenerException failure) ? failure : ex;
		}
	}

	@Override
	public void stop() {
		ListenerRun run;
		Thread stopping;
		synchronized (this.lifecycle) {
			run = this.run;
			if (run == null) {
				return;
			}
			run.stop();
			stopping = this.thread;
			this.run = null;
			this.thread = null;
			this.state.stopped();
		}
		// Without the lock, for which others would wait
		run.closeConnection();
		try {
			if (stopping != null) {
				stopping.join(STOP_TIMEOUT.toMillis());
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	@Override
	public boolean isRunning() {
		synchronized (this.lifecycle) {
			return this.run != null;
		}
	}

	@Override
	public int getPhase() {
		return PHASE;
	}

	@Override
	public void close() {
		stop();
		this.channels.close();
		this.probeThread.close();
	}

	/**
	 * A probe needs nothing but the arrival of a notification.
	 */
	private static final class ProbeHandler implements ChannelHandler {

		private final ProbeSender sender;

		private final ListenerStateHolder state;

		private ProbeHandler(ProbeSender sender, ListenerStateHolder state) {
			this.sender = sender;
			this.state = state;
		}

		@Override
		public void onNotification(String payload) {
			Duration took = this.sender.received(payload);
			if (took != null) {
				this.state.probeTook(took);
			}
		}

		@Override
		public void onResync() {
		}

	}

}
