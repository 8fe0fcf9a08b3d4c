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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

import io.durablenotify.channel.ChannelSql.Received;
import io.durablenotify.channel.DirectWaits.Wait;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.measure.Tally;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.Wakeups;

import org.springframework.transaction.support.TransactionSynchronization;

/**
 * Receives messages of addresses, and waits for them.
 */
final class DirectReceiver {

	private static final String TASK = "receive a message";

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final DirectWaits waits;

	private final Executor executor;

	private final Wakeups wakeups;

	private final Delays delays;

	private final Tally received = new Tally();

	private final ReadCommitted readCommitted = new ReadCommitted();

	DirectReceiver(ApplicationDatabase database, ChannelSql sql, DirectWaits waits, Executor executor, Wakeups wakeups,
			Delays delays) {
		this.delays = delays;
		this.database = database;
		this.sql = sql;
		this.waits = waits;
		this.executor = executor;
		this.wakeups = wakeups;
	}

	/**
	 * Return how many messages were received.
	 */
	Tally received() {
		return this.received;
	}

	/**
	 * Fetch until there is a message, or the time is over. The last fetch begins after
	 * that.
	 * @param fetch returns a message, if there is one
	 * @return what was fetched last
	 */
	<T, E extends Exception> Optional<T> await(DirectAddress address, Duration timeout, Fetch<T, E> fetch) throws E {
		long start = System.nanoTime();
		Semaphore woken = new Semaphore(0);
		Wait wait = this.waits.register(address, woken::release);
		try {
			long left = timeout.toNanos();
			while (true) {
				Optional<T> fetched = fetch.run();
				if (fetched.isPresent() || left <= 0
						|| !awaitWakeup(woken, timeout.toNanos() - (System.nanoTime() - start))) {
					return fetched;
				}
				left = timeout.toNanos() - (System.nanoTime() - start);
			}
		}
		finally {
			wait.end();
		}
	}

