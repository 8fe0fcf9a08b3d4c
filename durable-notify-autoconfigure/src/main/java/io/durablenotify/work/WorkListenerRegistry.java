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

package io.durablenotify.work;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.database.TransactionBuffer.Content;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.Settlement.TakeBack;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;
import org.springframework.transaction.support.TransactionOperations;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.Assert;

/**
 * The listeners of this instance: starts and stops them, and brings them the wake-ups.
 */
final class WorkListenerRegistry implements WorkListeners, SmartLifecycle, AutoCloseable {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * Before the executors and what handlers use.
	 */
	static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 2048;

	/**
	 * How long claims that are under way may take at the stop.
	 */
	private static final Duration CLAIM_TIMEOUT = Duration.ofSeconds(5);

	/**
	 * How long settlements are written after the last handler has returned.
	 */
	private static final Duration SETTLE_TIMEOUT = Duration.ofSeconds(5);

	private final ApplicationDatabase database;

	private final ClaimSql claimSql;

	private final SettleSql settleSql;

	private final StoredQueues queues;

	private final Instances instances;

	private final Wakeups wakeups;

	private final Executor executor;

	private final HandlerTransactions transactions;

	private final WorkProperties properties;

	private final WorkMeasures measures;

	private final Observations observations;

	private final UnknownClaims unknown;

	private final RunningItems running = new RunningItems();

	private final WorkHandling handling = this::states;

	/**
	 * Those of this start: a claim that is answered after the stop is not held.
	 */
	private volatile HeldClaims held = new HeldClaims();

	/**
	 * Guards the registrations and what is started. Not held while the database or a
	 * handler is waited for: the caller of {@link #register} may have the only connection
	 * of the pool, and a handler may cancel.
	 */
	private final Object monitor = new Object();

	/**
	 * Held during a start or a stop, so that they do not overlap. Taken before the
	 * monitor.
	 */
	private final Object lifecycle = new Object();

	private final List<Registration> registrations = new ArrayList<>();

	/**
	 * The listeners that are started.
	 */
	private final Collection<WorkListenerContainer> containers = new CopyOnWriteArrayList<>();

	/**
	 * Those of registrations that were cancelled, whose handlers may still run.
	 */
	private final List<WorkListenerContainer> cancelled = new ArrayList<>();

	private @Nullable Settlements settlements;

	/**
	 * Guarded by the lifecycle's lock.
	 */
	private final List<Subscription> subscriptions = new ArrayList<>();

	private volatile @Nullable Lease lease;

	private volatile boolean started;

	WorkListenerRegistry(ApplicationDatabase database, ClaimSql claimSql, SettleSql settleSql, Instances instances,
			Wakeups wakeups, Executor executor, HandlerTransactions transactions, WorkProperties properties,
			WorkMeasures measures, Observations observations) {
		this.observations = observations;
		this.database = database;
		this.claimSql = claimSql;
		this.settleSql = settleSql;
		this.queues = new StoredQueues(claimSql, properties);
		this.unknown = new UnknownClaims(database, claimSql, settleSql, wakeups);
		this.instances = instances;
		this.wakeups = wakeups;
		this.executor = executor;
		this.transactions = transactions;
		this.properties = properties;
		this.measures = measures;
	}

	@Override
	public Subscription register(WorkListenerSpec spec, WorkHandler handler) {
		return register(spec, handler, () -> {
		});
	}

	/**
	 * Register a handler of a queue that needs a preparation.
	 * @see QueueListeners#register
	 */
	Subscription register(WorkListenerSpec spec, WorkHandler handler, Runnable preparation) {
		Assert.notNull(spec, "'spec' must not be null");
		Assert.notNull(handler, "'handler' must not be null");
		return register(new Registration(spec, false, new ItemTarget(handler), preparation));
	}

	@Override
	public Subscription registerBatch(WorkListenerSpec spec, WorkBatchHandler handler) {
		Assert.notNull(spec, "'spec' must not be null");
		Assert.notNull(handler, "'handler' must not be null");
		return register(new Registration(spec, true, new BatchTarget(handler), () -> {
		}));
	}

