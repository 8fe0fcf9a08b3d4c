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

import java.util.Objects;
import java.util.concurrent.Flow;

import io.durablenotify.loop.FailureLog;

/**
 * Opens a reader for each subscriber.
 *
 * @param <E> the entries' type
 */
final class LogPublisher<E> implements Flow.Publisher<E> {

	private final LogSubscriptions<E> readers;

	private final TailedLog<E> log;

	private final Start from;

	LogPublisher(LogSubscriptions<E> readers, TailedLog<E> log, Start from) {
		this.readers = readers;
		this.log = log;
		this.from = from;
	}

	@Override
	public void subscribe(Flow.Subscriber<? super E> subscriber) {
		Objects.requireNonNull(subscriber, "'subscriber' must not be null");
		SubscriberDelivery<E> delivery;
		try {
			delivery = this.readers.openFor(this.log, this.from,
					(reader) -> new SubscriberDelivery<>(reader, subscriber, this.readers));
		}
		catch (Throwable ex) {
			refuse(subscriber, ex);
			return;
		}
		delivery.start();
	}

	/**
	 * A subscriber receives its subscription before an error.
	 */
	private void refuse(Flow.Subscriber<? super E> subscriber, Throwable failure) {
		NoSubscription subscription = new NoSubscription();
		try {
			subscriber.onSubscribe(subscription);
			if (!subscription.cancelled) {
				subscriber.onError(failure);
			}
		}
		catch (Throwable ex) {
			LogKind kind = this.readers.registry().kind();
			FailureLog.log(kind.logger()::error,
					"Subscriber to %s '%s', which cannot be read, failed".formatted(kind.log(), this.log.name()), ex);
		}
	}

	@Override
	public String toString() {
		return "publisher of '%s' from %s".formatted(this.log.name(), this.from);
	}

	/**
	 * What there is to a subscription without a reader.
	 */
	private static final class NoSubscription implements BufferedSubscription {

		private volatile boolean cancelled;

		@Override
		public void request(long count) {
		}

		@Override
		public void cancel() {
			this.cancelled = true;
		}

		@Override
		public boolean hasBuffered() {
			return false;
		}

	}

}
