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

package io.durablenotify.instance;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.instance.LeaseMeasures.Renewal;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.instance.InstanceStore.Gone;
import io.durablenotify.instance.InstanceStore.Renewed;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessResourceFailureException;

/**
 * Renews the leases of this instance, and takes over from instances whose leases have run
 * out.
 * <p>
 * Each renewal also finds out when the next lease of another instance runs out, and this
 * thread is there at that moment. It takes over only once the database has been within
 * reach for some time ({@link OtherLeases}): after an outage, or a failover, all
 * instances have the time to renew first. So they have when the database's clock has been
 * set forward, or has run on while all of its host was suspended, and every lease seems
 * to have run out at once.
 */
final class LeaseKeeper implements Instances, AutoCloseable {

	private static final Log logger = LogFactory.getLog(Instances.class);

	static final String TOPIC = "instances";

	/**
	 * How often a lease is renewed before it would run out.
	 */
	private static final int RENEWALS_PER_LEASE = 3;

	/**
	 * How long it takes at most until a lease is renewed again, however long it is. The
	 * next lease of another instance is known within that time too.
	 */
	private static final Duration LONGEST_TIMEOUT = Duration.ofSeconds(10);

	/**
	 * By how much the database's clock may get ahead of this JVM's between two renewals.
	 */
	private static final Duration MAX_CLOCK_STEP = Duration.ofSeconds(1);

	/**
	 * The delay before another attempt to take over what another transaction has locked.
	 */
	private static final Duration LOCKED = Duration.ofMillis(500);

	/**
	 * The longest delay before another attempt to take over what a trigger or a
	 * constraint keeps from being changed.
	 */
	private static final Duration LONGEST_REFUSAL = Duration.ofMinutes(1);

	/**
	 * The longest delay between two attempts to reach the server.
	 */
	private static final Duration LONGEST_RETRY = Duration.ofSeconds(1);

	/**
	 * How long a new holder waits for the server.
	 */
	private static final Duration REGISTRATION_TIMEOUT = Duration.ofSeconds(10);

	private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

	/**
	 * The instance's name, shown to administrators.
	 */
	private final String name;

	private final Duration lease;

	private final InstanceStore store;

	private final InstanceConnection connection;

	private final PublishingWrites writes;

	private final List<TakeOver> takeOvers;

	private final LeaseMeasures measures;

	/**
	 * By length, those that are not lost.
	 */
	private final Map<Duration, HeldLease> leases = new ConcurrentHashMap<>();

	private final List<Consumer<Lease>> listeners = new CopyOnWriteArrayList<>();

	private final Subscription wakeupSubscription;

	private volatile String lastFailure = "the database did not answer";

	/**
	 * Since when every statement has succeeded, by {@link System#nanoTime()};
	 * {@code null} after one that failed. Only accessed by the loop's thread, like what
	 * follows.
	 */
	private @Nullable Long reachedSince;

	/**
	 * What the database's clock said last, and when it was asked, by
	 * {@link System#nanoTime()}.
	 */
	private @Nullable Clock clock;

	/**
	 * Only accessed by the loop's thread.
	 */
	private final OtherLeases others;

	/**
	 * Whether something could not be taken over. Only accessed by the loop's thread.
	 */
	private boolean takeOverFailed;

