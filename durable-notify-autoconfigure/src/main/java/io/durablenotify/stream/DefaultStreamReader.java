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

import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.Texts;
import io.durablenotify.log.LogSubscriptions;

import org.springframework.util.Assert;

/**
 * The {@link StreamReader}: live reads go to {@link LogSubscriptions}, the others to the
 * tables.
 */
final class DefaultStreamReader implements StreamReader {

	private static final int MAX_PAGE_CHUNKS = 10_000;

	private static final long MAX_PAGE_BYTES = 4 * 1024 * 1024;

	private final ApplicationDatabase database;

	private final StreamStore store;

	private final StreamCatalog catalog;

	private final LogSubscriptions<Chunk> readers;

	private final OpenConsumers consumers;

	private final StreamScope scope;

	DefaultStreamReader(ApplicationDatabase database, StreamStore store, StreamCatalog catalog,
			LogSubscriptions<Chunk> readers, OpenConsumers consumers, StreamScope scope) {
		this.database = database;
		this.store = store;
		this.catalog = catalog;
		this.readers = readers;
		this.consumers = consumers;
		this.scope = scope;
	}

	@Override
	public Subscription subscribe(String stream, StreamPosition from, ChunkHandler handler) {
		Assert.notNull(from, "'from' must not be null");
		Assert.notNull(handler, "'handler' must not be null");
		return this.readers.open(this.scope.tailed(stream), from.toStart(), new ChunkDelivery(handler));
	}

	@Override
	public StreamCursor cursor(String stream, StreamPosition from) {
		Assert.notNull(from, "'from' must not be null");
		return this.readers.openFor(this.scope.tailed(stream), from.toStart(), DefaultStreamCursor::new);
	}

	@Override
	public Flow.Publisher<Chunk> publisher(String stream, StreamPosition from) {
		Assert.notNull(from, "'from' must not be null");
		return this.readers.publisher(this.scope.tailed(stream), from.toStart());
	}

	@Override
	public ChunkPage page(String stream, StreamPosition from, int limit) {
		TailedStream tailed = this.scope.tailed(stream);
		Assert.notNull(from, "'from' must not be null");
		Assert.isTrue(limit >= 1 && limit <= MAX_PAGE_CHUNKS,
				() -> "Limit must be 1 to " + MAX_PAGE_CHUNKS + ", but is " + limit);
		return this.scope.relativePage(this.database.execute("read a page of a stream", Conflicts
			.repeat((connection, joined) -> this.store.page(connection, tailed, from, limit, MAX_PAGE_BYTES))));
	}

	@Override
	public Optional<StreamInfo> info(String stream) {
		String name = this.scope.fullName(stream);
		return this.database
			.execute("describe a stream", Conflicts.repeat((connection, joined) -> this.catalog.find(connection, name)))
			.map(this.scope::relativeInfo);
	}

	@Override
	public List<StreamInfo> list(StreamQuery query) {
		Assert.notNull(query, "'query' must not be null");
		StreamQuery full = this.scope.fullQuery(query);
		return this.database
			.execute("list streams", Conflicts.repeat((connection, joined) -> this.catalog.list(connection, full)))
			.stream()
			.filter((info) -> this.scope.contains(info.name()))
			.map(this.scope::relativeInfo)
			.toList();
	}

	@Override
	public StreamConsumer consumer(String stream, String name) {
		return consumer(this.scope.fullName(stream), name, false);
	}

	@Override
	public StreamConsumer prefixConsumer(String prefix, String name) {
		return consumer(this.scope.fullPrefix(prefix), name, true);
	}

	private StreamConsumer consumer(String selection, String name, boolean prefix) {
		Texts.requireName("Consumer name", name, ConsumerSpec.LONGEST_NAME);
		return new DefaultStreamConsumer(new ConsumerSpec(name, selection, prefix, this.scope), this.consumers);
	}

}
