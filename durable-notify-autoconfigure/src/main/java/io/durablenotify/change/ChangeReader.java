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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeStore.Arrival;
import io.durablenotify.change.ChangeStore.Page;
import io.durablenotify.change.ChangeStore.Place;
import io.durablenotify.delivery.Delays;
import io.durablenotify.delivery.Outage;
import io.durablenotify.delivery.SerialTask;
import io.durablenotify.delivery.WorkerThread;
import io.durablenotify.jdbc.ApplicationDatabase;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;
import org.springframework.util.Assert;

/**
 * Reads changes for all subscriptions of this instance, on one thread and one connection
 * at a time. Each subscription has a position; those that stand at the same one share a
 * read, and a slow one falls behind without holding up others: what it has not read yet
 * is in the table. Has no thread and no poll while nobody subscribes.
 */
final class ChangeReader implements ChangeDelivery, WakeupHandler, AutoCloseable {

	static final String TOPIC = "changes";

	private static final Log logger = LogFactory.getLog(ChangeNotifier.class);

	/**
	 * A read's largest number of changes, and how many a feed has at least before it is
	 * full.
	 */
	static final int PAGE = 1_000;

	/**
	 * How long, in milliseconds, a new subscription may begin where others have read to.
	 */
	static final long RECENT = 60_000;

	private final ApplicationDatabase database;

	private final ChangeStore store;

	private final Executor executor;

	private final Poll poll;

	private final Clock clock;

	private final WorkerThread thread = new WorkerThread("durable-notify-changes");

	private final SerialTask task = new SerialTask(this.thread, this::run);

	private final Subscription wakeups;

	/**
	 * How many feeds each topic has, by its {@link #idOf id}.
	 */
	private final Map<Long, Integer> topics = new ConcurrentHashMap<>();

	/**
	 * Guards what follows; never held while the database is waited for.
	 */
	private final Object lock = new Object();

	private final Map<ChangeFeed, ChangePosition> positions = new LinkedHashMap<>();

	/**
	 * The last that was the present.
	 */
	private @Nullable ChangePosition latest;

	/**
	 * When that was, in milliseconds.
	 */
	private long latestAt;

	/**
	 * The run of the server that {@link #durable} is of.
	 */
	private @Nullable ServerRun run;

	/**
	 * The highest number of a transaction that is known to be on disk. Nothing above it
	 * was read.
	 */
	private long durable;

	private @Nullable Subscription polling;

	private ChangeGap.@Nullable Reason lastGap;

	private @Nullable Instant lastGapAt;

	private boolean closed;

	/**
	 * Owned by the reading thread.
	 */
	private final Outage outage = new Outage(logger, "Changes cannot be read for now; handlers wait",
			"Changes are read again");

	private long retryAt;

	/**
	 * Whether nothing was read since another run of the server was followed.
	 */
	private boolean followed;

	ChangeReader(ApplicationDatabase database, ChangeStore store, Executor executor, Wakeups wakeups, Poll poll,
			Clock clock) {
		this.database = database;
		this.store = store;
		this.executor = executor;
		this.poll = poll;
		this.clock = clock;
		this.wakeups = wakeups.subscribe(TOPIC, this);
	}

	/**
	 * Return by which id wake-ups tell of a topic. Two topics may share one: a look too
	 * many.
	 */
	static long idOf(String topic) {
		return topic.hashCode();
	}

	Subscription subscribe(String topic, ChangeHandler handler) {
		ChangeFeed feed = new ChangeFeed(topic, handler, PAGE, this.executor, (other) -> this.task.signal(),
				this::remove);
		if (!join(feed)) {
			// Without a lock, or in an outage each would wait for all before it
			add(feed, arriveForCaller());
		}
		// What has come between the position and now
		this.task.signal();
		return feed;
	}

	/**
	 * Begin where others have read to, unless that was long ago: they may be slow, and
	 * what they have yet to read is none of the new one's.
	 */
	private boolean join(ChangeFeed feed) {
		synchronized (this.lock) {
			requireOpen();
			ChangePosition latest = this.latest;
			if (latest == null || this.positions.isEmpty() || Math.abs(this.clock.millis() - this.latestAt) > RECENT) {
				return false;
			}
			add(feed, latest);
			return true;
		}
	}

	private void add(ChangeFeed feed, Arrival arrival) {
		synchronized (this.lock) {
			requireOpen();
			if (this.positions.isEmpty()) {
				begin(arrival);
			}
			else if (arrival.position().server().equals(this.run)) {
				note(arrival);
			}
			add(feed, arrival.position());
		}
	}

	private void add(ChangeFeed feed, ChangePosition position) {
		this.topics.merge(idOf(feed.topic()), 1, Integer::sum);
		this.positions.put(feed, position);
		if (this.polling == null) {
			this.polling = this.poll.register(this.task::signal);
		}
	}

	private void begin(Arrival arrival) {
		this.run = arrival.position().server();
		this.durable = arrival.durable();
		this.latest = null;
		note(arrival);
	}

