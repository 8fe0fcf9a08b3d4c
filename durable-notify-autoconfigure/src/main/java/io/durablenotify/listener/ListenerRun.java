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

import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import io.durablenotify.loop.Delays;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.DriverConnectionDetails;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.listener.ListenerException.Problem;
import io.durablenotify.listener.ListenerMeasures.Attempt;
import io.durablenotify.listener.ListenerState.Status;
import org.jspecify.annotations.Nullable;

import org.springframework.util.backoff.BackOffExecution;
import org.springframework.util.backoff.ExponentialBackOff;

/**
 * The listener's thread between a start and a stop: one connection after the other, with
 * growing delays between them.
 */
final class ListenerRun implements Runnable {

	private final ListenerProperties properties;

	private final String applicationName;

	private final ListenerConnectionDetails details;

	private final NotificationChannels channels;

	private final ProbeSender probeSender;

	private final ListenerStateHolder state;

	private final ListenerMeasures measures;

	private final ExponentialBackOff backOff;

	private final CompletableFuture<Void> firstConnect = new CompletableFuture<>();

	private final CountDownLatch stopped = new CountDownLatch(1);

	/**
	 * Ends a delay between two attempts.
	 */
	private final Semaphore hurry = new Semaphore(0);

	private volatile boolean reconnectRequested;

	private final long begunAt = System.nanoTime();

	/**
	 * Guarded by {@code this}. So a stop closes the connection that there is or will be,
	 * though not while the lock is held. So are changes of the state: none comes after
	 * stop() has returned, when another run may have begun.
	 */
	private @Nullable ListenerConnection connection;

	ListenerRun(ListenerProperties properties, String applicationName, ListenerConnectionDetails details,
			NotificationChannels channels, ProbeSender probeSender, ListenerStateHolder state,
			ListenerMeasures measures) {
		this.properties = properties;
		this.applicationName = applicationName;
		this.details = details;
		this.channels = channels;
		this.probeSender = probeSender;
		this.state = state;
		this.measures = measures;
		this.backOff = new ExponentialBackOff(properties.backoff().delay().toMillis(),
				properties.backoff().multiplier());
		this.backOff.setMaxInterval(properties.backoff().maxDelay().toMillis());
		this.backOff.setJitter(properties.backoff().jitter().toMillis());
	}

	/**
	 * Return how the first connect ended.
	 * @return completed when listening, failed with a {@link ListenerException}, or
	 * cancelled by a stop
	 */
	CompletableFuture<Void> firstConnect() {
		return this.firstConnect;
	}

	/**
	 * Begin to end the run, in any state. To be followed by {@link #closeConnection()}.
	 * Does not wait for it.
	 */
	void stop() {
		synchronized (this) {
			this.stopped.countDown();
		}
		this.hurry.release();
		this.firstConnect.cancel(false);
	}

	/**
	 * Make another connection, without a delay. Talks to the server.
	 */
	void reconnect() {
		ListenerConnection connection = connection();
		if (connection != null && !connection.isClosed()) {
			// One that is being made is a new one already
			this.reconnectRequested = true;
		}
		this.hurry.release();
		if (connection != null) {
			connection.close();
		}
	}

	/**
	 * Close the connection that the run waits on, if there is one. Talks to the server.
	 */
	void closeConnection() {
		ListenerConnection connection = connection();
		if (connection != null) {
			connection.close();
		}
	}

	private synchronized @Nullable ListenerConnection connection() {
		return this.connection;
	}

	private boolean isStopped() {
		return this.stopped.getCount() == 0;
	}

	@Override
	public void run() {
		BackOffExecution delays = this.backOff.start();
		while (!isStopped()) {
			this.reconnectRequested = false;
			long establishedAt = 0;
			DriverConnectionDetails details = null;
			try {
				details = this.details.getDriverConnectionDetails();
				try (ListenerConnection connection = open(details)) {
					ListenerSession session = new ListenerSession(connection, this.channels, this.probeSender,
							this.state, this::change, this.measures, this.properties.probe());
					watch(connection, session);
					session.establish(this::isStopped);
					establishedAt = System.nanoTime();
					listening(details);
					while (!isStopped()) {
						session.step();
					}
				}
			}
			catch (Throwable ex) {
				noteFailure(ex, details, establishedAt != 0);
			}
			if (isHealthyPeriod(establishedAt) || this.reconnectRequested) {
				delays = this.backOff.start();
			}
			pause(delays.nextBackOff());
		}
	}

