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

import java.time.InstantSource;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangePositions.Found;
import io.durablenotify.change.ChangePositions.Gap;
import io.durablenotify.change.ChangePositions.Remembered;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.observation.Observations;
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
 * at a time.
 * <p>
 * Each subscription has a {@linkplain ChangePositions position}. A slow one delays no
 * other: the changes that it has not read yet are in the table. Without a subscription
 * there is no thread and no poll.
 */
final class ChangeReader implements ChangeDelivery, WakeupHandler, AutoCloseable {

	static final String TOPIC = "changes";

	private static final Log logger = LogFactory.getLog(ChangeNotifier.class);

	/**
	 * The largest number of changes of a read.
	 */
	static final int PAGE = 1_000;

	/**
	 * The number of changes from which on a feed has no room. The next page is read while
	 * the handler is called with the one before.
	 */
	static final int CAPACITY = 2 * PAGE;

	private final ApplicationDatabase database;

	private final ChangeSql sql;

	private final Executor executor;

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-changes",
			new FailureLog(logger, "Failed to read changes", "Changes are read again"), this::run);

	private final ChangeMeasures measures = new ChangeMeasures();

	private final Subscription wakeups;

	private final ChangeFeeds feeds;

	/**
	 * Whether the poll has asked for the next read.
	 */
	private volatile boolean polled;

	/**
	 * Whether a wake-up has asked for the next read.
	 */
	private volatile boolean announced;

	private final Observations observations;

	private final Delays delays;

	ChangeReader(ApplicationDatabase database, ChangeSql sql, Executor executor, Wakeups wakeups, Poll poll,
			InstantSource clock, Observations observations, Delays delays) {
		this.observations = observations;
		this.delays = delays;
		this.database = database;
		this.sql = sql;
		this.executor = executor;
		this.feeds = new ChangeFeeds(new ChangePositions<>(clock), poll, this::poll, this.measures.poll());
		this.wakeups = wakeups.subscribe(TOPIC, this);
	}

	/**
	 * Return the id of a topic in wake-ups. If two topics share one, their subscribers
	 * read once too often.
	 */
	static long idOf(String topic) {
		return topic.hashCode();
	}

	Subscription subscribe(String topic, ChangeHandler handler) {
		ChangeFeed feed = new ChangeFeed(topic, handler, CAPACITY, this.executor, this.delays, this.measures.handlers(),
				this.observations, (other) -> this.loop.signal(), this.feeds::remove);
		if (!this.feeds.addAtLatest(feed)) {
			this.feeds.add(feed, currentPositionForCaller());
		}
		try {
			// Changes may have been committed since the position
			this.loop.signal();
		}
		catch (Throwable ex) {
			// The caller could not cancel it
			feed.cancel();
			throw ex;
		}
		return feed;
	}

	private void poll() {
		this.measures.poll().beginRound();
		this.polled = true;
		signalWaiting();
		this.loop.signal();
		warn();
	}

	/**
	 * There may have been no thread for some.
	 */
	private void signalWaiting() {
		ChangeFeed.signal(this.feeds
			.positions((positions) -> positions.subscriptions().stream().filter(ChangeFeed::isWaiting).toList()));
	}

	/**
	 * Log which handlers have left no room for a minute: what they miss is not kept.
	 */
	private void warn() {
		long now = System.nanoTime();
		this.feeds
			.positions((positions) -> positions.subscriptions()
				.stream()
				.map((feed) -> feed.warning(positions.age(feed), now))
				.flatMap(Optional::stream)
				.toList())
			.forEach(logger::warn);
	}

	/**
	 * Find the position by the caller's connection, if it has one: the pool may have no
	 * other.
	 */
	private CurrentPosition currentPositionForCaller() {
		Optional<CurrentPosition> current = this.database.executeReading("find the position in changes",
				(connection, joined) -> Optional.ofNullable((joined) ? this.sql.currentPositionInTransaction(connection)
						: this.sql.currentPosition(connection)));
		return current.orElseGet(this::currentPosition);
	}

	/**
	 * Delete what another cluster has stored before the first caller subscribes: nothing
	 * can be deleted in that caller's transaction.
	 */
	void prepare() {
		try {
			currentPosition();
		}
		catch (DataAccessException ex) {
			logger.debug("Failed to prepare changes; the first subscription does it", ex);
		}
	}

	private CurrentPosition currentPosition() {
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> this.sql.currentPosition(connection)));
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		this.measures.poll().announced(wakeup.id());
		if (this.feeds.haveTopic(wakeup.id())) {
			this.announced = true;
			this.loop.signal();
		}
	}

	@Override
	public void onResync() {
		this.measures.poll().announcedAll();
		this.announced = true;
		refresh();
	}

	/**
	 * Read, so that no position gets older than the retention.
	 */
	void refresh() {
		if (!this.feeds.isEmpty()) {
			this.loop.signal();
		}
	}

	private Next run() {
		boolean polled = this.polled;
		this.polled = false;
		boolean announced = this.announced;
		this.announced = false;
		Outcome outcome = readAll(polled && !announced, announced);
		if (outcome == Outcome.VALIDATED) {
			outcome = readAll(false, false);
			Assert.state(outcome != Outcome.VALIDATED, "Several servers answer alternately");
		}
		return Next.againIf(outcome == Outcome.MORE);
	}

	/**
	 * Read once for each position.
	 */
	private Outcome readAll(boolean polled, boolean announced) {
		boolean more = false;
		String target = null;
		Map<ChangePosition, List<ChangeFeed>> reads = this.feeds
			.positions((positions) -> positions.reads((feed) -> feed.beginRound(polled, announced)));
		for (Map.Entry<ChangePosition, List<ChangeFeed>> entry : reads.entrySet()) {
			ChangePosition position = entry.getKey();
			List<ChangeFeed> feeds = entry.getValue();
			Watermark watermark = watermark(position.server());
			ChangePage page;
			try {
				page = read(position, watermark, target, feeds);
			}
			catch (DataAccessException ex) {
				if (!SqlErrors.isUntranslatable(ex)) {
					throw ex;
				}
				endUnreadable(position, feeds, ex);
				return Outcome.MORE;
			}
			boolean sameRun = page.isFrom(position.server());
			if (!sameRun || !page.confirms(watermark)) {
				validate(position.server(), !sameRun);
				return Outcome.VALIDATED;
			}
			if (page.expired()) {
				expire(position.server(), feeds);
				more = true;
			}
			else {
				deliver(page.rows(), feeds);
				more |= this.feeds.positions((positions) -> positions.advance(position, page, feeds));
				if (page.end() == null) {
					feeds.forEach(ChangeFeed::caughtUp);
				}
				// Those that follow read up to the same target, to share the next read
				target = (target == null && position.target() == null) ? page.target() : target;
			}
		}
		return (more) ? Outcome.MORE : Outcome.DONE;
	}

	/**
	 * End the subscriptions whose topic the database cannot encode, or whose changes the
	 * client cannot decode. An example is text that is not UTF-8 in a SQL_ASCII database.
	 * The other topics are not affected.
	 */
	private void endUnreadable(ChangePosition position, List<ChangeFeed> feeds, DataAccessException failure) {
		Map<String, List<ChangeFeed>> byTopic = byTopic(feeds);
		boolean ended = false;
		for (Map.Entry<String, List<ChangeFeed>> topic : byTopic.entrySet()) {
			DataAccessException reason = (byTopic.size() == 1) ? failure : unreadable(position, topic.getValue());
			if (reason != null) {
				logger.error("Failed to read changes of topic '%s'; its subscriptions end".formatted(topic.getKey()),
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
			read(position, watermark(position.server()), null, feeds);
			return null;
		}
		catch (DataAccessException ex) {
			if (!SqlErrors.isUntranslatable(ex)) {
				throw ex;
			}
			return ex;
		}
	}

	private Watermark watermark(ServerRun run) {
		return this.feeds.positions((positions) -> positions.watermark(run));
	}

	private ChangePage read(ChangePosition position, Watermark watermark, @Nullable String target,
			List<ChangeFeed> feeds) {
		List<String> topics = feeds.stream().map(ChangeFeed::topic).distinct().toList();
		SessionWork<ChangePage> read = (connection, joined) -> this.sql.read(connection, position, watermark, target,
				topics, PAGE);
		long start = this.measures.fetch().start();
		try {
			ChangePage page = this.database.executeSeparately("read changes", ApplicationDatabase.SOCKET_TIMEOUT,
					Conflicts.repeat(read));
			this.measures.fetch().end(start, page.rows().size());
			return page;
		}
		catch (Throwable ex) {
			this.measures.fetch().failed(start);
			throw ex;
		}
	}

	/**
	 * Deliver changes in the order in which they were published, as far as it is known.
	 */
	private void deliver(List<ChangeRow> rows, List<ChangeFeed> feeds) {
		if (rows.isEmpty()) {
			return;
		}
		Map<String, List<Change>> byTopic = rows.stream()
			.map(ChangeRow::change)
			.sorted(Comparator.comparingLong(Change::id))
			.collect(Collectors.groupingBy(Change::topic));
		if (!this.announced) {
			feeds.stream()
				.filter(ChangeFeed::isFound)
				.map(ChangeFeed::topic)
				.distinct()
				.forEach((topic) -> this.measures.poll()
					.found(idOf(topic), byTopic.getOrDefault(topic, List.of()).size()));
		}
		List<ChangeFeed> delivered = feeds.stream().filter((feed) -> byTopic.containsKey(feed.topic())).toList();
		delivered.forEach((feed) -> {
			List<Change> changes = byTopic.getOrDefault(feed.topic(), List.of());
			feed.add(changes);
			this.measures.handlers().fetched().add(changes.size());
		});
		ChangeFeed.signal(delivered);
	}

	private static Map<String, List<ChangeFeed>> byTopic(List<ChangeFeed> feeds) {
		return feeds.stream()
			.collect(Collectors.groupingBy(ChangeFeed::topic, LinkedHashMap::new, Collectors.toList()));
	}

	/**
	 * Validate the positions: another run of the server, another server or another
	 * cluster has answered. Or the watermark was not confirmed.
	 */
	private void validate(ServerRun before, boolean answeredByOther) {
		Found found = find(this.feeds.positions(ChangePositions::remembered));
		deliver(this.feeds.positions((positions) -> positions.validate(before, answeredByOther, found)));
	}

	private Found find(Remembered remembered) {
		ChangeIdentity last = remembered.watermark().last();
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> {
					CurrentPosition current = this.sql.currentPosition(connection);
					boolean hasLast = current.watermark().deleted() >= remembered.watermark().deleted()
							&& (last == null || this.sql.has(connection, List.of(last)));
					return new Found(current, hasLast, hasLast && this.sql.has(connection, remembered.lastRead()));
				}));
	}

	private void expire(ServerRun server, List<ChangeFeed> feeds) {
		CurrentPosition current = currentPosition();
		deliver(this.feeds.positions((positions) -> positions.expire(server, feeds, current)));
	}

	private void deliver(@Nullable Gap<ChangeFeed> gap) {
		if (gap == null) {
			return;
		}
		logger.warn("Changes may have been missed: %s. Handlers are notified of a gap".formatted(gap.reason()));
		this.measures.gaps().of(gap.reason()).increment();
		gap.subscriptions().forEach((feed) -> feed.addGap(gap.reason()));
		ChangeFeed.signal(gap.subscriptions());
	}

	/**
	 * The outcome of reading once for each position.
	 */
	private enum Outcome {

		DONE,

		MORE,

		/**
		 * The positions have been validated, and must be read from again.
		 */
		VALIDATED

	}

	@Override
	public ChangeDeliveryState state() {
		return this.feeds.positions((positions) -> positions.state(ChangeFeed::hasRoom));
	}

	@Override
	public List<ChangeSubscriptionState> subscriptions() {
		return this.feeds.positions((positions) -> positions.subscriptions()
			.stream()
			.map((feed) -> feed.state(positions.age(feed)))
			.toList());
	}

	@Override
	public ChangeMeasures measures() {
		return this.measures;
	}

	@Override
	public String toString() {
		return this.feeds.positions((positions) -> "reader of changes at " + positions);
	}

	@Override
	public void close() {
		this.wakeups.cancel();
		this.feeds.close();
		this.loop.close();
	}

}