	private void note(Arrival arrival) {
		note(arrival.position().server(), arrival.durable());
		if (arrival.shared()) {
			arriveAt(arrival.position());
		}
	}

	private void arriveAt(ChangePosition position) {
		this.latest = position;
		this.latestAt = this.clock.millis();
	}

	/**
	 * Of another run it says nothing about this one.
	 */
	private void note(ServerRun run, long durable) {
		if (run.equals(this.run)) {
			this.durable = Math.max(this.durable, durable);
		}
	}

	private void requireOpen() {
		if (this.closed) {
			throw new IllegalStateException("No changes are heard any more: the application context is closed");
		}
	}

	private void remove(ChangeFeed feed) {
		Subscription polling = null;
		synchronized (this.lock) {
			if (this.positions.remove(feed) == null) {
				return;
			}
			this.topics.computeIfPresent(idOf(feed.topic()), (id, count) -> (count > 1) ? count - 1 : null);
			if (this.positions.isEmpty()) {
				polling = this.polling;
				this.polling = null;
			}
		}
		if (polling != null) {
			polling.cancel();
		}
	}

	/**
	 * On the caller's connection where there is one: a pool of one must do.
	 */
	private Arrival arriveForCaller() {
		Optional<Arrival> arrival = this.database.executeReading("find the position in changes",
				(connection, joined) -> Optional
					.ofNullable((joined) ? this.store.arriveJoined(connection) : this.store.arrive(connection)));
		return arrival.orElseGet(this::arrive);
	}

	/**
	 * Have what another cluster has stored removed before anybody subscribes, who may be
	 * in a transaction, where nothing can be.
	 */
	void prepare() {
		try {
			arrive();
		}
		catch (DataAccessException ex) {
			logger.debug("Not prepared: the first subscription does it", ex);
		}
	}

	private Arrival arrive() {
		return this.database.executeApart("find the position in changes", ApplicationDatabase.PATIENCE,
				(connection, joined) -> this.store.arrive(connection));
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		if (this.topics.containsKey(wakeup.id())) {
			this.task.signal();
		}
	}

	@Override
	public void onResync() {
		refresh();
	}

	/**
	 * Look, so that no position grows old.
	 */
	void refresh() {
		if (!this.topics.isEmpty()) {
			this.task.signal();
		}
	}

	private void run() {
		if (this.outage.isOn() && System.nanoTime() - this.retryAt < 0) {
			return;
		}
		try {
			boolean more = look();
			if (!this.followed) {
				this.outage.succeeded();
			}
			if (more) {
				this.task.signal();
			}
		}
		catch (Throwable ex) {
			failed(ex);
		}
	}

	private void failed(Throwable failure) {
		synchronized (this.lock) {
			if (this.closed) {
				return;
			}
		}
		long delay = this.outage.failed(failure).toMillis();
		this.retryAt = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(delay);
		Delays.ofJvm().after(Duration.ofMillis(delay + 1), this.task::signal);
	}

	/**
	 * Read once for each position.
	 * @return whether there is more
	 */
	private boolean look() {
		boolean more = false;
		String target = null;
		for (Map.Entry<ChangePosition, List<ChangeFeed>> group : groups().entrySet()) {
			ChangePosition position = group.getKey();
			List<ChangeFeed> feeds = group.getValue();
			Page page = read(position, target, feeds);
			if (!position.server().isThatOf(page)) {
				followServer(position.server());
				return true;
			}
			this.followed = false;
			if (page.expired()) {
				expire(position.server(), feeds);
				more = true;
			}
			else {
				more |= give(position, page, feeds);
				// From now on all read up to there, and then stand at the same position
				target = (target == null && position.target() == null) ? page.target() : target;
			}
		}
		return more;
	}

	private Map<ChangePosition, List<ChangeFeed>> groups() {
		Map<ChangePosition, List<ChangeFeed>> groups = new LinkedHashMap<>();
		synchronized (this.lock) {
			this.positions.forEach((feed, position) -> {
				if (feed.hasRoom()) {
					groups.computeIfAbsent(position, (key) -> new ArrayList<>()).add(feed);
				}
			});
		}
		return groups;
	}

	private Page read(ChangePosition position, @Nullable String target, List<ChangeFeed> feeds) {
		List<String> topics = feeds.stream().map(ChangeFeed::topic).distinct().toList();
		return this.database.executeApart("read changes", ApplicationDatabase.PATIENCE,
				(connection, joined) -> read(connection, position, target, topics));
	}

	private Page read(Connection connection, ChangePosition position, @Nullable String target, List<String> topics)
			throws SQLException {
		return this.store.read(connection, position, target, topics, PAGE);
	}