	/**
	 * Close a connection that hangs, which nothing else notices. Once a message has
	 * begun, the driver waits for the rest of it without a limit.
	 */
	private void watch(ListenerConnection connection, ListenerSession session) {
		Duration limit = this.properties.connectTimeout().plus(this.properties.probe().timeout());
		Delays.ofJvm().after(limit, () -> {
			if (connection.isClosed()) {
				return;
			}
			if (session.isHangingFor(limit)) {
				connection.close();
			}
			else {
				watch(connection, session);
			}
		});
	}

	private ListenerConnection open(DriverConnectionDetails details) throws SQLException {
		ListenerConnection connection = ListenerConnection.open(details, this.properties, this.applicationName);
		boolean stopped;
		synchronized (this) {
			this.connection = connection;
			stopped = isStopped();
		}
		if (stopped) {
			connection.close();
		}
		return connection;
	}

	private synchronized void change(Runnable change) {
		if (!isStopped()) {
			change.run();
		}
	}

	private synchronized void listening(DriverConnectionDetails details) {
		if (!isStopped()) {
			this.measures.attempts().of(Attempt.CONNECTED).increment();
			this.state.listening(ListenerConnection.address(details));
			this.firstConnect.complete(null);
		}
	}

	/**
	 * Does not throw: the thread must go on, whatever has failed.
	 */
	private void noteFailure(Throwable exception, @Nullable DriverConnectionDetails details, boolean established) {
		try {
			failed(exception, details, established);
		}
		catch (Throwable unsaid) {
			// It fails when it is asked for its message, or memory is wanting for one
			try {
				failed(new ListenerException(Problem.CONNECT, exception.getClass().getName()), details, established);
			}
			catch (Throwable ex) {
				// The next failure may be said
			}
		}
	}

	private synchronized void failed(Throwable exception, @Nullable DriverConnectionDetails details,
			boolean established) {
		if (isStopped()) {
			return;
		}
		ListenerException failure = (exception instanceof ListenerException listenerException) ? listenerException
				: new ListenerException(Problem.CONNECT, (this.reconnectRequested) ? "a new connection was asked for"
						: message(exception, details, established), exception);
		if (!established) {
			this.measures.attempts().of(Attempt.FAILED).increment();
		}
		if (this.properties.failFast() && !this.firstConnect.isDone()) {
			if (isOutlasted(exception)) {
				this.state.failed(Status.BACKING_OFF, String.valueOf(failure.getMessage()));
				return;
			}
			// The caller of start() gets the failure, and nothing is tried again
			this.stopped.countDown();
		}
		else {
			this.state.failed((failure.getProblem() == Problem.DEAF) ? Status.DEAF : Status.BACKING_OFF,
					String.valueOf(failure.getMessage()));
		}
		this.firstConnect.completeExceptionally(failure);
	}

	/**
	 * Return whether the application waits at its start until the server accepts
	 * connections.
	 */
	private boolean isOutlasted(Throwable exception) {
		return SqlErrors.isTransientRefusal(exception)
				&& System.nanoTime() - this.begunAt < ApplicationDatabase.START_TIMEOUT.toNanos();
	}

	private static String message(Throwable exception, @Nullable DriverConnectionDetails details, boolean established) {
		String reason = SqlErrors.reason(exception);
		if (details == null) {
			return "no connection to the database: " + DriverConnectionDetails.maskUrl(reason);
		}
		String address = ListenerConnection.address(details);
		return "%s: %s".formatted((established) ? "lost the connection to " + address
				: "no connection to %s as user '%s'".formatted(address, details.user()), details.mask(reason));
	}

	/**
	 * Only a connection that lasted makes the next delay a short one again.
	 */
	private boolean isHealthyPeriod(long establishedAt) {
		return establishedAt != 0 && System.nanoTime() - establishedAt >= this.properties.probe().interval().toNanos();
	}

	private void pause(long millis) {
		long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
		boolean over = false;
		while (!over) {
			try {
				this.hurry.tryAcquire(end - System.nanoTime(), TimeUnit.NANOSECONDS);
				this.hurry.drainPermits();
				over = true;
			}
			catch (InterruptedException ex) {
				// Meant for a handler on this thread: a stop does not interrupt
			}
		}
	}

}
