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

import java.util.concurrent.Flow;

import io.durablenotify.log.EntryConsumer;
import io.durablenotify.log.EntryHandler;
import io.durablenotify.log.HandlerDelivery;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscriptions;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Calls a subscriber with the chunks that its reader has buffered, up to the subscriber's
 * demand. The rules in comments are those of the Reactive Streams specification.
 */
final class SubscriberDelivery implements EntryConsumer, EntryHandler<Chunk>, Flow.Subscription {

	private static final Log logger = LogFactory.getLog(StreamReader.class);

	private final LogSubscription<Chunk> reader;

	private final HandlerDelivery<Chunk> delivery;

	/**
	 * Dropped when nothing more is to be delivered (rule 3.13).
	 */
	private volatile Flow.@Nullable Subscriber<? super Chunk> subscriber;

	/**
	 * Whether {@code onSubscribe} is over, beside which nothing may be called (rule 1.3).
	 */
	private volatile boolean subscribed;

	SubscriberDelivery(LogSubscription<Chunk> reader, Flow.Subscriber<? super Chunk> subscriber,
			LogSubscriptions<Chunk> readers) {
		this.reader = reader;
		this.subscriber = subscriber;
		this.delivery = readers.deliveryOnDemand(reader, this);
	}

	/**
	 * Give the subscriber its subscription, and then all that comes.
	 */
	void start() {
		Flow.Subscriber<? super Chunk> subscriber = this.subscriber;
		if (subscriber == null) {
			return;
		}
		try {
			subscriber.onSubscribe(this);
		}
		catch (Throwable ex) {
			logger.error("Subscriber to stream '%s' failed in onSubscribe; it is cancelled".formatted(stream()), ex);
			cancel();
		}
		this.subscribed = true;
		signal();
	}

	@Override
	public void signal() {
		if (this.subscribed) {
			this.delivery.signal();
		}
	}

	@Override
	public void request(long count) {
		if (count <= 0) {
			this.reader.abort(new IllegalArgumentException(
					"%d chunks of stream '%s' were requested: rule 3.9 asks for one or more".formatted(count,
							stream())));
			return;
		}
		this.delivery.request(count);
		signal();
	}

	@Override
	public void cancel() {
		this.subscriber = null;
		this.reader.cancel();
	}

	@Override
	public void onEntry(Chunk chunk) {
		Flow.Subscriber<? super Chunk> subscriber = this.subscriber;
		if (subscriber == null) {
			return;
		}
		try {
			subscriber.onNext(chunk);
		}
		catch (Throwable ex) {
			// A subscriber that throws counts as cancelled (rule 2.13)
			this.subscriber = null;
			throw ex;
		}
	}

	@Override
	public void onComplete() {
		Flow.Subscriber<? super Chunk> subscriber = drop();
		if (subscriber != null) {
			subscriber.onComplete();
		}
	}

	@Override
	public void onError(Throwable error) {
		Flow.Subscriber<? super Chunk> subscriber = drop();
		if (subscriber != null) {
			subscriber.onError(error);
		}
	}

	private Flow.@Nullable Subscriber<? super Chunk> drop() {
		Flow.Subscriber<? super Chunk> subscriber = this.subscriber;
		this.subscriber = null;
		return subscriber;
	}

	private String stream() {
		return this.reader.name();
	}

	@Override
	public String toString() {
		return "subscription by " + this.delivery;
	}

}
