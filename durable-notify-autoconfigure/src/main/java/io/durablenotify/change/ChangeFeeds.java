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

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import io.durablenotify.Subscription;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.PollFindings;
import org.jspecify.annotations.Nullable;

/**
 * The feeds of this instance, with their topics and positions. While there are any, the
 * poll makes them read.
 * <p>
 * Thread-safe.
 */
final class ChangeFeeds {

	private final Poll poll;

	private final Runnable onPoll;

	private final PollFindings findings;

	/**
	 * How many feeds each topic has, by its {@link ChangeReader#idOf id}.
	 */
	private final Map<Long, Integer> topics = new ConcurrentHashMap<>();

	/**
	 * Guards the fields below, and writes to the topics. Never held during a statement:
	 * in an outage each subscriber would wait for all before it.
	 */
	private final Object lock = new Object();

	private final ChangePositions<ChangeFeed> positions;

	private @Nullable Subscription polling;

	private boolean closed;

	ChangeFeeds(ChangePositions<ChangeFeed> positions, Poll poll, Runnable onPoll, PollFindings findings) {
		this.findings = findings;
		this.positions = positions;
		this.poll = poll;
		this.onPoll = onPoll;
	}

	/**
	 * Add a feed at the position that others have read to, if that is recent.
	 * @return whether it was added
	 */
	boolean addAtLatest(ChangeFeed feed) {
		synchronized (this.lock) {
			requireOpen();
			boolean added = this.positions.addAtLatest(feed);
			if (added) {
				register(feed);
			}
			return added;
		}
	}

	/**
	 * Add a feed at the current position.
	 */
	void add(ChangeFeed feed, CurrentPosition current) {
		synchronized (this.lock) {
			requireOpen();
			this.positions.add(feed, current);
			register(feed);
		}
	}

	private void requireOpen() {
		if (this.closed) {
			throw ChangeRules.closed();
		}
	}

	private void register(ChangeFeed feed) {
		this.topics.merge(ChangeReader.idOf(feed.topic()), 1, Integer::sum);
		if (this.polling == null) {
			try {
				this.polling = this.poll.register(this.onPoll, this.findings);
			}
			catch (Throwable ex) {
				// The caller could not cancel it
				remove(feed);
				throw ex;
			}
		}
	}

	void remove(ChangeFeed feed) {
		Subscription polling = null;
		synchronized (this.lock) {
			if (!this.positions.remove(feed)) {
				return;
			}
			this.topics.computeIfPresent(ChangeReader.idOf(feed.topic()),
					(id, count) -> (count > 1) ? count - 1 : null);
			if (this.topics.isEmpty()) {
				polling = this.polling;
				this.polling = null;
			}
		}
		if (polling != null) {
			polling.cancel();
		}
	}

	boolean isEmpty() {
		return this.topics.isEmpty();
	}

	/**
	 * Return whether there may be feeds of a topic.
	 * @param id the topic's {@link ChangeReader#idOf id}
	 */
	boolean haveTopic(long id) {
		return this.topics.containsKey(id);
	}

	/**
	 * Read or change the positions in one step.
	 */
	<T extends @Nullable Object> T positions(Function<ChangePositions<ChangeFeed>, T> step) {
		synchronized (this.lock) {
			return step.apply(this.positions);
		}
	}

	/**
	 * Cancel all feeds, and accept no others.
	 */
	void close() {
		List<ChangeFeed> feeds;
		synchronized (this.lock) {
			this.closed = true;
			feeds = List.copyOf(this.positions.subscriptions());
		}
		feeds.forEach(ChangeFeed::cancel);
	}

}
