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

package io.durablenotify.channel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.WakeupHandler;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * The calls of this instance that wait for messages of addresses. One that is registered
 * before its first fetch misses no message: it is woken for each that is committed later,
 * and the poll wakes it where a wake-up was lost.
 */
final class DirectWaits implements WakeupHandler, AutoCloseable {

	private static final Log logger = LogFactory.getLog(DurableChannels.class);

	private final ApplicationDatabase database;

	private final ChannelSql sql;

	private final Duration pollInterval;

	private final BackgroundLoop poll;

	/**
	 * By the ids of their addresses.
	 */
	private final Map<Long, Set<Wait>> waits = new ConcurrentHashMap<>();

	private final AtomicInteger count = new AtomicInteger();

	private volatile boolean stopped;

	DirectWaits(ApplicationDatabase database, ChannelSql sql, Duration pollInterval) {
		this.database = database;
		this.sql = sql;
		this.pollInterval = pollInterval;
		this.poll = new BackgroundLoop("durable-notify-channel-poll", new FailureLog(logger,
				"Failed to poll for messages of addresses", "Messages of addresses are polled for again"), this::poll);
	}

	/**
	 * Register a wait.
	 * @param wake called when there may be a message, and when waits end: must return at
	 * once
	 * @return the wait, to be ended
	 */
	Wait register(DirectAddress address, Runnable wake) {
		Wait wait = new Wait(address, address.id(), wake);
		this.waits.compute(wait.id, (id, waits) -> {
			Set<Wait> all = (waits != null) ? waits : ConcurrentHashMap.newKeySet();
			all.add(wait);
			return all;
		});
		if (this.count.getAndIncrement() == 0) {
			try {
				this.poll.signalAfter(this.pollInterval);
			}
			catch (Throwable ex) {
				// The caller could not end it
				wait.end();
				throw ex;
			}
		}
		return wait;
	}

	/**
	 * Return how many waits there are.
	 */
	int count() {
		return this.count.get();
	}

	/**
	 * Return whether waits end, since the application context is closing.
	 */
	boolean isStopped() {
		return this.stopped;
	}

	void start() {
		this.stopped = false;
	}

	/**
	 * End all waits.
	 */
	void stop() {
		this.stopped = true;
		all().forEach(Wait::wake);
	}

	private List<Wait> all() {
		List<Wait> all = new ArrayList<>();
		this.waits.values().forEach(all::addAll);
		return all;
	}

	private void wake(long id, DirectAddress address) {
		this.waits.getOrDefault(id, Set.of()).forEach((wait) -> {
			if (wait.address.equals(address)) {
				wait.wake();
			}
		});
	}

	@Override
	public void onWakeup(Wakeup wakeup) {
		this.waits.getOrDefault(wakeup.id(), Set.of()).forEach(Wait::wake);
	}

	@Override
	public void onResync() {
		if (!this.waits.isEmpty()) {
			this.poll.signal();
		}
	}

	private Next poll() {
		Set<DirectAddress> addresses = new LinkedHashSet<>();
		all().forEach((wait) -> addresses.add(wait.address));
		if (addresses.isEmpty()) {
			// One that is just being registered has found another that has not ended yet
			return (this.count.get() == 0) ? Next.IDLE : Next.after(this.pollInterval);
		}
		List<DirectAddress> waiting = this.database.executeSeparately("poll for messages of addresses",
				ApplicationDatabase.SOCKET_TIMEOUT,
				Conflicts.repeat((connection, joined) -> this.sql.waiting(connection, List.copyOf(addresses))));
		waiting.forEach((address) -> wake(address.id(), address));
		return Next.after(this.pollInterval);
	}

	@Override
	public void close() {
		stop();
		this.poll.close();
	}

	/**
	 * A call that waits.
	 */
	final class Wait {

		private final DirectAddress address;

		private final long id;

		private final Runnable wake;

		private Wait(DirectAddress address, long id, Runnable wake) {
			this.address = address;
			this.id = id;
			this.wake = wake;
		}

		private void wake() {
			try {
				this.wake.run();
			}
			catch (Throwable ex) {
				// Others wait too. The poll, or the end of its time, wakes it again
				logger.debug("No thread to fetch a message", ex);
			}
		}

		/**
		 * The call has ended.
		 */
		void end() {
			DirectWaits.this.waits.computeIfPresent(this.id, (id, waits) -> {
				if (waits.remove(this)) {
					DirectWaits.this.count.decrementAndGet();
				}
				return (waits.isEmpty()) ? null : waits;
			});
		}

	}

}
