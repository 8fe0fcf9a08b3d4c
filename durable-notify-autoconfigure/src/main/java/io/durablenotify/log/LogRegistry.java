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

package io.durablenotify.log;

import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.wakeup.PollFindings;
import org.jspecify.annotations.Nullable;

/**
 * The subscriptions of a feature, by their log or by the name that they wait for. Knows
 * neither the database nor the fetcher.
 */
final class LogRegistry<E> {

	private final LogKind kind;

	private final LogMeasures measures;

	/**
	 * Not those of another context, whose poll is in the same moment.
	 */
	private final PollFindings findings;

	/**
	 * Called after each change that may have been the first or the last.
	 */
	private final Runnable changed;

	private final Map<Long, Set<LogSubscription<E>>> byId = new ConcurrentHashMap<>();

	private final Map<String, Set<LogSubscription<E>>> byName = new ConcurrentHashMap<>();

	/**
	 * Subscriptions whose end is known and not delivered yet: they need no fetch, but a
	 * stop must find them.
	 */
	private final Set<LogSubscription<E>> ending = ConcurrentHashMap.newKeySet();

	private final AtomicLong wakeups = new AtomicLong();

	/**
	 * Subscriptions may come before the lifecycle starts: the web server is up earlier.
	 */
	private volatile boolean open = true;

	private volatile boolean closed;

	LogRegistry(LogKind kind, LogMeasures measures, Runnable changed) {
		this.kind = kind;
		this.measures = measures;
		this.findings = measures.poll().ofAnother();
		this.changed = changed;
	}

	LogKind kind() {
		return this.kind;
	}

	LogMeasures measures() {
		return this.measures;
	}

	PollFindings findings() {
		return this.findings;
	}

	/**
	 * Register a subscription that waits for a name.
	 */
	void addWaiting(LogSubscription<E> subscription) {
		this.byName.compute(subscription.name(), (name, subscriptions) -> with(subscriptions, subscription));
		this.changed.run();
	}

	/**
	 * Register a subscription of a log.
	 */
	void add(LogSubscription<E> subscription, long logId) {
		bind(subscription, logId);
		this.changed.run();
	}

	/**
	 * Bind the subscriptions that wait for a name, which exists now.
	 * @return those
	 */
	Collection<LogSubscription<E>> bindWaiting(String name, long logId) {
		Set<LogSubscription<E>> waiting = this.byName.remove(name);
		if (waiting == null) {
			return Set.of();
		}
		waiting.forEach((subscription) -> bind(subscription, logId));
		// In between they were registered nowhere
		this.changed.run();
		return waiting;
	}

	private void bind(LogSubscription<E> subscription, long logId) {
		subscription.bind(logId);
		this.byId.compute(logId, (id, subscriptions) -> with(subscriptions, subscription));
		// A stop could not find it while it moved from one map to the other
		if (!this.open) {
			subscription.stop();
		}
		if (!subscription.isReading()) {
			unregister(subscription);
		}
	}

	private static <E> Set<LogSubscription<E>> with(@Nullable Set<LogSubscription<E>> subscriptions,
			LogSubscription<E> subscription) {
		Set<LogSubscription<E>> result = (subscriptions != null) ? subscriptions : ConcurrentHashMap.newKeySet(1);
		result.add(subscription);
		return result;
	}

	/**
	 * Note that a subscription needs no more fetches.
	 */
	void ending(LogSubscription<E> subscription) {
		this.ending.add(subscription);
		unregister(subscription);
		// Its consumer may have been as fast
		if (!subscription.isActive()) {
			remove(subscription);
		}
	}

	void remove(LogSubscription<E> subscription) {
		unregister(subscription);
		this.ending.remove(subscription);
	}

	private void unregister(LogSubscription<E> subscription) {
		this.byName.computeIfPresent(subscription.name(),
				(name, subscriptions) -> without(subscriptions, subscription));
		this.byId.computeIfPresent(subscription.logId(), (id, subscriptions) -> without(subscriptions, subscription));
		if (!isFetching()) {
			this.changed.run();
		}
	}

	private static <E> @Nullable Set<LogSubscription<E>> without(Set<LogSubscription<E>> subscriptions,
			LogSubscription<E> subscription) {
		subscriptions.remove(subscription);
		return (subscriptions.isEmpty()) ? null : subscriptions;
	}

	/**
	 * Return whether there is a subscription that needs fetches.
	 */
	boolean isFetching() {
		return !this.byName.isEmpty() || !this.byId.isEmpty();
	}

	/**
	 * Count a wake-up. To be called before its log's subscriptions are looked up: then
	 * the thread that binds a subscription and asks for the count after that knows of
	 * each wake-up that has not found it.
	 */
	void countWakeup() {
		this.wakeups.incrementAndGet();
	}

	/**
	 * Return how many wake-ups have come, for any log.
	 */
	long wakeups() {
		return this.wakeups.get();
	}

	Collection<LogSubscription<E>> of(long logId) {
		return this.byId.getOrDefault(logId, Set.of());
	}

	Set<Long> logIds() {
		return this.byId.keySet();
	}

	Collection<LogSubscription<E>> waitingFor(String name) {
		return List.copyOf(this.byName.getOrDefault(name, Set.of()));
	}

	/**
	 * Return the subscriptions that wait for names and must not go on waiting if there is
	 * no such log. To be called before that is asked: one that comes later may have seen
	 * the log since.
	 */
	List<LogSubscription<E>> expecting(Collection<String> names) {
		return names.stream()
			.flatMap((name) -> waitingFor(name).stream())
			.filter((subscription) -> subscription.cursor().expectsOneLog())
			.toList();
	}

	/**
	 * Return one of the subscriptions that wait for a name, or {@code null}.
	 */
	@Nullable LogSubscription<E> anyWaitingFor(String name) {
		Iterator<LogSubscription<E>> waiting = this.byName.getOrDefault(name, Set.of()).iterator();
		return (waiting.hasNext()) ? waiting.next() : null;
	}

	Set<String> names() {
		return this.byName.keySet();
	}

	/**
	 * Return all subscriptions whose end was not delivered yet.
	 */
	Set<LogSubscription<E>> all() {
		// In the order in which subscriptions move from one to the next
		Set<LogSubscription<E>> all = new LinkedHashSet<>();
		this.byName.values().forEach(all::addAll);
		this.byId.values().forEach(all::addAll);
		all.addAll(this.ending);
		return all;
	}

	void open() {
		this.open = true;
	}

	/**
	 * Let what is registered from now on end at once.
	 */
	void stop() {
		this.open = false;
	}

	boolean isOpen() {
		return this.open;
	}

	void close() {
		this.closed = true;
	}

	boolean isClosed() {
		return this.closed;
	}

}
