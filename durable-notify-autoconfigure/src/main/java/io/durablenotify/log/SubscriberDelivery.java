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

import java.time.Duration;
import java.util.concurrent.Flow;

import io.durablenotify.loop.FailureLog;
import org.jspecify.annotations.Nullable;

/**
 * Calls a subscriber with the entries that its reader has buffered, up to the
 * subscriber's demand. The rules in comments are those of the Reactive Streams
 * specification.
 *
 * @param <E> the entries' type
 */
final class SubscriberDelivery<E> implements EntryConsumer, EntryHandler<E>, BufferedSubscription {

	private final LogKind kind;

	private final LogSubscription<E> reader;

	private final HandlerDelivery<E> delivery;

	/**
	 * Dropped when nothing more is to be delivered (rule 3.13).
	 */
	private volatile Flow.@Nullable Subscriber<? super E> subscriber;

	/**
	 * Whether {@code onSubscribe} is over, beside which nothing may be called (rule 1.3).
	 */
	private volatile boolean subscribed;

	/**
	 * The thread that is in {@code onNext}. Read without a lock: no thread but that one
	 * finds itself here.
	 */
	private @Nullable Thread delivering;

	SubscriberDelivery(LogSubscription<E> reader, Flow.Subscriber<? super E> subscriber, LogSubscriptions<E> readers) {
		this.kind = readers.registry().kind();
		this.reader = reader;
		this.subscriber = subscriber;
		this.delivery = readers.deliveryOnDemand(reader, this);
	}

	/**
	 * Give the subscriber its subscription, and then all that comes.
	 */
	void start() {
		Flow.Subscriber<? super E> subscriber = this.subscriber;
		if (subscriber == null) {
			return;
		}
		try {
			subscriber.onSubscribe(this);
		}
		catch (Throwable ex) {
			cancel();
			FailureLog.log(this.reader.logger()::error,
					"Subscriber to %s failed in onSubscribe; it is cancelled".formatted(this.reader.describe()), ex);
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
			this.reader.abort(new IllegalArgumentException("%d %s of %s were requested: rule 3.9 asks for one or more"
				.formatted(count, this.kind.entries(), this.reader.describe())));
			return;
		}
		this.delivery.request(count);
		// After onNext the delivery goes on, if more was requested
		if (Thread.currentThread() != this.delivering) {
			signal();
		}
	}

	@Override
	public Class<?> handlerType() {
		Flow.Subscriber<? super E> subscriber = this.subscriber;
		return (subscriber != null) ? subscriber.getClass() : getClass();
	}

	@Override
	public @Nullable Duration running() {
		return this.delivery.running();
	}

	@Override
	public boolean hasBuffered() {
		return this.delivery.hasBuffered();
	}

	@Override
	public void cancel() {
		this.subscriber = null;
		this.reader.cancel();
	}

	@Override
	public void onEntry(E entry) {
		Flow.Subscriber<? super E> subscriber = this.subscriber;
		if (subscriber == null) {
			return;
		}
		this.delivering = Thread.currentThread();
		try {
			subscriber.onNext(entry);
		}
		catch (Throwable ex) {
			// A subscriber that throws counts as cancelled (rule 2.13)
			this.subscriber = null;
			throw ex;
		}
		finally {
			this.delivering = null;
		}
	}

	@Override
	public void onComplete() {
		Flow.Subscriber<? super E> subscriber = drop();
		if (subscriber != null) {
			subscriber.onComplete();
		}
	}

	@Override
	public void onError(Throwable error) {
		Flow.Subscriber<? super E> subscriber = drop();
		if (subscriber != null) {
			subscriber.onError(error);
		}
	}

	private Flow.@Nullable Subscriber<? super E> drop() {
		Flow.Subscriber<? super E> subscriber = this.subscriber;
		this.subscriber = null;
		return subscriber;
	}

	@Override
	public String toString() {
		return "subscription by " + this.delivery;
	}

}
