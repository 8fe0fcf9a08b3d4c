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

import java.util.concurrent.Flow;

import io.durablenotify.log.BufferedSubscription;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * The events of a response, with each subscription observed.
 *
 * @param feed the events
 * @param observations observes them
 * @param parent the observation of the request, or {@code null}
 */
record ObservedFeed(SseFeed<?> feed, Observations observations,
		@Nullable Object parent) implements Flow.Publisher<SseEvent> {

	@Override
	public void subscribe(Flow.Subscriber<? super SseEvent> subscriber) {
		Observed observed = this.observations.read(this.feed.observed(), this.parent);
		this.feed.subscribe((observed != Observed.NONE) ? new Events(subscriber, observed) : subscriber);
	}

	/**
	 * One subscription: sees the events on their way to the subscriber.
	 */
	private static final class Events implements SseFeed.Subscriber {

		private final Flow.Subscriber<? super SseEvent> subscriber;

		private final Observed observed;

		/**
		 * How many events have passed, but for the end. Owned by the thread that
		 * delivers, like what follows.
		 */
		private long count;

		private boolean ended;

		Events(Flow.Subscriber<? super SseEvent> subscriber, Observed observed) {
			this.subscriber = subscriber;
			this.observed = observed;
			observed.outcome(Outcome.LEFT);
		}

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.subscriber.onSubscribe(new Events.Observing(subscription, this.observed));
		}

		@Override
		public void onNext(SseEvent event) {
			if (SseEvent.COMPLETE.equals(event.name())) {
				this.ended = true;
				this.observed.outcome(Outcome.COMPLETED);
			}
			else if (SseEvent.ERROR.equals(event.name())) {
				this.ended = true;
				this.observed.outcome(Outcome.FAILED);
				this.observed.failed(event.data());
			}
			else {
				this.observed.number(++this.count);
			}
			this.subscriber.onNext(event);
		}

		@Override
		public void onSkipped() {
			if (this.subscriber instanceof SseFeed.Subscriber interested) {
				interested.onSkipped();
			}
		}

		@Override
		public void onComplete() {
			if (!this.ended) {
				this.observed.outcome(Outcome.INTERRUPTED);
			}
			this.observed.stop();
			this.subscriber.onComplete();
		}

		@Override
		public void onError(Throwable failure) {
			this.observed.outcome(Outcome.FAILED);
			this.observed.failed(failure);
			this.observed.stop();
			this.subscriber.onError(failure);
		}

		/**
		 * Ends the observation of a client that has left.
		 */
		private record Observing(Flow.Subscription subscription, Observed observed) implements BufferedSubscription {

			@Override
			public void request(long count) {
				this.subscription.request(count);
			}

			@Override
			public void cancel() {
				this.subscription.cancel();
				this.observed.stop();
			}

			@Override
			public boolean hasBuffered() {
				return this.subscription instanceof BufferedSubscription buffered && buffered.hasBuffered();
			}

		}

	}

}