	private boolean give(ChangePosition position, Page page, List<ChangeFeed> feeds) {
		List<ChangeRow> rows = page.rows();
		Place end = page.end();
		if (!rows.isEmpty()) {
			Map<String, List<ChangeFeed>> byTopic = new HashMap<>();
			feeds.forEach((feed) -> byTopic.computeIfAbsent(feed.topic(), (topic) -> new ArrayList<>(1)).add(feed));
			Set<ChangeFeed> given = new LinkedHashSet<>();
			// As they were published, as far as that can be said
			rows.stream().map(ChangeRow::change).sorted(Comparator.comparingLong(Change::id)).forEach((change) -> {
				List<ChangeFeed> ofTopic = byTopic.getOrDefault(change.topic(), List.of());
				ofTopic.forEach((feed) -> feed.add(change));
				given.addAll(ofTopic);
			});
			given.forEach(ChangeFeed::signal);
		}
		synchronized (this.lock) {
			note(position.server(), page.highestDurable());
			if (position.target() == null) {
				arriveAt(position.behind(page.target()));
			}
		}
		move(feeds, (end != null) ? position.within(page.target(), end) : position.behind(page.target()));
		// A wake-up that came between two pages told of what their target does not see
		return end != null || position.target() != null;
	}

	/**
	 * Another run of the server, another server or another cluster has answered.
	 */
	private void followServer(ServerRun before) {
		boolean again = this.followed;
		this.followed = false;
		Arrival arrival = arrive();
		ServerRun server = arrival.position().server();
		Assert.state(!again && !server.equals(before), "Different servers answer by turns");
		this.followed = true;
		ChangeGap.Reason gap;
		List<ChangeFeed> feeds;
		synchronized (this.lock) {
			gap = gap(before, arrival);
			// All at once, also those without room: soon nobody knows what was durable
			feeds = at(before);
			if (gap == null) {
				this.positions.replaceAll((feed, position) -> follow(position, before, server));
			}
			begin(arrival);
		}
		if (gap != null) {
			giveGap(gap, feeds, arrival.position());
		}
	}

	private List<ChangeFeed> at(ServerRun run) {
		List<ChangeFeed> feeds = new ArrayList<>();
		this.positions.forEach((feed, position) -> {
			if (position.server().equals(run)) {
				feeds.add(feed);
			}
		});
		return feeds;
	}

	private ChangePosition follow(ChangePosition position, ServerRun before, ServerRun server) {
		if (!position.server().equals(before)) {
			return position;
		}
		return (server.isOrderly(before)) ? position.afterShutdown(server) : position.afterCrash(server, this.durable);
	}

	private ChangeGap.@Nullable Reason gap(ServerRun before, Arrival arrival) {
		ServerRun server = arrival.position().server();
		if (!server.isSameCluster(before)) {
			return ChangeGap.Reason.OTHER_CLUSTER;
		}
		if (!server.isRestartOf(before) || !before.equals(this.run)) {
			return ChangeGap.Reason.FAILOVER;
		}
		// Put back to a backup, or it did not wait for the disk
		boolean lost = arrival.durable() < this.durable || server.isOrderly(before) && this.positions.values()
			.stream()
			.anyMatch((position) -> before.equals(position.server())
					&& position.targetXmax() > arrival.position().xmax());
		return (lost) ? ChangeGap.Reason.FAILOVER : null;
	}

	private void expire(ServerRun server, List<ChangeFeed> feeds) {
		Arrival arrival = arrive();
		if (!arrival.position().server().equals(server)) {
			// To be followed first
			return;
		}
		synchronized (this.lock) {
			note(arrival);
		}
		giveGap(ChangeGap.Reason.EXPIRED, feeds, arrival.position());
	}

	private void giveGap(ChangeGap.Reason reason, List<ChangeFeed> feeds, ChangePosition present) {
		logger.warn("Changes may have been missed: " + reason);
		// The position is from before: whoever reacts to the gap misses nothing from then
		// on
		move(feeds, present);
		synchronized (this.lock) {
			this.lastGap = reason;
			this.lastGapAt = this.clock.instant();
		}
		feeds.forEach((feed) -> {
			feed.addGap(reason);
			feed.signal();
		});
	}

	private void move(List<ChangeFeed> feeds, ChangePosition position) {
		synchronized (this.lock) {
			feeds.forEach((feed) -> this.positions.replace(feed, position));
		}
	}

	@Override
	public ChangeDeliveryState state() {
		synchronized (this.lock) {
			int behind = (int) this.positions.keySet().stream().filter((feed) -> !feed.hasRoom()).count();
			return new ChangeDeliveryState(this.positions.size(), behind, this.lastGap, this.lastGapAt);
		}
	}

	@Override
	public String toString() {
		synchronized (this.lock) {
			return "reader of changes at %s, durable %d".formatted(this.positions, this.durable);
		}
	}

	@Override
	public void close() {
		List<ChangeFeed> feeds;
		synchronized (this.lock) {
			this.closed = true;
			feeds = List.copyOf(this.positions.keySet());
		}
		this.wakeups.cancel();
		feeds.forEach(ChangeFeed::cancel);
		this.thread.close();
	}

}
