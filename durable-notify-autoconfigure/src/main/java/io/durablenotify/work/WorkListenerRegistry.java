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

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.OneTransaction;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.DebugLine;
import io.durablenotify.observation.Observations;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.QueueProgress.Range;
import io.durablenotify.work.Settlement.TakeBack;
import io.durablenotify.work.WorkInvoker.FirstItems;
import io.durablenotify.work.WorkListenerContainer.ClaimedWork;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;
import org.springframework.transaction.support.TransactionOperations;

/**
 * The listeners of this instance: starts and stops them, and brings them the wake-ups.
 */
final class WorkListenerRegistry implements WorkListeners, SmartLifecycle {

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

	/**
	 * How often claims that this instance does not know are given back. A claim can be
	 * committed long after its connection was given up.
	 */
	private static final Duration RECONCILE_INTERVAL = Duration.ofMinutes(1);

	private final ApplicationDatabase database;

	private final ClaimSql claimSql;

	private final SettleSql settleSql;

	private final Instances instances;

	private final Wakeups wakeups;

	private final Executor executor;

	private final Supplier<@Nullable TransactionOperations> transactions;

	private final WorkProperties properties;

	private final WorkMeasures measures;

	private final Observations observations;

	private final RunningItems running = new RunningItems();

	/**
	 * The claims that are not removed, as far as this instance knows.
	 */
	private final Map<Claim, HeldClaim> held = new ConcurrentHashMap<>();

	/**
	 * Guards the registrations and what is started.
	 */
	private final Object monitor = new Object();

	private final List<Registration> registrations = new ArrayList<>();

	/**
	 * By the ids of their queues, while the listeners are started.
	 */
	private final Map<Integer, WorkListenerContainer> containers = new ConcurrentHashMap<>();

	/**
	 * Those of registrations that were cancelled, whose handlers may still run.
	 */
	private final List<WorkListenerContainer> cancelled = new ArrayList<>();

	private @Nullable Settlements settlements;

	private final List<Subscription> subscriptions = new ArrayList<>();

	private @Nullable Lease lease;

	private volatile boolean started;

	WorkListenerRegistry(ApplicationDatabase database, ClaimSql claimSql, SettleSql settleSql, Instances instances,
			Wakeups wakeups, Executor executor, Supplier<@Nullable TransactionOperations> transactions,
			WorkProperties properties, WorkMeasures measures, Observations observations) {
		this.observations = observations;
		this.database = database;
		this.claimSql = claimSql;
		this.settleSql = settleSql;
		this.instances = instances;
		this.wakeups = wakeups;
		this.executor = executor;
		this.transactions = transactions;
		this.properties = properties;
		this.measures = measures;
	}

	@Override
	public Subscription register(WorkListenerSpec spec, WorkHandler handler) {
		return register(new Registration(spec, false, (items) -> handler.handle(items.get(0))));
	}

	@Override
	public Subscription registerBatch(WorkListenerSpec spec, WorkBatchHandler handler) {
		return register(new Registration(spec, true, (items) -> {
			handler.handle(List.copyOf(items));
			return WorkOutcome.done();
		}));
	}

	private Subscription register(Registration registration) {
		if (registration.spec.transactional() && this.transactions.get() == null) {
			throw new IllegalStateException(
					"A transactional listener of work needs a PlatformTransactionManager: define one, or set "
							+ "transactional to false");
		}
		synchronized (this.monitor) {
			for (String queue : registration.spec.queues()) {
				if (this.registrations.stream().anyMatch((other) -> other.spec.queues().contains(queue))) {
					throw new IllegalStateException(
							"Queue '%s' must have one listener in this application; raise its concurrency instead"
								.formatted(queue));
				}
			}
			registration.spec.queues().forEach(this.measures::of);
			if (this.started) {
				start(registration);
			}
			// One that could not be started is not registered
			this.registrations.add(registration);
		}
		return registration;
	}

	private void unregister(Registration registration) {
		synchronized (this.monitor) {
			this.registrations.remove(registration);
			WorkListenerContainer container = registration.container;
			if (container != null) {
				registration.container = null;
				this.containers.values().removeIf((other) -> other == container);
				stopClaims(List.of(container));
				this.cancelled.removeIf((other) -> other.awaitStop(Duration.ZERO));
				this.cancelled.add(container);
			}
		}
	}

