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
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.instance.Lease;
import io.durablenotify.loop.DebugLine;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.ClaimSql.Bound;
import io.durablenotify.work.QueueProgress.Range;
import io.durablenotify.work.WorkInvoker.FirstItems;
import io.durablenotify.work.WorkListenerContainer.ClaimedWork;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Claims items for a listener, and gives back those of claims whose answer was lost. Used
 * by the listener's thread.
 */
final class QueueClaims implements WorkListenerContainer.ClaimSource {

	private static final Log logger = LogFactory.getLog(WorkListeners.class);

	/**
	 * Interval at which claims that this instance does not know are given back. A claim
	 * can be committed long after its connection was given up.
	 */
	private static final Duration RECONCILE_INTERVAL = Duration.ofMinutes(1);

	/**
	 * How long a claim waits for the lock of its queue. Claims of other instances hold it
	 * for a few milliseconds each. Other transactions can hold it for longer, and hold up
	 * a connection and the other queues of the listener, if there are some.
	 */
	private static final Duration LOCK_WAIT = Duration.ofMillis(200);

	private static final Duration LOCK_WAIT_ALONE = Duration.ofMillis(500);

	private static final ClaimedWork NOTHING = new ClaimedWork(Claimed.NOTHING, Map.of());

	private final ApplicationDatabase database;

	private final ClaimSql sql;

	private final UnknownClaims unknown;

	private final StoredQueues queues;

	private final WorkListenerSettings settings;

	private final Duration lockWait;

	private final Runnable preparation;

	private final HeldClaims held;

	private final Wakeups wakeups;

	private final WorkMeasures measures;

	/**
	 * By queue id, the last time at which this instance knew all of its claims, by
	 * {@link System#nanoTime()}. Missing after a claim whose answer was lost.
	 */
	private final Map<Integer, Long> certainAt = new HashMap<>();

	QueueClaims(ApplicationDatabase database, ClaimSql sql, UnknownClaims unknown, StoredQueues queues,
			WorkListenerSettings settings, Runnable preparation, HeldClaims held, Wakeups wakeups,
			WorkMeasures measures) {
		this.database = database;
		this.sql = sql;
		this.unknown = unknown;
		this.queues = queues;
		this.settings = settings;
		this.lockWait = (settings.queues().size() == 1) ? LOCK_WAIT_ALONE : LOCK_WAIT;
		this.preparation = preparation;
		this.held = held;
		this.wakeups = wakeups;
		this.measures = measures;
	}

	@Override
	public ClaimedWork claim(QueueProgress queue, Lease lease, int limit, Range range) {
		if (!queue.isRegistered()) {
			this.preparation.run();
			queue.created(this.database.executeSeparately("register a queue", ApplicationDatabase.SOCKET_TIMEOUT,
					(connection, joined) -> this.queues.store(connection, this.settings, queue.name(), this.lockWait)));
			return NOTHING;
		}
		this.held.removeSettledAndLost();
		QueueMeasures measures = this.measures.of(queue.name());
		boolean polled = queue.isPolled();
		DebugLine line = DebugLine.start(logger);
		long start = measures.claim().start();
		ClaimedWork claimed;
		try {
			claimed = this.database.executeSeparately("claim work", ApplicationDatabase.SOCKET_TIMEOUT,
					(connection, joined) -> claim(connection, queue, lease, limit, range));
		}
		finally {
			measures.claim().end(start);
		}
		line.write(() -> "Claimed %d items of queue '%s'".formatted(claimed.claimed().items().size(), queue.name()));
		this.measures.claimed(measures, claimed.claimed().items(), polled);
		return claimed;
	}

	private ClaimedWork claim(Connection connection, QueueProgress queue, Lease lease, int limit, Range range)
			throws SQLException {
		long now = System.nanoTime();
		Long certain = this.certainAt.remove(queue.id());
		if (certain == null || now - certain > RECONCILE_INTERVAL.toNanos()) {
			this.unknown.release(connection, lease,
					(claim) -> claim.queueId() == queue.id() && !this.held.contains(claim));
			certain = now;
		}
		Optional<Claimed> found = this.sql.claim(connection, queue.id(), queue.name(), lease.instanceId(), limit,
				range.low(), range.hint(), LimitedStatement.limit(connection, this.lockWait));
		if (found.isEmpty()) {
			// Another application has emptied the table, or the server has lost the queue
			logger.warn("Queue '%s' does not exist any more, and is created again".formatted(queue.name()));
			queue.created(QueueProgress.UNREGISTERED);
			return NOTHING;
		}
		Claimed answer = found.get();
		ClaimedWork work = new ClaimedWork(answer, firstItems(connection, answer.items()));
		this.certainAt.put(queue.id(), certain);
		return work;
	}

	/**
	 * Fetch the first items of each ordering key, an equal share of one claim of each.
	 */
	private Map<Long, FirstItems> firstItems(Connection connection, List<ClaimedItem> items) throws SQLException {
		List<Long> lanes = items.stream().filter(ClaimedItem::lane).map(ClaimedItem::itemId).toList();
		if (lanes.isEmpty()) {
			return Map.of();
		}
		int limit = ClaimSize.share(lanes.size());
		Map<Long, FirstItems> first = new HashMap<>();
		this.sql.laneItems(connection, lanes, 0, limit)
			.forEach((lane, fetched) -> first.put(lane, new FirstItems(fetched, fetched.size() == limit)));
		return first;
	}

	@Override
	public Map<Integer, Bound> bounds(Collection<Integer> queueIds) {
		return this.database.executeSeparately("look for paused and limited queues", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.sql.bounds(connection, queueIds));
	}

	@Override
	public void hold(HeldClaim claim) {
		this.held.add(claim);
	}

	@Override
	public void wakeOthers(QueueProgress queue, Claimed claimed) {
		this.wakeups.send(WorkTopics.QUEUES, WorkTopics.due(queue.id(), claimed.frontierMicros()));
	}

}
