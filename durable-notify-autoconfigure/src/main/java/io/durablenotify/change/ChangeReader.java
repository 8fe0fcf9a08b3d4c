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

import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangeStore.Arrival;
import io.durablenotify.change.ChangeStore.Identity;
import io.durablenotify.change.ChangeStore.Known;
import io.durablenotify.change.ChangeStore.Page;
import io.durablenotify.change.ChangeStore.Place;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
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

	/**
	 * Of how many changes, those that were read last, a crash may have taken one without
	 * the one with the highest number. What a commit does not wait for is on disk within
	 * a second, unless the server is told otherwise.
	 */
	private static final int WITNESSES = 1_000;

	private final ApplicationDatabase database;

	private final ChangeStore store;

	private final Executor executor;

	private final Poll poll;

	private final Clock clock;

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-changes",
			new FailureLog(logger, "Changes cannot be read for now; handlers wait", "Changes are read again"),
			this::run);

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
	 * The run of the server that {@link #known} is of.
	 */
	private @Nullable ServerRun run;

	private Known known = Known.NOTHING;

	/**
	 * The changes that were read last in this run.
	 */
	private final Deque<Identity> witnesses = new ArrayDeque<>();

	private @Nullable Subscription polling;

	private ChangeGap.@Nullable Reason lastGap;

	private @Nullable Instant lastGapAt;

	private boolean closed;

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
		ChangeFeed feed = new ChangeFeed(topic, handler, PAGE, this.executor, (other) -> this.loop.signal(),
				this::remove);
		if (!join(feed)) {
			// Without a lock, or in an outage each would wait for all before it
			add(feed, arriveForCaller());
		}
		// What has come between the position and now
		this.loop.signal();
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
			this.polling = this.poll.register(this.loop::signal);
		}
	}

	private void begin(Arrival arrival) {
		this.run = arrival.position().server();
		this.known = arrival.known();
		this.witnesses.clear();
		this.latest = null;
		note(arrival);
	}

	private void note(Arrival arrival) {
		note(arrival.position().server(), arrival.known());
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
	private void note(ServerRun run, Known known) {
		if (run.equals(this.run)) {
			this.known = this.known.and(known);
		}
	}

	private Known known(ServerRun run) {
		synchronized (this.lock) {
			return (run.equals(this.run)) ? this.known : Known.NOTHING;
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
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.store.arrive(connection));
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		if (this.topics.containsKey(wakeup.id())) {
			this.loop.signal();
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
			this.loop.signal();
		}
	}

	private Next run() {
		Outcome outcome = look();
		if (outcome == Outcome.FOLLOWED) {
			outcome = look();
			Assert.state(outcome != Outcome.FOLLOWED, "Different servers answer by turns");
		}
		return Next.againIf(outcome == Outcome.MORE);
	}

	/**
	 * Read once for each position.
	 */
	private Outcome look() {
		boolean more = false;
		String target = null;
		for (Map.Entry<ChangePosition, List<ChangeFeed>> group : groups().entrySet()) {
			ChangePosition position = group.getKey();
			List<ChangeFeed> feeds = group.getValue();
			Known known = known(position.server());
			Page page;
			try {
				page = read(position, known, target, feeds);
			}
			catch (DataAccessException ex) {
				if (!SqlErrors.isUntranslatable(ex)) {
					throw ex;
				}
				endUnreadable(position, feeds, ex);
				return Outcome.MORE;
			}
			boolean sameRun = position.server().isThatOf(page);
			if (!sameRun || !page.proves(known)) {
				follow(position.server(), !sameRun);
				return Outcome.FOLLOWED;
			}
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
		return (more) ? Outcome.MORE : Outcome.DONE;
	}

	/**
	 * A topic that the database cannot spell, or a change of it that the client cannot:
	 * such as what others have stored in a SQL_ASCII database. The other topics go on.
	 */
	private void endUnreadable(ChangePosition position, List<ChangeFeed> feeds, DataAccessException failure) {
		Map<String, List<ChangeFeed>> byTopic = new LinkedHashMap<>();
		feeds.forEach((feed) -> byTopic.computeIfAbsent(feed.topic(), (topic) -> new ArrayList<>(1)).add(feed));
		boolean ended = false;
		for (Map.Entry<String, List<ChangeFeed>> topic : byTopic.entrySet()) {
			DataAccessException reason = (byTopic.size() == 1) ? failure : unreadable(position, topic.getValue());
			if (reason != null) {
				logger.error("Changes of topic '%s' cannot be read: its subscriptions end".formatted(topic.getKey()),
						reason);
				topic.getValue().forEach(ChangeFeed::cancel);
				ended = true;
			}
		}
		if (!ended) {
			throw failure;
		}
	}

	private @Nullable DataAccessException unreadable(ChangePosition position, List<ChangeFeed> feeds) {
		try {
			read(position, known(position.server()), null, feeds);
			return null;
		}
		catch (DataAccessException ex) {
			if (!SqlErrors.isUntranslatable(ex)) {
				throw ex;
			}
			return ex;
		}
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

	private Page read(ChangePosition position, Known known, @Nullable String target, List<ChangeFeed> feeds) {
		List<String> topics = feeds.stream().map(ChangeFeed::topic).distinct().toList();
		return this.database.executeSeparately("read changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.store.read(connection, position, known, target, topics, PAGE));
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
			note(position.server(), page.known());
			if (position.server().equals(this.run)) {
				witness(rows);
			}
			if (position.target() == null) {
				arriveAt(position.behind(page.target()));
			}
		}
		move(feeds, (end != null) ? position.within(page.target(), end) : position.behind(page.target()));
		// A wake-up that came between two pages told of what their target does not see
		return end != null || position.target() != null;
	}

	private void witness(List<ChangeRow> rows) {
		for (ChangeRow row : rows) {
			this.witnesses.add(row.identity());
			if (this.witnesses.size() > WITNESSES) {
				this.witnesses.remove();
			}
		}
	}

	/**
	 * Another run of the server, another server or another cluster has answered, or what
	 * was known of this one is no longer so.
	 */
	private void follow(ServerRun before, boolean otherRun) {
		Return result = comeBack();
		Arrival arrival = result.arrival();
		ServerRun server = arrival.position().server();
		Assert.state(!otherRun || !server.equals(before), "Different servers answer by turns");
		ChangeGap.Reason gap;
		List<ChangeFeed> feeds;
		synchronized (this.lock) {
			gap = gap(before, arrival, result.intact() && otherRun);
			// All at once, also those without room: soon nobody knows what was known
			feeds = at(before);
			// Without a crash, no number is given away again because somebody removes
			// rows
			boolean goOn = gap != ChangeGap.Reason.OTHER_CLUSTER && before.equals(this.run)
					&& (result.certain() || !server.isOtherThan(before));
			this.positions.replaceAll((feed, position) -> {
				if (!position.server().equals(before)) {
					return position;
				}
				return (goOn) ? position.afterCrash(server, this.known.durable()) : arrival.position();
			});
			begin(arrival);
		}
		if (gap != null) {
			giveGap(gap, feeds);
		}
	}

	/**
	 * The present, whether the last change is there, so that no number up to its own is
	 * given away again, and whether all is there that was read last.
	 */
	private record Return(Arrival arrival, boolean certain, boolean intact) {
	}

	private Return comeBack() {
		List<Identity> witnesses;
		Known known;
		synchronized (this.lock) {
			witnesses = List.copyOf(this.witnesses);
			known = this.known;
		}
		Identity last = known.last();
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> {
					Arrival arrival = this.store.arrive(connection);
					boolean certain = arrival.known().deleted() >= known.deleted()
							&& (last == null || this.store.has(connection, List.of(last)));
					return new Return(arrival, certain, certain && this.store.has(connection, witnesses));
				});
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

	private ChangeGap.@Nullable Reason gap(ServerRun before, Arrival arrival, boolean intact) {
		ServerRun server = arrival.position().server();
		if (!server.isSameCluster(before)) {
			return ChangeGap.Reason.OTHER_CLUSTER;
		}
		if (!intact || !before.equals(this.run) || !server.isSameTimeline(before)
				|| !server.log().equals(before.log())) {
			return ChangeGap.Reason.FAILOVER;
		}
		// Put back to a backup: a server that was shut down has forgotten no number
		boolean isBackup = server.isAfterShutdown(before) && this.positions.values()
			.stream()
			.anyMatch((position) -> before.equals(position.server())
					&& position.targetXmax() > arrival.position().xmax());
		return (isBackup) ? ChangeGap.Reason.FAILOVER : null;
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
		move(feeds, arrival.position());
		giveGap(ChangeGap.Reason.EXPIRED, feeds);
	}

	/**
	 * The position is from before: whoever reacts to the gap misses nothing from then on.
	 */
	private void giveGap(ChangeGap.Reason reason, List<ChangeFeed> feeds) {
		logger.warn("Changes may have been missed: " + reason);
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

	/**
	 * How reading has ended.
	 */
	private enum Outcome {

		DONE,

		MORE,

		/**
		 * Another run of the server has answered. The positions are those of that one
		 * now, and nothing has been read.
		 */
		FOLLOWED

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
			return "reader of changes at %s, durable %d".formatted(this.positions, this.known.durable());
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
		this.loop.close();
	}

}