	/**
	 * Wait for the claims that are under way of all of them at once.
	 */
	private static void stopClaims(List<WorkListenerContainer> containers) {
		long start = System.nanoTime();
		containers.forEach(WorkListenerContainer::beginStop);
		containers.forEach((container) -> container.finishClaims(CLAIM_TIMEOUT.minusNanos(System.nanoTime() - start)));
	}

	@Override
	public void start() {
		synchronized (this.monitor) {
			if (this.started) {
				return;
			}
			this.started = true;
			this.settlements = new Settlements(this.database, this.settleSql, this.wakeups, this.measures);
			this.subscriptions.add(this.wakeups.subscribe(WorkTopics.QUEUES, new QueueWakeups()));
			this.subscriptions.add(this.wakeups.subscribe(WorkTopics.CANCELLED, new Cancellations()));
			try {
				this.registrations.forEach(this::start);
			}
			catch (RuntimeException ex) {
				// All are started, or none
				stop();
				throw ex;
			}
		}
	}

	private void start(Registration registration) {
		WorkListenerSettings settings = WorkListenerSettings.of(registration.spec, registration.batches,
				this.properties);
		List<QueueProgress> queues = this.database.executeSeparately("register queues", (connection, joined) -> {
			List<QueueProgress> registered = new ArrayList<>();
			for (String queue : settings.queues()) {
				QueueSettings stored = stored(settings, queue);
				registered.add(new QueueProgress(queue, register(connection, stored), this.properties.pollInterval(),
						stored.retention() != null));
			}
			return registered;
		});
		Settlements settlements = Objects.requireNonNull(this.settlements);
		WorkInvoker invoker = new WorkInvoker(new MeasuredTarget(registration.target, this.measures),
				(settings.transactional()) ? this.transactions.get() : null, settings, this::laneItems, settlements,
				new TransactionalCompletion(this.database, this.settleSql, settlements), this.running,
				this.observations);
		Claims claims = new Claims(settings);
		WorkListenerContainer container = new WorkListenerContainer(settings, registration.batches, queues, this::lease,
				claims, invoker, settlements, this.executor);
		claims.container = container;
		registration.container = container;
		queues.forEach((queue) -> this.containers.put(queue.id(), container));
		container.start();
	}

	private QueueSettings stored(WorkListenerSettings settings, String queue) {
		return new QueueSettings(queue, settings.maxAttempts(), settings.onDead() == OnDead.BLOCK,
				this.properties.queue(queue).retention());
	}

