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

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.instance.Instances;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.ConsumerPositionSql.Place;
import io.durablenotify.stream.ConsumerPositionSql.Position;
import io.durablenotify.stream.ConsumerSql.Created;
import io.durablenotify.stream.ConsumerSql.Held;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.Lifecycle;
import org.springframework.context.Phased;
import org.springframework.context.SmartLifecycle;
import org.springframework.transaction.support.TransactionSynchronization;

/**
 * The subscriptions of consumers that this instance has, and the loop that claims them.
 * It does so after a wake-up and with each poll.
 * <p>
 * Open from the beginning, as {@link LogSubscriptions} are. At a stop all consumers are
 * given up, for others to claim at once, and at a start they are claimed again.
 */
final class OpenConsumers implements ConsumerDelivery, Lifecycle, Phased, AutoCloseable {

	private static final Log logger = LogFactory.getLog(StreamConsumer.class);

	static final String TOPIC = "stream-consumer";

	/**
	 * How long a stop waits for handlers that run, and for the database then.
	 */
	private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

	private final ApplicationDatabase database;

	private final ConsumerSql sql;

	private final ConsumerPositionSql positions;

	private final PositionWriter writer;

	private final LogSubscriptions<Chunk> readers;

	private final ConsumerClaims claims;

	private final ConsumerReleases releases;

	private final Poll poll;

	private final Executor executor;

	private final HandlerTransactions transactions;

	private final Map<String, ConsumerRun> runs = new ConcurrentHashMap<>();

	/**
	 * By id, cancelled subscriptions whose handlers may still run: their consumers are
	 * not claimed again until those have returned.
	 */
	private final Map<Long, ConsumerRun> leaving = new ConcurrentHashMap<>();

	private final List<Subscription> subscriptions;

	private volatile BackgroundLoop loop;

	private volatile boolean running = true;

	private volatile boolean closed;

	private volatile boolean checkWanted;

	/**
	 * Guards the registration with the poll.
	 */
	private final Object pollLock = new Object();

	private @Nullable Subscription polling;

	OpenConsumers(ApplicationDatabase database, ConsumerSql sql, ConsumerPositionSql positions,
			LogSubscriptions<Chunk> readers, Instances instances, Duration leaseDuration, Wakeups wakeups, Poll poll,
			Executor executor, HandlerTransactions transactions) {
		this.database = database;
		this.sql = sql;
		this.positions = positions;
		this.writer = new PositionWriter(database, positions);
		this.readers = readers;
		this.claims = new ConsumerClaims(database, sql, positions, instances, leaseDuration);
		this.releases = new ConsumerReleases(database, sql, this.writer, wakeups);
		this.poll = poll;
		this.executor = executor;
		this.transactions = transactions;
		this.loop = newLoop();
		this.subscriptions = List.of(wakeups.subscribe(TOPIC, new OwnerWakeups()),
				wakeups.subscribe(TailedStream.TOPIC, new StreamWakeups()), instances.onLost((lost) -> leaseLost()));
	}

	private BackgroundLoop newLoop() {
		return new BackgroundLoop("durable-notify-consumers", new FailureLog(logger,
				"Failed to claim consumers of streams", "Consumers of streams are claimed again"), this::step);
	}

	/**
	 * Those that are owned are dropped. The others may have been refused since the
	 * database does not know the lease: they are claimed by the next one.
	 */
	private void leaseLost() {
		this.runs.values().forEach(ConsumerRun::wake);
		claim();
	}

	LogSubscriptions<Chunk> readers() {
		return this.readers;
	}

	ConsumerPositionSql positions() {
		return this.positions;
	}

