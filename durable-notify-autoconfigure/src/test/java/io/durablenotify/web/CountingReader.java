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

package io.durablenotify.web;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.Subscription;
import io.durablenotify.log.BufferedSubscription;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.ChunkPage;
import io.durablenotify.stream.StreamCursor;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.testsupport.Eventually;

import org.springframework.jdbc.CannotGetJdbcConnectionException;

/**
 * A {@link StreamReader} that keeps account of its subscriptions.
 */
final class CountingReader implements StreamReader {

	private final StreamReader delegate;

	private final List<Opened> opened = new CopyOnWriteArrayList<>();

	private volatile String unavailable;

	/**
	 * A subscriber that there was.
	 *
	 * @param stream the stream
	 * @param subscriber the subscriber
	 * @param active whether it is neither cancelled nor over
	 */
	record Opened(String stream, Flow.Subscriber<? super Chunk> subscriber, AtomicBoolean active) {
	}

	CountingReader(StreamReader delegate) {
		this.delegate = delegate;
	}

	@Override
	public Subscription subscribe(String stream, StreamPosition from, ChunkHandler handler) {
		return this.delegate.subscribe(stream, from, handler);
	}

	@Override
	public StreamCursor cursor(String stream, StreamPosition from) {
		return this.delegate.cursor(stream, from);
	}

	@Override
	public Flow.Publisher<Chunk> publisher(String stream, StreamPosition from) {
		Flow.Publisher<Chunk> publisher = this.delegate.publisher(stream, from);
		return (subscriber) -> {
			Opened opened = new Opened(stream, subscriber, new AtomicBoolean(true));
			this.opened.add(opened);
			publisher.subscribe(new Counted(opened));
		};
	}

	@Override
	public ChunkPage page(String stream, StreamPosition from, int limit) {
		return this.delegate.page(stream, from, limit);
	}

	@Override
	public Optional<StreamInfo> info(String stream) {
		if (stream.equals(this.unavailable)) {
			throw new CannotGetJdbcConnectionException("down");
		}
		return this.delegate.info(stream);
	}

	/**
	 * Have the database not answer when it is asked for a stream.
	 */
	void fail(String stream) {
		this.unavailable = stream;
	}

	@Override
	public List<StreamInfo> list(StreamQuery query) {
		return this.delegate.list(query);
	}

	/**
	 * Return all subscriptions to a stream that there ever were.
	 */
	List<Opened> opened(String stream) {
		return this.opened.stream().filter((opened) -> opened.stream().equals(stream)).toList();
	}

	int active(String stream) {
		return (int) opened(stream).stream().filter((opened) -> opened.active().get()).count();
	}

	void awaitActive(String stream, int count) {
		Eventually.await(() -> active(stream) == count,
				() -> "%d active of %s".formatted(active(stream), opened(stream)));
	}

	private record Counted(Opened opened) implements Flow.Subscriber<Chunk> {

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.opened.subscriber().onSubscribe(new BufferedSubscription() {

				@Override
				public boolean hasBuffered() {
					return ((BufferedSubscription) subscription).hasBuffered();
				}

				@Override
				public void request(long count) {
					subscription.request(count);
				}

				@Override
				public void cancel() {
					Counted.this.opened.active().set(false);
					subscription.cancel();
				}

			});
		}

		@Override
		public void onNext(Chunk chunk) {
			this.opened.subscriber().onNext(chunk);
		}

		@Override
		public void onError(Throwable failure) {
			this.opened.active().set(false);
			this.opened.subscriber().onError(failure);
		}

		@Override
		public void onComplete() {
			this.opened.active().set(false);
			this.opened.subscriber().onComplete();
		}

	}

}
