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

import java.sql.Connection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;

import io.durablenotify.log.NumberedLogs.Entry;
import org.jspecify.annotations.Nullable;

/**
 * Logs in memory that begin with 1 and never end: the least that a feature brings.
 */
final class NumberedLogs implements LogStore<Entry> {

	static final LogKind KIND = new LogKind("numbers", NumberedLogs.class, "log", "number");

	private final Map<String, Long> ids = new ConcurrentHashMap<>();

	private final Map<Long, AtomicLong> lastIndexes = new ConcurrentHashMap<>();

	/**
	 * What {@link #rewrite} has written is from another time.
	 */
	private final Map<Long, Long> rewrittenFrom = new ConcurrentHashMap<>();

	private final AtomicLong lastId = new AtomicLong();

	private final AtomicInteger statements = new AtomicInteger();

	private volatile String server = "first";

	/**
	 * What a fetch returns of a target in place of what there is.
	 */
	private volatile UnaryOperator<@Nullable Found<Entry>> answer = UnaryOperator.identity();

	private volatile Runnable behindFetch = () -> {
	};

	private volatile Runnable behindMiss = () -> {
	};

	/**
	 * An entry is nothing but its number and its time.
	 */
	record Entry(long index, Instant createdAt) {

		static Entry of(long index) {
			return new Entry(index, Instant.EPOCH);
		}

	}

	/**
	 * Append to a log, which is created where it is missing.
	 * @return its id
	 */
	long append(String name, int count) {
		long id = this.ids.computeIfAbsent(name, (key) -> this.lastId.incrementAndGet());
		this.lastIndexes.computeIfAbsent(id, (key) -> new AtomicLong()).addAndGet(count);
		return id;
	}

	long nextIndex(long id) {
		return this.lastIndexes.get(id).get() + 1;
	}

	/**
	 * Lose entries, as a failover does.
	 */
	void truncate(long id, long lastIndex) {
		this.lastIndexes.get(id).set(lastIndex);
	}

	/**
	 * Fail over to a server.
	 */
	void leadTo(String server) {
		this.server = server;
	}

	/**
	 * Lose entries, and have others in their place.
	 */
	void rewrite(long id, long firstIndex, long lastIndex) {
		this.rewrittenFrom.put(id, firstIndex);
		truncate(id, lastIndex);
	}

	/**
	 * Have fetches answer otherwise.
	 */
	void answer(UnaryOperator<@Nullable Found<Entry>> answer) {
		this.answer = answer;
	}

	void delete(String name) {
		this.lastIndexes.remove(this.ids.remove(name));
	}

	/**
	 * Run something once, when the next fetch has seen what it returns.
	 */
	void behindNextFetch(Runnable task) {
		this.behindFetch = task;
	}

	/**
	 * Run something once, when the next statement has not found a name, and before it
	 * returns.
	 */
	void behindNextMiss(Runnable task) {
		this.behindMiss = task;
	}

	private void missed() {
		Runnable task = this.behindMiss;
		this.behindMiss = () -> {
		};
		task.run();
	}

	String identity(String name) {
		return head(this.ids.get(name)).identity().text();
	}

	@Override
	public Optional<Head> head(Connection connection, String name) {
		Long id = this.ids.get(name);
		if (id == null) {
			missed();
			return Optional.empty();
		}
		return Optional.of(head(id));
	}

	private Head head(long id) {
		String name = this.ids.entrySet()
			.stream()
			.filter((entry) -> entry.getValue() == id)
			.map(Map.Entry::getKey)
			.findFirst()
			.orElseThrow();
		return new Head(id, name, Instant.EPOCH, nextIndex(id), null, this.server);
	}

	/**
	 * Return how many statements there would have been.
	 */
	int statements() {
		return this.statements.get();
	}

	@Override
	public Moved moved(Connection connection, List<Watched> watched, Collection<String> names) {
		this.statements.incrementAndGet();
		Moved moved = new Moved(
				watched.stream()
					.filter((log) -> !this.lastIndexes.containsKey(log.id()) || nextIndex(log.id()) > log.next()
							|| nextIndex(log.id()) < log.received())
					.map(Watched::id)
					.toList(),
				names.stream()
					.filter(this.ids::containsKey)
					.map((name) -> new Named(name, this.ids.get(name)))
					.toList(),
				this.server);
		if (moved.names().size() < names.size()) {
			missed();
		}
		return moved;
	}

	@Override
	public List<@Nullable Found<Entry>> fetch(Connection connection, List<Target> targets, Budget budget) {
		this.statements.incrementAndGet();
		List<@Nullable Found<Entry>> found = new ArrayList<>();
		for (Target target : targets) {
			if (!this.lastIndexes.containsKey(target.id())) {
				found.add(new Found<>(null, List.of()));
				continue;
			}
			found.add(this.answer.apply(new Found<>(head(target.id()),
					LongStream.range(Math.max(1, target.index()), nextIndex(target.id()))
						.limit(budget.entriesPerTarget())
						.mapToObj((index) -> entry(target.id(), index))
						.toList())));
		}
		Runnable task = this.behindFetch;
		this.behindFetch = () -> {
		};
		task.run();
		return found;
	}

	private Entry entry(long id, long index) {
		return (index < this.rewrittenFrom.getOrDefault(id, Long.MAX_VALUE)) ? Entry.of(index)
				: new Entry(index, Instant.EPOCH.plusSeconds(1));
	}

	/**
	 * One of them, for one reader.
	 */
	record Numbered(String name) implements TailedLog<Entry> {

		@Override
		public int bufferSize() {
			return 16;
		}

		@Override
		public long firstIndex() {
			return 1;
		}

		@Override
		public long indexOf(Entry entry) {
			return entry.index();
		}

		@Override
		public int sizeOf(Entry entry) {
			return Long.BYTES;
		}

		@Override
		public Instant createdAtOf(Entry entry) {
			return entry.createdAt();
		}

		@Override
		public RuntimeException stopped() {
			return new IllegalStateException("stopped");
		}

		@Override
		public RuntimeException deleted() {
			return new IllegalStateException("deleted");
		}

		@Override
		public RuntimeException truncated(long expected, String found) {
			return new IllegalStateException("truncated: expected %d, but %s".formatted(expected, found));
		}

	}

}
