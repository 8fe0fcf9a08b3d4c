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
import io.durablenotify.observation.ObservedSource;
import io.durablenotify.testsupport.WordlessException;

/**
 * A log whose entries come when a test says so. An entry is the data of its event;
 * {@code skipped} has none, {@code last} is the last one, and {@code broken} fails, as
 * {@code wordless} does, whose failure cannot say its message.
 */
final class ManualSource implements SseSource<String> {

	private volatile Found found = new Found("1-1", 0, null);

	private volatile EventId begin;

	private volatile Throwable findFailure;

	private volatile RuntimeException subscribeFailure;

	private volatile boolean bound = true;

	private volatile boolean over;

	private volatile Reading subscription;

	private volatile boolean buffered;

	/**
	 * A subscription that there was.
	 */
	final class Reading implements BufferedSubscription {

		private final Flow.Subscriber<? super String> subscriber;

		private final boolean ofWhatIsLeft;

		private volatile long requested;

		private volatile boolean cancelled;

		private int sent;

		private Reading(Flow.Subscriber<? super String> subscriber, boolean ofWhatIsLeft) {
			this.subscriber = subscriber;
			this.ofWhatIsLeft = ofWhatIsLeft;
		}

		@Override
		public boolean hasBuffered() {
			return ManualSource.this.buffered;
		}

		@Override
		public synchronized void request(long count) {
			this.requested += count;
		}

		@Override
		public void cancel() {
			this.cancelled = true;
		}

		boolean isCancelled() {
			return this.cancelled;
		}

		boolean isOfWhatIsLeft() {
			return this.ofWhatIsLeft;
		}

		/**
		 * Return how many entries are requested that have not come.
		 */
		synchronized long requested() {
			return this.requested - this.sent;
		}

		void next(String entry) {
			synchronized (this) {
				this.sent++;
			}
			this.subscriber.onNext(entry);
		}

		void complete() {
			this.subscriber.onComplete();
		}

		void fail(Throwable failure) {
			this.subscriber.onError(failure);
		}

	}

	/**
	 * The application stops.
	 */
	static final class Stop extends RuntimeException {

	}

	/**
	 * The log has failed.
	 */
	static final class End extends RuntimeException {

		End(String reason) {
			super(reason);
		}

	}

	/**
	 * The next entry is missing.
	 */
	static final class Truncation extends RuntimeException {

		Truncation() {
			super("truncated");
		}

	}

	/**
	 * Say what is found from now on.
	 */
	ManualSource find(Found found) {
		this.found = found;
		return this;
	}

	/**
	 * Say where the client is to begin.
	 */
	ManualSource begin(EventId begin) {
		this.begin = begin;
		return this;
	}

	ManualSource failToFind(Throwable failure) {
		this.findFailure = failure;
		return this;
	}

	ManualSource failToSubscribe(RuntimeException failure) {
		this.subscribeFailure = failure;
		return this;
	}

	ManualSource unbound() {
		this.bound = false;
		return this;
	}

	ManualSource over() {
		this.over = true;
		return this;
	}

	/**
	 * Say whether there are more entries than have come.
	 */
	ManualSource buffer(boolean buffered) {
		this.buffered = buffered;
		return this;
	}

	/**
	 * Return the last subscription.
	 */
	Reading subscription() {
		return this.subscription;
	}

	SseFeed<String> feed() {
		return new SseFeed<>(this, null, this.begin, this.found);
	}

	@Override
	public Found find() {
		if (this.findFailure instanceof Error error) {
			throw error;
		}
		if (this.findFailure instanceof RuntimeException failure) {
			throw failure;
		}
		return this.found;
	}

	@Override
	public Flow.Publisher<String> awaiting() {
		return publisher(false);
	}

	@Override
	public Flow.Publisher<String> publisher(Found found, EventId received) {
		return publisher(false);
	}

	@Override
	public Flow.Publisher<String> left(Found found) {
		return publisher(true);
	}

	private Flow.Publisher<String> publisher(boolean left) {
		if (this.subscribeFailure != null) {
			throw this.subscribeFailure;
		}
		return (subscriber) -> {
			this.subscription = new Reading(subscriber, left);
			subscriber.onSubscribe(this.subscription);
		};
	}

	@Override
	public boolean isBound(Found found, EventId received) {
		return this.bound;
	}

	@Override
	public boolean isOver(Found found, EventId received) {
		return this.over;
	}

	@Override
	public SseMapper<String> mapper(Found found, EventId received) {
		return new SseMapper<>() {

			@Override
			public SseEvent map(String entry) {
				if (entry.equals("broken")) {
					throw new IllegalStateException("secret");
				}
				if (entry.equals("wordless")) {
					throw new WordlessException();
				}
				return (entry.equals("skipped")) ? null : new SseEvent(null, null, entry);
			}

			@Override
			public boolean isLast(String entry) {
				return entry.equals("last");
			}

			@Override
			public SseEvent rest() {
				return new SseEvent(null, null, "rest");
			}

		};
	}

	@Override
	public boolean isStop(Throwable failure) {
		return failure instanceof Stop;
	}

	@Override
	public boolean isEnd(Throwable failure) {
		return failure instanceof End || isTruncation(failure);
	}

	@Override
	public boolean isTruncation(Throwable failure) {
		return failure instanceof Truncation;
	}

	@Override
	public String reason(Throwable failure) {
		return failure.getMessage();
	}

	@Override
	public ObservedSource observed(EventId received) {
		return new ObservedSource(ObservedSource.Kind.STREAM, null, "manual", "start");
	}

	@Override
	public String describe() {
		return "log 'manual'";
	}

	@Override
	public String describe(String entry) {
		return "entry '%s' of %s".formatted(entry, describe());
	}

}