	/**
	 * Open a consumer.
	 * @throws IllegalStateException if it is open here, or cannot be
	 */
	Subscription subscribe(ConsumerSpec spec, ConsumerHandler handler) {
		if (!this.running) {
			throw new ReaderStoppedException(spec.tailed(spec.selection(), 0));
		}
		this.database.requireWritable(() -> "Consumer '%s' cannot subscribe".formatted(spec.name()));
		ConsumerRun run = new ConsumerRun(spec, handler, this,
				new ConsumerWrites(spec.name(), this.database, (spec.transactional())
						? this.transactions.require("A consumer inTransaction()", "use ConsumedChunk.commit()") : null),
				this.executor, Delays.ofJvm());
		ConsumerRun other = this.runs.putIfAbsent(spec.name(), run);
		if (other != null) {
			requireSelection(other.spec(), spec);
			throw new IllegalStateException(
					"Consumer '%s' must have one subscription in this application context: cancel the other one first"
						.formatted(spec.name()));
		}
		try {
			create(run);
			followPoll();
		}
		catch (Throwable ex) {
			run.cancel();
			throw ex;
		}
		return run;
	}

	private void create(ConsumerRun run) {
		ConsumerSpec spec = run.spec();
		this.database.execute("create a consumer of streams", (connection, joined) -> {
			Created created = Conflicts
				.repeat((session, inTransaction) -> (inTransaction) ? this.sql.create(session, spec)
						: ReadCommitted.runInTransaction(session, (ours, inOurs) -> this.sql.create(ours, spec)))
				.run(connection, joined);
			requireSelection(new ConsumerSpec(spec.name(), created.selection(), created.prefix(), spec.scope()), spec);
			if (joined) {
				new TransactionBuffer<>(this.database, run, () -> new Creation(run, created.consumerId())).current();
			}
			else {
				open(run, created.consumerId());
			}
			return created;
		});
	}

	private static void requireSelection(ConsumerSpec present, ConsumerSpec wanted) {
		if (!present.selection().equals(wanted.selection()) || present.prefix() != wanted.prefix()) {
			throw new IllegalStateException(
					"Consumer '%s' is one of %s, and cannot be one of %s: use another name, or remove it first"
						.formatted(wanted.name(), present.describeSelection(), wanted.describeSelection()));
		}
	}

	private void open(ConsumerRun run, long id) {
		run.consumerCreated(id);
		claim();
	}

	/**
	 * Have what is to be done by the loop done soon.
	 */
	void claim() {
		this.loop.signal();
	}

	private void check() {
		this.checkWanted = true;
		claim();
	}

	private void poll() {
		if (this.claims.isSearchDue()) {
			this.runs.values().forEach(ConsumerRun::wantNewStreams);
		}
		check();
	}

	private Next step() {
		if (!this.running || this.runs.isEmpty()) {
			return Next.IDLE;
		}
		boolean check = this.checkWanted;
		this.checkWanted = false;
		try {
			Next next = this.claims
				.run(this.runs.values().stream().filter((run) -> !this.leaving.containsKey(run.id())).toList(), check);
			check = false;
			return next;
		}
		finally {
			if (check) {
				this.checkWanted = true;
			}
		}
	}

	/**
	 * Have the position in a stream stored soon.
	 */
	void store(ConsumedStream stream) {
		this.writer.add(stream);
	}

	@Nullable Place examine(ConsumedStream stream) {
		return this.writer.examine(stream);
	}

	/**
	 * Give a consumer up, for another instance to claim at once.
	 * @param positions the positions that are not stored yet
	 */
	void giveUp(Held held, List<Position> positions) {
		this.releases.release(held, positions);
	}

	/**
	 * A subscription is about to be cancelled.
	 */
	void leaving(ConsumerRun run) {
		if (run.held() != null) {
			this.leaving.put(run.id(), run);
		}
	}

	/**
	 * No handler of a cancelled subscription runs.
	 */
	void left(ConsumerRun run) {
		if (this.leaving.remove(run.id(), run)) {
			claim();
		}
	}

	/**
	 * A subscription has ended.
	 */
	void forget(ConsumerRun run) {
		if (this.runs.remove(run.spec().name(), run)) {
			followPoll();
		}
	}

	private void followPoll() {
		synchronized (this.pollLock) {
			boolean needed = this.running && !this.runs.isEmpty();
			if (needed && this.polling == null) {
				this.polling = this.poll.register(this::poll);
			}
			else if (!needed && this.polling != null) {
				this.polling.cancel();
				this.polling = null;
			}
		}
	}

