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

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import org.jspecify.annotations.Nullable;

/**
 * The real store, which keeps what it was asked for and lets a test hold a fetch back.
 */
final class ObservedStore implements StreamStore {

	private final StreamStore store;

	private final List<List<Share>> fetches = new CopyOnWriteArrayList<>();

	private final AtomicInteger checks = new AtomicInteger();

	private final AtomicInteger held = new AtomicInteger();

	private volatile CountDownLatch gate = new CountDownLatch(0);

	ObservedStore(StreamStore store) {
		this.store = store;
	}

	/**
	 * Hold the next fetch back.
	 */
	void hold() {
		this.held.set(0);
		this.gate = new CountDownLatch(1);
	}

	/**
	 * Wait until a fetch is held back.
	 */
	void awaitHeld() {
		Eventually.await(() -> this.held.get() > 0, this::toString);
	}

	void release() {
		this.gate.countDown();
	}

	/**
	 * Return what each fetch brought, in the order of its targets.
	 */
	List<List<Share>> fetches() {
		return List.copyOf(this.fetches);
	}

	/**
	 * Return what was fetched of one stream.
	 */
	List<Share> shares(long streamId) {
		return this.fetches.stream().flatMap(List::stream).filter((share) -> share.target().id() == streamId).toList();
	}

	int checks() {
		return this.checks.get();
	}

	int statements() {
		return this.checks.get() + this.fetches.size();
	}

	@Override
	public Found<Chunk> fetchFirst(Connection connection, String name, long index, Budget budget) throws SQLException {
		awaitGate();
		Found<Chunk> found = this.store.fetchFirst(connection, name, index, budget);
		Head head = found.head();
		this.fetches.add((head != null) ? List.of(Share.of(new Target(head.id(), index), found)) : List.<Share>of());
		return found;
	}

	private void awaitGate() throws SQLException {
		this.held.incrementAndGet();
		try {
			this.gate.await();
		}
		catch (InterruptedException ex) {
			throw new SQLException(ex);
		}
	}

	@Override
	public List<@Nullable Found<Chunk>> fetch(Connection connection, List<Target> targets, Budget budget)
			throws SQLException {
		awaitGate();
		List<@Nullable Found<Chunk>> found = this.store.fetch(connection, targets, budget);
		List<Share> shares = new ArrayList<>();
		for (int i = 0; i < targets.size(); i++) {
			shares.add(Share.of(targets.get(i), found.get(i)));
		}
		this.fetches.add(shares);
		return found;
	}

	@Override
	public Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException {
		this.checks.incrementAndGet();
		return this.store.moved(connection, watched, names);
	}

	@Override
	public Optional<Head> head(Connection connection, String stream) throws SQLException {
		return this.store.head(connection, stream);
	}

	@Override
	public Optional<Tail> tail(Connection connection, boolean joined, String stream, long count) throws SQLException {
		return this.store.tail(connection, joined, stream, count);
	}

	@Override
	public ChunkPage page(Connection connection, TailedStream stream, StreamPosition from, int limit, long maxBytes)
			throws SQLException {
		return this.store.page(connection, stream, from, limit, maxBytes);
	}

	@Override
	public String toString() {
		return "%d checks, %d fetches, held %s".formatted(this.checks.get(), this.fetches.size(), this.held);
	}

	/**
	 * What a fetch brought for one target.
	 *
	 * @param served whether the statement's budget left anything for it
	 * @param bytes of all its chunks
	 * @param lastBytes of its last chunk
	 */
	record Share(Target target, boolean served, int chunks, long bytes, int lastBytes) {

		private static Share of(Target target, @Nullable Found<Chunk> found) {
			List<Chunk> chunks = (found != null) ? found.entries() : List.of();
			long bytes = chunks.stream().mapToLong((chunk) -> chunk.data().length).sum();
			int last = (chunks.isEmpty()) ? 0 : chunks.get(chunks.size() - 1).data().length;
			return new Share(target, found != null, chunks.size(), bytes, last);
		}

	}

}