	private Subscription register(Registration registration) {
		if (registration.spec.transactional()) {
			transactions();
		}
		boolean start;
		synchronized (this.monitor) {
			for (String queue : registration.spec.queues()) {
				this.registrations.stream()
					.filter((other) -> other.spec.queues().contains(queue))
					.findFirst()
					.ifPresent((other) -> {
						throw new IllegalStateException(
								"Queue '%s' must have one listener in this application, and %s has it; %s".formatted(
										queue, other.target,
										(queue.startsWith(WorkListenerAttributes.CRON_QUEUE))
												? "give each method with a 'cron' an 'id' of its own"
												: "raise its concurrency instead"));
					});
			}
			registration.spec.queues().forEach(this.measures::of);
			this.registrations.add(registration);
			start = this.started;
		}
		if (start) {
			try {
				startListener(registration);
			}
			catch (Throwable ex) {
				unregister(registration);
				throw ex;
			}
		}
		return registration;
	}

	private TransactionOperations transactions() {
		return this.transactions.require("A transactional listener of work", "set transactional to false");
	}

	private void unregister(Registration registration) {
		WorkListenerContainer container;
		synchronized (this.monitor) {
			this.registrations.remove(registration);
			container = registration.container;
			if (container == null) {
				return;
			}
			registration.container = null;
			this.containers.remove(container);
			container.beginStop();
			this.cancelled.removeIf(WorkListenerContainer::isOver);
			this.cancelled.add(container);
		}
		// A claim may be waiting for the connection of the caller's transaction
		finishClaims(List.of(container), (this.database.isInTransaction()) ? Duration.ZERO : CLAIM_TIMEOUT);
	}

	/**
	 * Wait for the current claims of several listeners, with one timeout.
	 */
	private static void finishClaims(List<WorkListenerContainer> containers, Duration timeout) {
		long start = System.nanoTime();
		containers.forEach((container) -> container.finishClaims(timeout.minusNanos(System.nanoTime() - start)));
	}

	@Override
	public void start() {
		synchronized (this.lifecycle) {
			this.unknown.close();
			List<Registration> registered;
			synchronized (this.monitor) {
				if (this.started) {
					return;
				}
				this.started = true;
				// What is left of the last ones is given back, or taken over
				this.held = new HeldClaims();
				this.settlements = new Settlements(this.database, this.settleSql, this.wakeups, this.measures,
						Delays.ofJvm());
				registered = List.copyOf(this.registrations);
			}
			this.measures.handling().add(this.handling);
			this.subscriptions.add(this.wakeups.subscribe(WorkTopics.QUEUES, new QueueWakeups()));
			this.subscriptions.add(this.wakeups.subscribe(WorkTopics.CANCELLED, new Withdrawals(true)));
			this.subscriptions.add(this.wakeups.subscribe(WorkTopics.MOVED, new Withdrawals(false)));
			try {
				registered.forEach(this::startListener);
			}
			catch (RuntimeException ex) {
				// All are started, or none
				stop();
				throw ex;
			}
		}
	}

	/**
	 * Store the queues, and begin to claim their items. In a transaction of the caller's
	 * the listener's thread does both after it: the caller may have the only connection
	 * of the pool, or a lock on the queues.
	 */
	private void startListener(Registration registration) {
		WorkListenerSettings settings = WorkListenerSettings.of(registration.spec, registration.batches,
				this.properties);
		boolean later = this.database.isInTransaction();
		Map<String, Integer> ids = (later) ? Map.of() : storeQueues(registration, settings);
		List<QueueProgress> queues = settings.queues()
			.stream()
			.map((queue) -> this.queues.progress(queue, ids.getOrDefault(queue, QueueProgress.UNREGISTERED)))
			.toList();
		WorkListenerContainer container;
		synchronized (this.monitor) {
			if (!this.started || registration.container != null || !this.registrations.contains(registration)) {
				return;
			}
			container = container(registration, settings, queues);
			registration.container = container;
			this.containers.add(container);
		}
		boolean synchronizes = TransactionSynchronizationManager.isSynchronizationActive();
		if (later && (synchronizes || this.database.isTransactionOpen())) {
			new TransactionBuffer<Content>(this.database, container, () -> (status) -> container.start()).current();
		}
		else {
			container.start();
		}
	}

	private Map<String, Integer> storeQueues(Registration registration, WorkListenerSettings settings) {
		registration.preparation.run();
		return this.database.executeSeparately("register queues", (connection, joined) -> {
			Map<String, Integer> ids = new HashMap<>();
			for (String queue : settings.queues()) {
				ids.put(queue, this.queues.store(connection, settings, queue, this.properties.enqueueTimeout()));
			}
			return ids;
		});
	}