	/**
	 * Wait for the next wake-up, or until the time is over. It may have come before this
	 * call.
	 * @return false if waits end, or the thread was interrupted
	 */
	private boolean awaitWakeup(Semaphore woken, long nanos) {
		try {
			if (!this.waits.isStopped() && woken.tryAcquire(nanos, TimeUnit.NANOSECONDS)) {
				woken.drainPermits();
			}
			return !this.waits.isStopped();
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
		SessionWork<Optional<Received>> work = Conflicts
			.repeat((connection, joined) -> fetch(connection, address, joined));
		return (this.database.isInTransaction()) ? this.database.execute(TASK, work)
				: this.database.executeSeparately(TASK, ApplicationDatabase.SOCKET_TIMEOUT, work);
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
			return fetch(connection, address, true);
		});
	}

	private Optional<Received> fetch(Connection connection, DirectAddress address, boolean joined) throws SQLException {
		if (!joined) {
			Optional<Received> received = this.readCommitted.run(connection,
					(session, inside) -> this.sql.receive(session, address, false));
			received.ifPresent((message) -> this.received.increment());
			received.filter(Received::more).ifPresent((first) -> wakeOthers(address));
			return received;
		}
		Optional<Received> received = this.sql.receive(connection, address, true);
		if (received.isPresent()) {
			new TransactionBuffer<>(this.database, new Object(), () -> new Uncommitted(address)).current();
		}
		return received;
	}

	/**
	 * Wake the receivers of an address to which a message was sent. That is after the
	 * commit of the caller's transaction if that has stored the message, else at once.
	 */
	void sent(DirectAddress address) {
		Wakeup wakeup = Wakeup.moved(address.id(), 0);
		if (this.database.isJoined()) {
			this.wakeups.sendAfterCommit(DefaultDurableChannels.TOPIC, wakeup);
		}
		else {
			this.wakeups.send(DefaultDurableChannels.TOPIC, wakeup);
		}
	}

	/**
	 * Wake those who have found the first message locked.
	 */
	private void wakeOthers(DirectAddress address) {
		this.wakeups.send(DefaultDurableChannels.TOPIC, Wakeup.moved(address.id(), 0));
	}

	/**
	 * Make a message dead that was removed: in the caller's transaction where there is
	 * one.
	 */
	void buryRemoved(DirectAddress address, Received received, String error) {
		this.database.execute("keep a message that is dead", Conflicts.repeat((connection, joined) -> {
			this.sql.buryRemoved(connection, address, received, error);
			return joined;
		}));
	}

	/**
	 * Make a message dead whose handler has failed for good, after its rollback. Not in a
	 * transaction of the caller's, which has the message still. Others may have found it
	 * locked meanwhile.
	 */
	void bury(DirectAddress address, Received received, String error) {
		if (!this.database.isInTransaction()) {
			this.database.executeSeparately("keep a message that is dead", ApplicationDatabase.SOCKET_TIMEOUT,
					Conflicts.repeat((connection, joined) -> this.sql.bury(connection, address, received, error)));
			wakeOthers(address);
		}
	}

	/**
	 * Receive without waiting.
	 * @param decode makes a message of what was received, or throws
	 */
	CompletableFuture<Optional<Message>> receiveAsync(DirectAddress address, Duration timeout,
			Function<Received, Message> decode) {
		return new Waiting(address, decode).begin(timeout);
	}

	/**
	 * A message that a transaction has removed.
	 */
	private final class Uncommitted implements TransactionBuffer.Content {

		private final DirectAddress address;

		/**
		 * 0 once it is back, by a savepoint.
		 */
		private int removed = 1;

		private Uncommitted(DirectAddress address) {
			this.address = address;
		}

		@Override
		public int size() {
			return this.removed;
		}

		@Override
		public void truncate(int size) {
			this.removed = size;
		}

		@Override
		public void afterCompletion(int status) {
			if (status == TransactionSynchronization.STATUS_COMMITTED) {
				DirectReceiver.this.received.add(this.removed);
			}
			wakeOthers(this.address);
		}

	}

	/**
	 * Fetches a message.
	 *
	 * @param <T> the type of what is found
	 * @param <E> what it may fail with
	 */
	@FunctionalInterface
	interface Fetch<T, E extends Exception> {

		Optional<T> run() throws E;

	}

	/**
	 * Completed by its receiver only, once that has a message to commit. One that the
	 * caller has cancelled or completed before takes no message.
	 */
	private static final class Reply extends CompletableFuture<Optional<Message>> {

		private final AtomicBoolean decided = new AtomicBoolean();

		/**
		 * Return whether the caller can complete it no more.
		 */
		private boolean claim() {
			return !isDone() && this.decided.compareAndSet(false, true);
		}

		private void deliver(Optional<Message> message) {
			super.complete(message);
		}

		private void fail(Throwable failure) {
			super.completeExceptionally(failure);
		}

		@Override
		public boolean complete(Optional<Message> value) {
			return claim() && super.complete(value);
		}

		@Override
		public boolean completeExceptionally(Throwable failure) {
			return claim() && super.completeExceptionally(failure);
		}

		@Override
		public boolean cancel(boolean mayInterruptIfRunning) {
			return (claim()) ? super.cancel(mayInterruptIfRunning) : isCancelled();
		}

	}

	/**
	 * A call that waits without a thread.
	 */
	private final class Waiting {

		private final DirectAddress address;

		private final Function<Received, Message> decode;

		private final Reply reply = new Reply();

		private final SerialTask task = new SerialTask(DirectReceiver.this.executor, this::run, this::isWanted,
				DirectReceiver.this.delays);

		private volatile boolean expired;

		private Waiting(DirectAddress address, Function<Received, Message> decode) {
			this.address = address;
			this.decode = decode;
		}

		private CompletableFuture<Optional<Message>> begin(Duration timeout) {
			Wait wait = DirectReceiver.this.waits.register(this.address, this.task::signal);
			this.reply.whenComplete((message, failure) -> wait.end());
			try {
				Future<?> timer = DirectReceiver.this.delays.after(timeout, this::expire);
				this.reply.whenComplete((message, failure) -> timer.cancel(false));
				this.task.signal();
			}
			catch (Throwable ex) {
				// Neither a thread nor a timer: it must not take a message later
				this.reply.completeExceptionally(ex);
			}
			return this.reply;
		}

		private void expire() {
			this.expired = true;
			this.task.signal();
		}

		/**
		 * Asked where the executor refuses the task, as after the end of the application
		 * context.
		 */
		private boolean isWanted() {
			if (DirectReceiver.this.waits.isStopped()) {
				this.reply.complete(Optional.empty());
			}
			return !this.reply.isDone();
		}

		private void run() {
			if (this.reply.isDone()) {
				return;
			}
			if (DirectReceiver.this.waits.isStopped()) {
				this.reply.complete(Optional.empty());
				return;
			}
			// Before the fetch: the last one comes after the end
			boolean last = this.expired;
			Optional<Received> received;
			try {
				received = DirectReceiver.this.database.executeSeparately(TASK, ApplicationDatabase.SOCKET_TIMEOUT,
						(connection, joined) -> ReadCommitted.runInTransaction(connection, this::claim));
			}
			catch (CancellationException ex) {
				wakeOthers(this.address);
				return;
			}
			catch (Throwable ex) {
				// The stop may have closed the connection
				boolean ended = DirectReceiver.this.waits.isStopped() && this.reply.complete(Optional.empty());
				if (!ended && !this.reply.completeExceptionally(ex)) {
					this.reply.fail(ex);
				}
				return;
			}
			if (received.isPresent()) {
				DirectReceiver.this.received.increment();
				if (received.get().more()) {
					wakeOthers(this.address);
				}
				deliver(received.get());
			}
			else if (last) {
				this.reply.complete(Optional.empty());
			}
		}

		/**
		 * Remove a message.
		 * @throws CancellationException if the caller does not want it any more, so that
		 * it stays
		 */
		private Optional<Received> claim(Connection connection, boolean joined) throws SQLException {
			Optional<Received> received = DirectReceiver.this.sql.receive(connection, this.address, false);
			if (received.isPresent() && !this.reply.claim()) {
				throw new CancellationException("The caller does not wait any more");
			}
			return received;
		}

		private void deliver(Received received) {
			try {
				this.reply.deliver(Optional.of(this.decode.apply(received)));
			}
			catch (Throwable ex) {
				this.reply.fail(ex);
			}
		}

	}

}