	@Override
	public ConsumersState state() {
		int owned = 0;
		int waiting = 0;
		long lag = 0;
		Duration lagAge = Duration.ZERO;
		for (ConsumerRun run : this.runs.values()) {
			if (run.isOwned()) {
				owned++;
				lag = Math.max(lag, run.lag());
				Duration age = run.lagAge();
				lagAge = (age.compareTo(lagAge) > 0) ? age : lagAge;
			}
			else {
				waiting++;
			}
		}
		return new ConsumersState(owned, waiting, lag, lagAge);
	}

	boolean isOpen() {
		return !this.closed;
	}

	@Override
	public synchronized void start() {
		if (!this.running && !this.closed) {
			this.loop = newLoop();
			this.releases.start();
			this.running = true;
			this.runs.values().forEach(ConsumerRun::start);
			followPoll();
			claim();
		}
	}

	/**
	 * Give all consumers up. Waits some seconds for handlers that run.
	 */
	@Override
	public synchronized void stop() {
		if (!this.running) {
			return;
		}
		this.running = false;
		followPoll();
		this.loop.finish(STOP_TIMEOUT);
		// One that is being cancelled may be in both
		Set<ConsumerRun> stopping = new LinkedHashSet<>(this.runs.values());
		stopping.addAll(this.leaving.values());
		CompletableFuture<?>[] stopped = stopping.stream().map(ConsumerRun::stop).toArray(CompletableFuture<?>[]::new);
		CompletableFuture.allOf(stopped).completeOnTimeout(null, STOP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).join();
		stopping.forEach(this::abandon);
		this.releases.stop(STOP_TIMEOUT);
		this.leaving.clear();
	}

	/**
	 * Give up what a handler that has not returned still has.
	 */
	private void abandon(ConsumerRun run) {
		Held held = run.held();
		if (held != null) {
			logger.warn("The handler of consumer '%s' still runs: the consumer is given up, and handles its chunk again"
				.formatted(run.spec().name()));
			run.abandon();
			this.releases.releaseLater(held);
		}
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	/**
	 * Together with the readers, which it depends on: before them.
	 */
	@Override
	public int getPhase() {
		return SmartLifecycle.DEFAULT_PHASE;
	}

	@Override
	public void close() {
		stop();
		this.closed = true;
		this.subscriptions.forEach(Subscription::cancel);
		this.loop.close();
		this.writer.close();
	}

	@Override
	public String toString() {
		return this.runs.values().toString();
	}

	/**
	 * A consumer that was created in a transaction, which may roll back.
	 */
	private final class Creation implements TransactionBuffer.Content {

		private final ConsumerRun run;

		private final long id;

		private boolean rolledBack;

		private Creation(ConsumerRun run, long id) {
			this.run = run;
			this.id = id;
		}

		@Override
		public int size() {
			return (this.rolledBack) ? 0 : 1;
		}

		@Override
		public void truncate(int size) {
			this.rolledBack = size == 0;
		}

		@Override
		public void afterCompletion(int status) {
			if (this.rolledBack || status == TransactionSynchronization.STATUS_ROLLED_BACK) {
				logger.warn(("Consumer '%s' was subscribed in a transaction that has rolled back. Its subscription "
						+ "ends: subscribe again")
					.formatted(this.run.spec().name()));
				this.run.cancel();
			}
			else {
				open(this.run, this.id);
			}
		}

	}

	/**
	 * A consumer is free, or was removed.
	 */
	private final class OwnerWakeups implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			if (OpenConsumers.this.runs.values().stream().anyMatch((run) -> run.id() == wakeup.id())) {
				check();
			}
		}

		@Override
		public void onResync() {
			check();
		}

	}

	/**
	 * A stream was created.
	 */
	private final class StreamWakeups implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			String created = wakeup.createdName();
			if (created == null) {
				return;
			}
			for (ConsumerRun run : OpenConsumers.this.runs.values()) {
				if (run.isOwned() && run.spec().selects(created)) {
					run.streamCreated(created);
					claim();
				}
			}
		}

		@Override
		public void onResync() {
			OpenConsumers.this.runs.values().forEach(ConsumerRun::wantNewStreams);
			claim();
		}

	}

}