	private WorkListenerContainer container(Registration registration, WorkListenerSettings settings,
			List<QueueProgress> queues) {
		Settlements settlements = Objects.requireNonNull(this.settlements);
		WorkInvoker invoker = new WorkInvoker(new MeasuredTarget(registration.target, this.measures),
				(settings.transactional()) ? transactions() : null, settings, this::laneItems, settlements,
				new TransactionalCompletion(this.database, this.settleSql, settlements), this.running,
				this.observations);
		QueueClaims claims = new QueueClaims(this.database, this.claimSql, this.unknown, this.queues, settings,
				registration.preparation, this.held, this.wakeups, this.measures);
		return new WorkListenerContainer(settings, registration.batches, queues, this::lease, claims, invoker,
				settlements, this.executor);
	}

	private List<ClaimedItem> laneItems(long laneId, long after, int limit) {
		return this.database.executeSeparately("fetch work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.claimSql.laneItems(connection, laneId, after, limit));
	}

	private Lease lease() {
		Lease lease = this.lease;
		if (lease == null || lease.isLost()) {
			// The same for all who ask, and waits for the server
			lease = this.instances.lease(this.properties.leaseDuration());
			this.lease = lease;
		}
		return lease;
	}

	/**
	 * Give back claims that this instance does not know, of queues that have no listener
	 * here. One that was cancelled has had no answer. The others give back their own.
	 * @return whether there are none any more
	 */
	boolean giveBackUnknown() {
		HeldClaims held = this.held;
		return this.unknown.giveBack(this.lease, (claim) -> !mayClaim(claim.queueId()) && !held.contains(claim));
	}

	private boolean mayClaim(int queueId) {
		synchronized (this.monitor) {
			this.cancelled.removeIf(WorkListenerContainer::isOver);
			return Stream.concat(this.containers.stream(), this.cancelled.stream())
				.flatMap((container) -> container.queues().stream())
				.anyMatch((queue) -> queue.id() == queueId);
		}
	}

	/**
	 * Return the states of the queues that have a listener, while they are started.
	 */
	List<QueueListenerState> states() {
		Map<Integer, Integer> running = new HashMap<>();
		Map<Integer, Duration> longest = new HashMap<>();
		this.running.all().forEach((item) -> {
			int queue = item.claim().queue().id();
			running.merge(queue, 1, Integer::sum);
			Duration since = item.running();
			if (since != null) {
				longest.merge(queue, since, (one, other) -> (one.compareTo(other) > 0) ? one : other);
			}
		});
		Map<Integer, Integer> held = this.held.unsettled();
		return this.containers.stream()
			.flatMap((container) -> container.queues()
				.stream()
				.map((queue) -> new QueueListenerState(queue.name(), container.concurrency(),
						running.getOrDefault(queue.id(), 0), held.getOrDefault(queue.id(), 0),
						longest.get(queue.id()))))
			.sorted(Comparator.comparing(QueueListenerState::queue))
			.toList();
	}

	@Override
	public boolean isRunning() {
		return this.started;
	}

	@Override
	public int getPhase() {
		return PHASE;
	}

	@Override
	public void stop() {
		synchronized (this.lifecycle) {
			long start = System.nanoTime();
			List<WorkListenerContainer> stopping = new ArrayList<>();
			Settlements settlements;
			synchronized (this.monitor) {
				if (!this.started) {
					return;
				}
				this.started = false;
				settlements = Objects.requireNonNull(this.settlements);
				for (Registration registration : this.registrations) {
					if (registration.container != null) {
						stopping.add(registration.container);
						registration.container = null;
					}
				}
				stopping.forEach(WorkListenerContainer::beginStop);
				this.containers.clear();
				stopping.addAll(this.cancelled);
				this.cancelled.clear();
			}
			this.measures.handling().remove(this.handling);
			this.subscriptions.forEach(Subscription::cancel);
			this.subscriptions.clear();
			finishClaims(stopping, CLAIM_TIMEOUT);
			Duration timeout = this.properties.shutdownTimeout();
			for (WorkListenerContainer container : stopping) {
				container.awaitStop(timeout.minusNanos(System.nanoTime() - start));
			}
			List<HeldItem> left = this.running.all();
			if (!left.isEmpty()) {
				logger.warn(("%d handlers of work still run after durable-notify.work.shutdown-timeout=%s: their items "
						+ "are given back, and their completions will be refused")
					.formatted(left.size(), timeout));
				left.forEach((item) -> settlements.add(new TakeBack(item)));
			}
			boolean written = settlements.finish(SETTLE_TIMEOUT);
			if (!written || !this.held.areSettled() || stopping.stream().anyMatch(WorkListenerContainer::isClaiming)) {
				this.held = new HeldClaims();
				this.unknown.giveBackLater(() -> {
					// Asked first: what a claim has brought meanwhile is found
					boolean claiming = stopping.stream().anyMatch(WorkListenerContainer::isClaiming);
					return giveBackUnknown() && !claiming;
				});
			}
		}
	}

	/**
	 * Leave what the stop has left to others, which take it over with the lease.
	 */
	@Override
	public void close() {
		synchronized (this.lifecycle) {
			this.unknown.close();
		}
	}

	@Override
	public String toString() {
		return this.containers.toString();
	}

	/**
	 * A handler of one item at a time.
	 */
	private record ItemTarget(WorkHandler handler) implements WorkInvoker.Target {

		@Override
		public WorkOutcome handle(List<HeldItem> items) throws Exception {
			return this.handler.handle(items.get(0));
		}

		@Override
		public @Nullable Instant lastFailed(HeldItem item, String reason, @Nullable Throwable failure) {
			return (this.handler instanceof RecurringHandler recurring) ? recurring.lastFailed(item, reason, failure)
					: null;
		}

		@Override
		public String toString() {
			return this.handler.toString();
		}

	}

	/**
	 * A handler of batches.
	 */
	private record BatchTarget(WorkBatchHandler handler) implements WorkInvoker.Target {

		@Override
		public WorkOutcome handle(List<HeldItem> items) throws Exception {
			this.handler.handle(List.copyOf(items));
			return WorkOutcome.done();
		}

		@Override
		public String toString() {
			return this.handler.toString();
		}

	}

	/**
	 * A handler, and what claims its items while the listeners are started.
	 */
	private final class Registration implements Subscription {

		private final WorkListenerSpec spec;

		private final boolean batches;

		private final WorkInvoker.Target target;

		private final Runnable preparation;

		private @Nullable WorkListenerContainer container;

		private Registration(WorkListenerSpec spec, boolean batches, WorkInvoker.Target target, Runnable preparation) {
			this.spec = spec;
			this.batches = batches;
			this.target = target;
			this.preparation = preparation;
		}

		@Override
		public void cancel() {
			unregister(this);
		}

		@Override
		public boolean isActive() {
			synchronized (WorkListenerRegistry.this.monitor) {
				return WorkListenerRegistry.this.registrations.contains(this);
			}
		}

	}

	/**
	 * Brings wake-ups to the listeners of the queues.
	 */
	private final class QueueWakeups implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			WorkListenerRegistry.this.containers.forEach((container) -> container.wake(wakeup.id(),
					WorkTopics.dueMicros(wakeup), WorkTopics.isChanged(wakeup)));
		}

		@Override
		public boolean handlesAlone(Wakeup wakeup) {
			if (WorkTopics.isChanged(wakeup)) {
				return false;
			}
			for (WorkListenerContainer container : WorkListenerRegistry.this.containers) {
				if (container.handlesAlone(wakeup.id(), WorkTopics.dueMicros(wakeup))) {
					return true;
				}
			}
			return false;
		}

		@Override
		public void onResync() {
			WorkListenerRegistry.this.containers.forEach(WorkListenerContainer::resync);
		}

	}

	/**
	 * Notes which items that are held were cancelled, or set to a later time: first those
	 * that have not begun, so that one that begins now finds it.
	 */
	private final class Withdrawals implements WakeupHandler {

		private final boolean cancelled;

		Withdrawals(boolean cancelled) {
			this.cancelled = cancelled;
		}

		@Override
		public void onWakeup(Wakeup wakeup) {
			WorkListenerRegistry.this.held.withdrawn(wakeup.id(), this.cancelled);
			if (this.cancelled) {
				WorkListenerRegistry.this.running.cancelled(wakeup.id());
			}
		}

		@Override
		public void onResync() {
			// The completion will be refused, or the item handled once more
		}

	}

}