	private final FailureLog takeOverOutage = new FailureLog(logger,
			"Failed to take over from an instance whose lease has run out",
			"Instances whose lease has run out are taken over again");

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-lease", new FailureLog(logger,
			"Failed to renew the lease of this instance", "The lease of this instance is renewed again", LONGEST_RETRY),
			this::run);

	LeaseKeeper(String name, Duration lease, InstanceStore store, InstanceConnection connection,
			PublishingWrites writes, Wakeups wakeups, List<TakeOver> takeOvers, LeaseMeasures measures) {
		this.name = name;
		this.lease = lease;
		this.store = store;
		this.connection = connection;
		this.writes = writes;
		this.takeOvers = List.copyOf(takeOvers);
		this.measures = measures;
		this.takeOvers.forEach((takeOver) -> measures.takenOver().of(takeOver.topic()));
		this.others = new OtherLeases(lease);
		this.leases.put(lease, newLease(lease));
		this.wakeupSubscription = wakeups.subscribe(TOPIC, new NewInstances());
	}

	void start() {
		this.measures.holders().add(this);
		this.loop.signal();
	}

	@Override
	public Lease lease(Duration duration) {
		if (this.loop.isClosing()) {
			throw new DataAccessResourceFailureException("The application context has closed");
		}
		HeldLease lease = this.leases.computeIfAbsent(duration, this::newLease);
		if (!lease.isRegistered()) {
			signal();
			if (!lease.awaitHeld(REGISTRATION_TIMEOUT)) {
				throw new DataAccessResourceFailureException(
						"This instance could not begin a lease within %d seconds: %s"
							.formatted(REGISTRATION_TIMEOUT.toSeconds(), this.lastFailure));
			}
		}
		return lease;
	}

	@Override
	public Subscription onLost(Consumer<Lease> listener) {
		this.listeners.add(listener);
		return new Subscription() {

			@Override
			public void cancel() {
				LeaseKeeper.this.listeners.remove(listener);
			}

			@Override
			public boolean isActive() {
				return LeaseKeeper.this.listeners.contains(listener);
			}

		};
	}

	@Override
	public List<Lease> leases() {
		return this.leases.values().stream().filter(HeldLease::isRegistered).map(Lease.class::cast).toList();
	}

	@Override
	public Duration sinceRenewal() {
		return this.leases.values()
			.stream()
			.map(HeldLease::sinceRenewal)
			.max(Duration::compareTo)
			.orElse(Duration.ZERO);
	}

	private HeldLease newLease(Duration duration) {
		return new HeldLease(duration, this::signal);
	}

	private void signal() {
		this.loop.signal();
	}

	private Next run() throws SQLException {
		if (this.loop.isClosing()) {
			return Next.IDLE;
		}
		try {
			return Next.after(this.connection.execute(timeout(), (connection, joined) -> keep(connection)));
		}
		catch (Throwable ex) {
			this.measures.renewals().of(Renewal.FAILED).increment();
			this.reachedSince = null;
			this.lastFailure = String.valueOf(NestedExceptionUtils.getMostSpecificCause(ex).getMessage());
			throw ex;
		}
	}

	/**
	 * The server has to answer early enough for another attempt.
	 */
	private Duration timeout() {
		return min(shortestLease().dividedBy(RENEWALS_PER_LEASE), LONGEST_TIMEOUT);
	}

	private Duration shortestLease() {
		return this.leases.keySet().stream().min(Duration::compareTo).orElse(this.lease);
	}

	private Duration keep(Connection connection) throws SQLException {
		long start = System.nanoTime();
		register(connection);
		Renewed renewed = renew(connection);
		boolean setForward = isSetForward(start, renewed.serverTime());
		long reachedSince = (this.reachedSince != null && !setForward) ? this.reachedSince : start;
		this.reachedSince = reachedSince;
		this.others.seen(renewed.others(), renewed.serverTime());
		Duration untilRenewal = timeout().minusNanos(System.nanoTime() - start);
		Duration reached = Duration.ofNanos(System.nanoTime() - reachedSince);
		Duration untilNext = this.others.untilNext(reached);
		if (untilNext == null) {
			return untilRenewal;
		}
		if (untilNext.isNegative() || untilNext.isZero()) {
			boolean progress = takeOver(connection, this.others.runOut(reached), start + timeout().toNanos());
			return min(untilRenewal, (progress) ? Duration.ZERO : LOCKED);
		}
		// The server counts in finer units
		return min(untilRenewal, untilNext.plusMillis(1));
	}

	/**
	 * Return whether the database's clock has got further than time has passed here.
	 */
	private boolean isSetForward(long askedAt, Duration time) {
		Clock before = this.clock;
		this.clock = new Clock(askedAt, time);
		return before != null && time.minus(before.time())
			.minusNanos(System.nanoTime() - before.askedAt())
			.compareTo(MAX_CLOCK_STEP) > 0;
	}

	private void register(Connection connection) throws SQLException {
		for (HeldLease lease : this.leases.values()) {
			if (!lease.isRegistered()) {
				long sentAt = System.nanoTime();
				lease.registered(register(connection, lease.duration()), sentAt);
			}
		}
	}

	private long register(Connection connection, Duration lease) throws SQLException {
		// Other instances must know of a lease that may run out before they would find it
		boolean wakesOthers = lease.compareTo(LONGEST_TIMEOUT) <= 0;
		return this.writes.run(TOPIC, connection, false, (session, joined) -> {
			long id = this.store.register(session, this.name, lease);
			return Written.of(id, (wakesOthers) ? Wakeup.moved(id, 0) : null);
		});
	}

	private Renewed renew(Connection connection) throws SQLException {
		Map<Long, Duration> leases = new LinkedHashMap<>();
		this.leases.values()
			.stream()
			.filter(HeldLease::isRegistered)
			.forEach((lease) -> leases.put(lease.instanceId(), lease.duration()));
		long sentAt = System.nanoTime();
		Renewed renewed = this.store.renew(connection, leases);
		this.measures.renewals().of(Renewal.RENEWED).increment();
		for (HeldLease lease : List.copyOf(this.leases.values())) {
			if (renewed.ids().contains(lease.instanceId())) {
				lease.renewed(sentAt);
			}
			else if (leases.containsKey(lease.instanceId())) {
				lose(connection, lease);
			}
		}
		return renewed;
	}

	/**
	 * The lease is lost: another instance has taken over. Or the database is an older one
	 * in which this instance is not known: then no other instance ends what it held.
	 */
	private void lose(Connection connection, HeldLease lease) throws SQLException {
		logger.warn(("The lease of this instance (%d) ran out before it was renewed, and another instance has taken "
				+ "over: streams that it was writing have failed, and items that it had claimed are handled again")
			.formatted(lease.instanceId()));
		this.leases.replace(lease.duration(), lease, newLease(lease.duration()));
		lease.lost();
		this.measures.lost().increment();
		this.listeners.forEach((listener) -> listener.accept(lease));
		for (TakeOver takeOver : this.takeOvers) {
			tryToTakeOver(connection, takeOver, lease.instanceId(), System.nanoTime() + timeout().toNanos());
		}
		signal();
	}

	/**
	 * Take over until the leases of this instance have to be renewed.
	 * @param ids the holders whose leases are over
	 * @return whether something was taken over, so that there may be more
	 */
	private boolean takeOver(Connection connection, Collection<Long> ids, long deadline) throws SQLException {
		boolean progress = false;
		this.takeOverFailed = false;
		for (Gone gone : this.store.markGone(connection, ids)) {
			progress |= takeOver(connection, gone, deadline);
			if (isOver(deadline)) {
				break;
			}
		}
		if (!this.takeOverFailed) {
			this.takeOverOutage.succeeded();
		}
		return progress;
	}

	private boolean takeOver(Connection connection, Gone gone, long deadline) throws SQLException {
		boolean progress = false;
		for (TakeOver takeOver : this.takeOvers) {
			int count = tryToTakeOver(connection, takeOver, gone.id(), deadline);
			if (count > 0) {
				progress = true;
				this.measures.takenOver().of(takeOver.topic()).add(count);
				logger.warn("Instance %d (%s) has not renewed its lease: %d %s".formatted(gone.id(), gone.name(), count,
						takeOver.what()));
			}
		}
		try {
			return progress | remove(connection, gone.id());
		}
		catch (SQLException | RuntimeException ex) {
			if (!connection.isValid(1)) {
				throw ex;
			}
			takeOverFailed(ex);
			return progress;
		}
	}

	private int tryToTakeOver(Connection connection, TakeOver takeOver, long instanceId, long deadline)
			throws SQLException {
		int sum = 0;
		try {
			int count;
			do {
				count = this.writes.runInTransaction(takeOver.topic(), connection, (session, joined) -> {
					this.store.begin(session);
					return takeOver.takeOver(session, instanceId);
				});
				sum += count;
			}
			while (count > 0 && !isOver(deadline));
		}
		catch (SQLException | RuntimeException ex) {
			if (!connection.isValid(1)) {
				throw ex;
			}
			takeOverFailed(ex);
			if (SqlErrors.isRefusedWrite(ex)) {
				this.others.putOff(instanceId, min(this.lease, LONGEST_REFUSAL));
			}
		}
		return sum;
	}

	/**
	 * All else is taken over all the same, and our own lease is renewed.
	 */
	private void takeOverFailed(Exception failure) {
		this.takeOverFailed = true;
		this.takeOverOutage.failed(failure);
	}

	private static boolean isOver(long deadline) {
		return System.nanoTime() - deadline >= 0;
	}

	/**
	 * Remove an instance, unless it still holds something. That was locked until now, or
	 * was claimed for it at the last moment.
	 */
	private boolean remove(Connection connection, long instanceId) throws SQLException {
		return this.writes.runInTransaction(TOPIC, connection, (session, joined) -> {
			this.store.begin(session);
			if (!this.store.lockGone(session, instanceId)) {
				return Written.of(false, null);
			}
			for (TakeOver takeOver : this.takeOvers) {
				if (takeOver.isHolder(session, instanceId)) {
					return Written.of(false, null);
				}
			}
			this.store.remove(session, instanceId);
			return Written.of(true, null);
		});
	}

	private Collection<Long> ownIds() {
		List<Long> ids = new ArrayList<>();
		this.leases.values().stream().filter(HeldLease::isRegistered).forEach((lease) -> ids.add(lease.instanceId()));
		return ids;
	}

	private static Duration min(Duration first, Duration second) {
		return (first.compareTo(second) <= 0) ? first : second;
	}

	/**
	 * Give the leases back. One by which something is still held runs out.
	 */
	@Override
	public void close() {
		this.measures.holders().remove(this);
		this.wakeupSubscription.cancel();
		try {
			if (this.loop.finish(CLOSE_TIMEOUT)) {
				giveBack();
			}
		}
		finally {
			this.connection.close();
		}
	}

	private void giveBack() {
		Collection<Long> own = ownIds();
		if (own.isEmpty() || this.reachedSince == null) {
			return;
		}
		try {
			this.connection.execute(CLOSE_TIMEOUT, (connection, joined) -> {
				for (long id : own) {
					remove(connection, id);
				}
				return own;
			});
		}
		catch (SQLException | RuntimeException ex) {
			logger.debug("Leases are not given back: they run out", ex);
		}
	}

	@Override
	public String toString() {
		return this.leases.values().toString();
	}

	/**
	 * What the database's clock said.
	 */
	private record Clock(long askedAt, Duration time) {
	}

	/**
	 * Another instance has begun a lease.
	 */
	private final class NewInstances implements WakeupHandler {

		@Override
		public void onWakeup(Wakeup wakeup) {
			signal();
		}

		@Override
		public void onResync() {
			signal();
		}

	}

}