	/**
	 * Each queue in a transaction of its own, so that two instances do not wait for each
	 * other.
	 */
	private int register(Connection connection, QueueSettings queue) throws SQLException {
		Duration timeout = this.properties.enqueueTimeout();
		try {
			return OneTransaction.run(connection, (session, joined) -> {
				try (Statement statement = session.createStatement()) {
					statement.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
					statement.execute("SET LOCAL lock_timeout = " + timeout.toMillis());
				}
				return this.claimSql.register(session, queue);
			});
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw WorkLockedException.ofQueue(queue.name(), timeout, ex);
			}
			throw ex;
		}
	}

	private List<ClaimedItem> laneItems(long laneId, long after, int limit) {
		return this.database.executeSeparately("fetch work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.claimSql.laneItems(connection, laneId, after, limit));
	}

	private Lease lease() {
		synchronized (this.instances) {
			Lease lease = this.lease;
			if (lease == null || lease.isLost()) {
				lease = this.instances.lease(this.properties.leaseDuration());
				this.lease = lease;
			}
			return lease;
		}
	}

	/**
	 * Return the states of the queues that have a listener, while they are started.
	 */
	List<QueueListenerState> states() {
		Map<Integer, Integer> running = new HashMap<>();
		this.running.all().forEach((item) -> running.merge(item.claim().queue().id(), 1, Integer::sum));
		Map<Integer, Integer> held = new HashMap<>();
		this.held.values()
			.stream()
			.filter((claim) -> !claim.lease().isLost())
			.forEach((claim) -> held.merge(claim.queue().id(), claim.unsettled(), Integer::sum));
		return Set.copyOf(this.containers.values())
			.stream()
			.flatMap((container) -> container.queues()
				.stream()
				.map((queue) -> new QueueListenerState(queue.name(), container.concurrency(),
						running.getOrDefault(queue.id(), 0), held.getOrDefault(queue.id(), 0))))
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
		synchronized (this.monitor) {
			if (!this.started) {
				return;
			}
			long start = System.nanoTime();
			this.started = false;
			this.subscriptions.forEach(Subscription::cancel);
			this.subscriptions.clear();
			List<WorkListenerContainer> stopping = new ArrayList<>(Set.copyOf(this.containers.values()));
			this.containers.clear();
			stopClaims(stopping);
			stopping.addAll(this.cancelled);
			this.cancelled.clear();
			Duration timeout = this.properties.shutdownTimeout();
			for (WorkListenerContainer container : stopping) {
				container.awaitStop(timeout.minusNanos(System.nanoTime() - start));
			}
			Settlements settlements = Objects.requireNonNull(this.settlements);
			List<HeldItem> left = this.running.all();
			if (!left.isEmpty()) {
				logger.warn(("%d handlers of work still run after durable-notify.work.shutdown-timeout=%s: their items "
						+ "are given back, and their completions will be refused")
					.formatted(left.size(), timeout));
				left.forEach((item) -> settlements.add(new TakeBack(item)));
			}
			settlements.finish(SETTLE_TIMEOUT);
			this.settlements = null;
			// What is left of them is given back by the next start, or taken over
			this.held.clear();
			this.registrations.forEach((registration) -> registration.container = null);
		}
	}

	@Override
	public String toString() {
		return this.containers.values().toString();
	}

	/**
	 * A handler, and what claims its items while the listeners are started.
	 */
	private final class Registration implements Subscription {

		private final WorkListenerSpec spec;

		private final boolean batches;

		private final WorkInvoker.Target target;

		private @Nullable WorkListenerContainer container;

		private Registration(WorkListenerSpec spec, boolean batches, WorkInvoker.Target target) {
			this.spec = spec;
			this.batches = batches;
			this.target = target;
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
	 * Claims items, and gives back those of claims whose answer was lost.
	 */
	private final class Claims implements WorkListenerContainer.ClaimSource {

		/**
		 * When it was certain last, by queue, that this instance knows all of its claims,
		 * by {@link System#nanoTime()}; missing after a claim whose answer was lost. Only
		 * accessed by the listener's thread.
		 */
		private final Map<Integer, Long> certainAt = new HashMap<>();

		private final WorkListenerSettings settings;

		private @Nullable WorkListenerContainer container;

		private Claims(WorkListenerSettings settings) {
			this.settings = settings;
		}

		@Override
		public ClaimedWork claim(QueueProgress queue, Lease lease, int limit, Range range) {
			WorkListenerRegistry.this.held.values()
				.removeIf((claim) -> claim.unsettled() == 0 || claim.lease().isLost());
			QueueMeasures measures = WorkListenerRegistry.this.measures.of(queue.name());
			boolean polled = queue.isPolled();
			boolean withWaits = polled || measures.waiting().isRecorded();
			DebugLine line = DebugLine.start(logger);
			long start = measures.claim().start();
			ClaimedWork claimed = WorkListenerRegistry.this.database.executeSeparately("claim work",
					ApplicationDatabase.SOCKET_TIMEOUT, (connection, joined) -> {
						long now = System.nanoTime();
						Long certain = this.certainAt.remove(queue.id());
						if (certain == null || now - certain > RECONCILE_INTERVAL.toNanos()) {
							releaseUnknown(connection, queue, lease);
							certain = now;
						}
						Optional<Claimed> found = WorkListenerRegistry.this.claimSql.claim(connection, queue.id(),
								queue.name(), lease.instanceId(), limit, range.low(), range.hint(), withWaits);
						if (found.isEmpty()) {
							createAgain(connection, queue);
							return new ClaimedWork(Claimed.NOTHING, Map.of());
						}
						Claimed answer = found.get();
						ClaimedWork work = new ClaimedWork(answer, firstItems(connection, answer.items()));
						this.certainAt.put(queue.id(), certain);
						return work;
					});
			measures.claim().end(start);
			line.write(
					() -> "Claimed %d items of queue '%s'".formatted(claimed.claimed().items().size(), queue.name()));
			WorkListenerRegistry.this.measures.claimed(measures, claimed.claimed().items(), polled);
			return claimed;
		}

		/**
		 * Another application has emptied the table, or the server has lost the queue.
		 */
		private void createAgain(Connection connection, QueueProgress queue) throws SQLException {
			int before = queue.id();
			WorkListenerContainer container = Objects.requireNonNull(this.container);
			queue.created(register(connection, stored(this.settings, queue.name())));
			Map<Integer, WorkListenerContainer> containers = WorkListenerRegistry.this.containers;
			containers.remove(before, container);
			containers.put(queue.id(), container);
			if (container.isStopping()) {
				containers.remove(queue.id(), container);
			}
			logger.warn("Queue '%s' did not exist any more, and was created again".formatted(queue.name()));
		}

		/**
		 * As many of each as an equal share of one claim allows.
		 */
		private Map<Long, FirstItems> firstItems(Connection connection, List<ClaimedItem> items) throws SQLException {
			List<Long> lanes = items.stream().filter(ClaimedItem::lane).map(ClaimedItem::itemId).toList();
			if (lanes.isEmpty()) {
				return Map.of();
			}
			int limit = ClaimSize.share(lanes.size());
			Map<Long, FirstItems> first = new HashMap<>();
			WorkListenerRegistry.this.claimSql.laneItems(connection, lanes, 0, limit)
				.forEach((lane, fetched) -> first.put(lane, new FirstItems(fetched, fetched.size() == limit)));
			return first;
		}

		private void releaseUnknown(Connection connection, QueueProgress queue, Lease lease) throws SQLException {
			for (Claim claim : WorkListenerRegistry.this.claimSql.claims(connection, lease.instanceId())) {
				if (claim.queueId() == queue.id() && !WorkListenerRegistry.this.held.containsKey(claim)) {
					WorkListenerRegistry.this.settleSql.release(connection, claim);
				}
			}
		}

		@Override
		public void hold(HeldClaim claim) {
			WorkListenerRegistry.this.held.put(claim.claim(), claim);
		}

		@Override
		public void wakeOthers(QueueProgress queue, Claimed claimed) {
			WorkListenerRegistry.this.wakeups.send(WorkTopics.QUEUES,
					WorkTopics.due(queue.id(), claimed.frontierMicros()));
		}

	}

	/**
	 * Brings wake-ups to the listeners of the queues.
	 */
	private final class QueueWakeups implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			WorkListenerContainer container = WorkListenerRegistry.this.containers.get((int) wakeup.id());
			if (container != null) {
				long now = System.nanoTime();
				container.queues()
					.stream()
					.filter((queue) -> queue.id() == wakeup.id())
					.forEach((queue) -> queue.wake(-wakeup.position(), now));
				container.signal();
			}
		}

		@Override
		public boolean handlesAlone(Wakeup wakeup) {
			WorkListenerContainer container = WorkListenerRegistry.this.containers.get((int) wakeup.id());
			if (container == null || !container.hasRoom()) {
				return false;
			}
			long now = System.nanoTime();
			return container.queues()
				.stream()
				.anyMatch((queue) -> queue.id() == wakeup.id() && queue.isNow(-wakeup.position(), now));
		}

		@Override
		public void onResync() {
			Set.copyOf(WorkListenerRegistry.this.containers.values()).forEach((container) -> {
				container.queues().forEach(QueueProgress::resync);
				container.signal();
			});
		}

	}

	/**
	 * Notes which running items were cancelled.
	 */
	private final class Cancellations implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			WorkListenerRegistry.this.running.cancelled(wakeup.id());
		}

		@Override
		public void onResync() {
			// The completion will be refused
		}

	}

}
