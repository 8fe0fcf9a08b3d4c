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

package io.durablenotify.channel;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import io.durablenotify.channel.ChannelSql.Received;
import io.durablenotify.channel.DirectWaits.Wait;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.SerialTask;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Receives messages of addresses, and waits for them.
 */
final class DirectReceiver {

	private static final String TASK = "receive a message";

	private static final Log logger = LogFactory.getLog(DurableChannels.class);

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final DirectWaits waits;

	private final Executor executor;

	DirectReceiver(ApplicationDatabase database, ChannelSql sql, DirectWaits waits, Executor executor) {
		this.database = database;
		this.sql = sql;
		this.waits = waits;
		this.executor = executor;
	}

	/**
	 * Look for a message until there is one, or the time is over.
	 * @param fetch returns a message, if there is one
	 * @return what was fetched last
	 */
	<T, E extends Exception> Optional<T> await(DirectAddress address, Duration timeout, Fetch<T, E> fetch) throws E {
		long start = System.nanoTime();
		Semaphore woken = new Semaphore(0);
		Wait wait = this.waits.register(address, woken::release);
		try {
			while (true) {
				Optional<T> fetched = fetch.run();
				if (fetched.isPresent() || !awaitWakeup(woken, timeout.toNanos() - (System.nanoTime() - start))) {
					return fetched;
				}
			}
		}
		finally {
			wait.end();
		}
	}

	/**
	 * Wait for a wake-up since the last one, also if it came before this call.
	 * @return false if the time is over, or waits end
	 */
	private boolean awaitWakeup(Semaphore woken, long nanos) {
		try {
			if (nanos <= 0 || this.waits.isStopped() || !woken.tryAcquire(nanos, TimeUnit.NANOSECONDS)) {
				return false;
			}
			woken.drainPermits();
			return true;
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
			return false;
		}
	}

	/**
	 * Remove the next message of an address, in the caller's transaction where there is
	 * one.
	 */
	Optional<Received> fetch(DirectAddress address) {
		return (this.database.isInTransaction())
				? this.database.execute(TASK, (connection, joined) -> this.sql.receive(connection, address, joined))
				: fetchSeparately(address);
	}

	/**
	 * Remove the next message of an address in the caller's transaction.
	 * @throws IllegalStateException if there is none on our DataSource
	 */
	Optional<Received> fetchInTransaction(DirectAddress address) {
		return this.database.execute(TASK, (connection, joined) -> {
			if (!joined) {
				throw new IllegalStateException(
						"A message is handled in a transaction of the DataSource that durable-notify uses");
			}
			return this.sql.receive(connection, address, true);
		});
	}

	private Optional<Received> fetchSeparately(DirectAddress address) {
		return this.database.executeSeparately(TASK, ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
			try {
				return this.sql.receive(connection, address, false);
			}
			catch (SQLException ex) {
				if (SqlErrors.isSerializationFailure(ex)) {
					// Where that is the default isolation: another has received it
					return Optional.empty();
				}
				throw ex;
			}
		});
	}

	/**
	 * Return whether a call waits for messages of an address.
	 */
	boolean isAwaited(DirectAddress address) {
		return this.waits.isAwaited(address);
	}

	/**
	 * Receive without waiting.
	 */
	CompletableFuture<Optional<Message>> receiveAsync(DirectAddress address, Duration timeout,
			Function<Received, Message> decode) {
		return new Waiting(address, decode).begin(timeout);
	}

	/**
	 * Looks for a message.
	 *
	 * @param <T> the type of what is found
	 * @param <E> what it may fail with
	 */
	@FunctionalInterface
	interface Fetch<T, E extends Exception> {

		Optional<T> run() throws E;

	}

	/**
	 * A call that waits without a thread.
	 */
	private final class Waiting {

		private final DirectAddress address;

		private final Function<Received, Message> decode;

		private final CompletableFuture<Optional<Message>> future = new CompletableFuture<>();

		private final SerialTask task = new SerialTask(DirectReceiver.this.executor, this::run,
				() -> !this.future.isDone());

		private volatile boolean expired;

		private Waiting(DirectAddress address, Function<Received, Message> decode) {
			this.address = address;
			this.decode = decode;
		}

		private CompletableFuture<Optional<Message>> begin(Duration timeout) {
			Wait wait = DirectReceiver.this.waits.register(this.address, this.task::signal);
			Future<?> timer = Delays.ofJvm().after(timeout, this::expire);
			this.future.whenComplete((message, failure) -> {
				wait.end();
				timer.cancel(false);
			});
			this.task.signal();
			return this.future;
		}

		private void expire() {
			this.expired = true;
			this.task.signal();
		}

		private void run() {
			if (this.future.isDone()) {
				return;
			}
			// Before it looks: the last look comes after the end
			boolean last = this.expired || DirectReceiver.this.waits.isStopped();
			try {
				Optional<Received> received = fetchSeparately(this.address);
				if ((received.isPresent() || last) && !this.future.complete(received.map(this.decode))) {
					received.ifPresent(this::putBack);
				}
			}
			catch (Throwable ex) {
				if (!this.future.completeExceptionally(ex)) {
					logger.warn("A message for a caller that does not wait any more could not be put back", ex);
				}
			}
		}

		private void putBack(Received received) {
			DirectReceiver.this.database.executeSeparately("put a message back", (connection, joined) -> {
				DirectReceiver.this.sql.putBack(connection, this.address, received);
				return received;
			});
		}

	}

}
