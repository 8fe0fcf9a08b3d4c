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
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.log.HandlerMeasures;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A {@link ChangeNotifier} within this JVM, for databases that are not PostgreSQL. Keeps
 * the changes that wait for a handler in memory, up to a limit.
 */
final class LocalChangeNotifier implements ChangeNotifier, AutoCloseable {

	private static final Log logger = LogFactory.getLog(ChangeNotifier.class);

	/**
	 * The largest number of changes that wait for one handler. More are replaced by a
	 * gap.
	 */
	static final int CAPACITY = 10_000;

	private final Executor executor;

	private final Clock clock;

	private final Observations observations;

	private final AtomicLong lastId = new AtomicLong();

	private final Map<String, Set<ChangeFeed>> feeds = new ConcurrentHashMap<>();

	private final TransactionBuffer<TransactionChanges> transactions = new TransactionBuffer<>(this,
			() -> new TransactionChanges(this::deliver));

	private final Object delivery = new Object();

	private volatile boolean closed;

	/**
	 * Create a new instance. Logs a warning that it works within this JVM only.
	 * @param product the database's name and version
	 */
	LocalChangeNotifier(String product, Executor executor, Clock clock, Observations observations) {
		this.observations = observations;
		this.executor = executor;
		this.clock = clock;
		logger.warn(("The DataSource is %s, not PostgreSQL: changes are delivered within this JVM only, not to other "
				+ "instances. To run several instances, use PostgreSQL or define a ChangeNotifier bean")
			.formatted(product));
	}

	@Override
	public void publish(String topic, String key, @Nullable String originator) {
		ChangeRules.requireTopic(topic);
		ChangeRules.requireKey(key);
		ChangeRules.requireOriginator(originator);
		ApplicationDatabase.requireWritable(TransactionBuffer.isReadOnly(), () -> "Changes cannot be published");
		Change change = new Change(topic, key, originator, true, this.lastId.incrementAndGet(), this.clock.instant());
		if (TransactionBuffer.isAvailable()) {
			this.transactions.current().add(change);
		}
		else {
			deliver(List.of(change));
		}
	}

	/**
	 * Add each change to all feeds before the next one. A change that a handler publishes
	 * in response to another must not be delivered before that one.
	 */
	private void deliver(List<Change> changes) {
		Set<ChangeFeed> feeds = new LinkedHashSet<>();
		synchronized (this.delivery) {
			changes.forEach((change) -> feeds.addAll(deliver(change)));
		}
		// After the lock is released: the executor may run handlers on this thread
		ChangeFeed.signal(feeds);
	}

	private Set<ChangeFeed> deliver(Change change) {
		Set<ChangeFeed> feeds = this.feeds.getOrDefault(change.topic(), Set.of());
		for (ChangeFeed feed : feeds) {
			if (feed.hasRoom()) {
				feed.add(List.of(change));
			}
			else {
				feed.addGap(ChangeGap.Reason.OVERFLOW);
			}
		}
		return feeds;
	}

	@Override
	public Subscription subscribe(String topic, ChangeHandler handler) {
		ChangeRules.requireTopic(topic);
		Assert.notNull(handler, "'handler' must not be null");
		ChangeFeed feed = new ChangeFeed(topic, handler, CAPACITY, this.executor, Delays.ofJvm(), new HandlerMeasures(),
				this.observations, (hasRoom) -> {
				}, this::remove);
		this.feeds.compute(topic, (key, feeds) -> with(feeds, feed));
		if (this.closed) {
			feed.cancel();
			throw ChangeRules.closed();
		}
		return feed;
	}

	private void remove(ChangeFeed feed) {
		this.feeds.computeIfPresent(feed.topic(), (topic, feeds) -> without(feeds, feed));
	}

	private static Set<ChangeFeed> with(@Nullable Set<ChangeFeed> feeds, ChangeFeed feed) {
		Set<ChangeFeed> result = (feeds != null) ? feeds : ConcurrentHashMap.newKeySet(1);
		result.add(feed);
		return result;
	}

	private static @Nullable Set<ChangeFeed> without(Set<ChangeFeed> feeds, ChangeFeed feed) {
		feeds.remove(feed);
		return (feeds.isEmpty()) ? null : feeds;
	}

	/**
	 * Return the topics that have subscriptions.
	 */
	Set<String> topics() {
		return this.feeds.keySet();
	}

	/**
	 * Cancel all subscriptions, and accept no others.
	 */
	@Override
	public void close() {
		this.closed = true;
		List.copyOf(this.feeds.values()).forEach((feeds) -> List.copyOf(feeds).forEach(ChangeFeed::cancel));
	}

}
