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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;

import io.durablenotify.Subscription;
import io.durablenotify.change.ChangePositions.Found;
import io.durablenotify.change.ChangePositions.Gap;
import io.durablenotify.change.ChangePositions.Remembered;
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

	private final ApplicationDatabase database;

	private final ChangeSql sql;

	private final Executor executor;

	private final BackgroundLoop loop = new BackgroundLoop("durable-notify-changes",
			new FailureLog(logger, "Changes cannot be read for now; handlers wait", "Changes are read again"),
			this::run);

	private final Subscription wakeups;

	private final ChangeFeeds feeds;

	ChangeReader(ApplicationDatabase database, ChangeSql sql, Executor executor, Wakeups wakeups, Poll poll,
			InstantSource clock) {
		this.database = database;
		this.sql = sql;
		this.executor = executor;
		this.feeds = new ChangeFeeds(new ChangePositions<>(clock), poll, this.loop::signal);
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
				this.feeds::remove);
		if (!this.feeds.addAtLatest(feed)) {
			this.feeds.add(feed, currentPositionForCaller());
		}
		// What has come between the position and now
		this.loop.signal();
		return feed;
	}

	/**
	 * On the caller's connection where there is one: a pool of one must do.
	 */
	private CurrentPosition currentPositionForCaller() {
		Optional<CurrentPosition> current = this.database.executeReading("find the position in changes",
				(connection, joined) -> Optional.ofNullable((joined) ? this.sql.currentPositionInTransaction(connection)
						: this.sql.currentPosition(connection)));
		return current.orElseGet(this::currentPosition);
	}

	/**
	 * Have what another cluster has stored removed before anybody subscribes, who may be
	 * in a transaction, where nothing can be.
	 */
	void prepare() {
		try {
			currentPosition();
		}
		catch (DataAccessException ex) {
			logger.debug("Not prepared: the first subscription does it", ex);
		}
	}

	private CurrentPosition currentPosition() {
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.sql.currentPosition(connection));
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		if (this.feeds.haveTopic(wakeup.id())) {
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
		if (!this.feeds.isEmpty()) {
			this.loop.signal();
		}
	}

	private Next run() {
		Outcome outcome = look();
		if (outcome == Outcome.VALIDATED) {
			outcome = look();
			Assert.state(outcome != Outcome.VALIDATED, "Different servers answer by turns");
		}
		return Next.againIf(outcome == Outcome.MORE);
	}

	/**
	 * Read once for each position.
	 */
	private Outcome look() {
		boolean more = false;
		String target = null;
		Map<ChangePosition, List<ChangeFeed>> reads = this.feeds
			.positions((positions) -> positions.reads(ChangeFeed::hasRoom));
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
				give(page.rows(), feeds);
				more |= this.feeds.positions((positions) -> positions.advance(position, page, feeds));
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
		Map<String, List<ChangeFeed>> byTopic = byTopic(feeds);
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
		return this.database.executeSeparately("read changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.sql.read(connection, position, watermark, target, topics, PAGE));
	}

	/**
	 * All feeds get the changes in the order in which they were published, as far as that
	 * is known.
	 */
	private static void give(List<ChangeRow> rows, List<ChangeFeed> feeds) {
		if (rows.isEmpty()) {
			return;
		}
		Map<String, List<ChangeFeed>> byTopic = byTopic(feeds);
		Set<ChangeFeed> given = new LinkedHashSet<>();
		rows.stream().map(ChangeRow::change).sorted(Comparator.comparingLong(Change::id)).forEach((change) -> {
			List<ChangeFeed> ofTopic = byTopic.getOrDefault(change.topic(), List.of());
			ofTopic.forEach((feed) -> feed.add(change));
			given.addAll(ofTopic);
		});
		given.forEach(ChangeFeed::signal);
	}

	private static Map<String, List<ChangeFeed>> byTopic(List<ChangeFeed> feeds) {
		return feeds.stream()
			.collect(Collectors.groupingBy(ChangeFeed::topic, LinkedHashMap::new, Collectors.toList()));
	}

	/**
	 * Another run of the server, another server or another cluster has answered, or what
	 * was known of this one is no longer so.
	 */
	private void validate(ServerRun before, boolean answeredByOther) {
		Found found = find(this.feeds.positions(ChangePositions::remembered));
		giveGap(this.feeds.positions((positions) -> positions.validate(before, answeredByOther, found)));
	}

	private Found find(Remembered remembered) {
		ChangeIdentity last = remembered.watermark().last();
		return this.database.executeSeparately("find the position in changes", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> {
					CurrentPosition current = this.sql.currentPosition(connection);
					boolean hasLast = current.watermark().deleted() >= remembered.watermark().deleted()
							&& (last == null || this.sql.has(connection, List.of(last)));
					return new Found(current, hasLast, hasLast && this.sql.has(connection, remembered.lastRead()));
				});
	}

	private void expire(ServerRun server, List<ChangeFeed> feeds) {
		CurrentPosition current = currentPosition();
		giveGap(this.feeds.positions((positions) -> positions.expire(server, feeds, current)));
	}

	private void giveGap(@Nullable Gap<ChangeFeed> gap) {
		if (gap == null) {
			return;
		}
		logger.warn("Changes may have been missed: " + gap.reason());
		gap.subscriptions().forEach((feed) -> {
			feed.addGap(gap.reason());
			feed.signal();
		});
	}

	/**
	 * How reading has ended.
	 */
	private enum Outcome {

		DONE,

		MORE,

		/**
		 * The positions are validated now, and nothing has been read.
		 */
		VALIDATED

	}

	@Override
	public ChangeDeliveryState state() {
		return this.feeds.positions((positions) -> positions.state(ChangeFeed::hasRoom));
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
