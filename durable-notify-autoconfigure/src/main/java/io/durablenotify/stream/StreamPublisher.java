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

import java.util.Objects;
import java.util.concurrent.Flow;

import io.durablenotify.log.LogSubscriptions;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Opens a reader for each subscriber.
 */
final class StreamPublisher implements Flow.Publisher<Chunk> {

	private static final Log logger = LogFactory.getLog(StreamReader.class);

	private final LogSubscriptions<Chunk> readers;

	private final TailedStream stream;

	private final StreamPosition from;

	StreamPublisher(LogSubscriptions<Chunk> readers, TailedStream stream, StreamPosition from) {
		this.readers = readers;
		this.stream = stream;
		this.from = from;
	}

	@Override
	public void subscribe(Flow.Subscriber<? super Chunk> subscriber) {
		Objects.requireNonNull(subscriber, "'subscriber' must not be null");
		SubscriberDelivery delivery;
		try {
			delivery = this.readers.openFor(this.stream, this.from.toStart(),
					(reader) -> new SubscriberDelivery(reader, subscriber, this.readers));
		}
		catch (RuntimeException ex) {
			refuse(subscriber, ex);
			return;
		}
		delivery.start();
	}

	/**
	 * A subscriber receives its subscription before an error.
	 */
	private void refuse(Flow.Subscriber<? super Chunk> subscriber, RuntimeException failure) {
		NoSubscription subscription = new NoSubscription();
		try {
			subscriber.onSubscribe(subscription);
			if (!subscription.cancelled) {
				subscriber.onError(failure);
			}
		}
		catch (Throwable ex) {
			logger.error("Subscriber to stream '%s', which cannot be read, failed".formatted(this.stream.name()), ex);
		}
	}

	@Override
	public String toString() {
		return "publisher of '%s' from %s".formatted(this.stream.name(), this.from);
	}

	/**
	 * What there is to a subscription without a reader.
	 */
	private static final class NoSubscription implements Flow.Subscription {

		private volatile boolean cancelled;

		@Override
		public void request(long count) {
		}

		@Override
		public void cancel() {
			this.cancelled = true;
		}

	}

}
