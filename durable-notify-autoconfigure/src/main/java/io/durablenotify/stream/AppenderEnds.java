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

package io.durablenotify.stream;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import io.durablenotify.Subscription;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import org.jspecify.annotations.Nullable;

/**
 * Notices that another writer has ended or deleted the stream of an appender, for
 * callbacks that are registered for it.
 */
final class AppenderEnds implements WakeupHandler, AutoCloseable {

	private final Set<OpenAppender> open;

	private final Function<Collection<OpenAppender>, Set<Long>> findOpen;

	private final Poll poll;

	/**
	 * Has {@link #findEnded()} called.
	 */
	private final Runnable signal;

	/**
	 * The appenders that have callbacks for an end that is not their own.
	 */
	private final Set<OpenAppender> watched = ConcurrentHashMap.newKeySet();

	/**
	 * How many appenders each stream has.
	 */
	private final Map<Long, Integer> openIds = new ConcurrentHashMap<>();

	/**
	 * Streams of appenders that may have ended, or may be gone.
	 */
	private final Set<Long> touched = ConcurrentHashMap.newKeySet();

	/**
	 * Guarded by {@code this}.
	 */
	private @Nullable Subscription polling;

	/**
	 * Guarded by {@code this}.
	 */
	private boolean closed;

	/**
	 * Create a new instance.
	 * @param open the appenders of this instance that have not ended their streams
	 * @param findOpen returns which streams of appenders are open
	 * @param signal has {@link #findEnded()} called soon
	 */
	AppenderEnds(Set<OpenAppender> open, Function<Collection<OpenAppender>, Set<Long>> findOpen, Poll poll,
			Runnable signal) {
		this.open = open;
		this.findOpen = findOpen;
		this.poll = poll;
		this.signal = signal;
	}

	/**
	 * The stream of an appender is known.
	 * @param before what was known before: a stream whose creation was rolled back
	 */
	void claimed(long streamId, @Nullable Long before) {
		if (!Long.valueOf(streamId).equals(before)) {
			this.openIds.merge(streamId, 1, Integer::sum);
			release(before);
		}
	}

	/**
	 * An appender of a stream has ended it, or gives it up.
	 */
	void release(@Nullable Long streamId) {
		if (streamId != null) {
			this.openIds.computeIfPresent(streamId, (id, count) -> (count > 1) ? count - 1 : null);
		}
	}

	/**
	 * Begin to poll whether the stream of an appender has ended, in addition to its
	 * wake-up.
	 */
	void watch(OpenAppender appender) {
		this.watched.add(appender);
		if (this.open.contains(appender)) {
			followWatched();
			// It may have ended before
			this.signal.run();
		}
		else {
			unwatch(appender);
		}
	}

	/**
	 * Ask soon whether the stream of an appender has ended, if that is of interest.
	 */
	void check(OpenAppender appender) {
		Long streamId = appender.streamId();
		if (this.watched.contains(appender) || (streamId != null && this.touched.contains(streamId))) {
			this.signal.run();
		}
	}

	void unwatch(OpenAppender appender) {
		if (this.watched.remove(appender)) {
			followWatched();
		}
	}

	private synchronized void followWatched() {
		boolean needed = !this.closed && !this.watched.isEmpty();
		if (needed && this.polling == null) {
			this.polling = this.poll.register(this.signal);
		}
		else if (!needed && this.polling != null) {
			this.polling.cancel();
			this.polling = null;
		}
	}

	/**
	 * The stream of an appender has ended, or is gone, without it.
	 */
	void ended(OpenAppender appender) {
		appender.endedElsewhere();
		unwatch(appender);
	}

	/**
	 * Ask which streams have ended.
	 */
	void findEnded() {
		Set<Long> touched = Set.copyOf(this.touched);
		List<OpenAppender> candidates = this.open.stream()
			.filter((appender) -> appender.isCommitted()
					&& (this.watched.contains(appender) || touched.contains(appender.streamId())))
			.toList();
		if (!candidates.isEmpty()) {
			Set<Long> left = this.findOpen.apply(candidates);
			candidates.stream()
				.filter((appender) -> !left.contains(appender.streamId()) && !appender.isEnding()
						&& this.open.contains(appender))
				.forEach(this::ended);
		}
		// What is not known to others yet, or is being ended here, is checked again
		// after that
		Set<Long> later = OpenAppender
			.ids(this.open.stream().filter((appender) -> !appender.isCommitted() || appender.isEnding()).toList());
		touched.stream().filter((streamId) -> !later.contains(streamId)).forEach(this.touched::remove);
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		if ((wakeup.ended() || wakeup.deleted()) && this.openIds.containsKey(wakeup.id())) {
			this.touched.add(wakeup.id());
			this.signal.run();
		}
	}

	@Override
	public void onResync() {
		this.signal.run();
	}

	@Override
	public synchronized void close() {
		this.closed = true;
		followWatched();
	}

}
