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

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.locks.ReentrantLock;

import io.durablenotify.log.BufferedSubscription;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.observation.ObservedSource;
import io.durablenotify.web.SseSource.Found;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The events of one response: those of the entries, and the end. Calls its subscriber as
 * {@link Flow} has it, on the threads that deliver entries or request events.
 * <p>
 * While there is no log it waits for one, and then reads the one that it finds, whose
 * identity is in the ids of the events.
 *
 * @param <E> the entries' type
 */
final class SseFeed<E> implements Flow.Publisher<SseEvent> {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	/**
	 * A subscriber that also wants to know of entries without an event.
	 */
	interface Subscriber extends Flow.Subscriber<SseEvent> {

		/**
		 * An entry has come that has no event. What was requested comes with another one.
		 */
		void onSkipped();

	}

	private final SseSource<E> source;

	private final @Nullable EventId received;

	/**
	 * What a client that comes for the first time is to have received, or {@code null}.
	 */
	private final @Nullable EventId begin;

	/**
	 * The log, or {@code null} to wait for one.
	 */
	private final @Nullable Found found;

	/**
	 * What the client receives instead of entries, or {@code null}.
	 */
	private final @Nullable SseEvent end;

	/**
	 * Serve a log.
	 * @param source the log
	 * @param received what the client has received, or {@code null} if it comes for the
	 * first time
	 * @param begin what a client that comes for the first time is to have received, or
	 * {@code null}
	 * @param found the log as it was found, or {@code null} to wait for it
	 */
	SseFeed(SseSource<E> source, @Nullable EventId received, @Nullable EventId begin, @Nullable Found found) {
		this.source = source;
		this.received = received;
		this.begin = begin;
		this.found = found;
		this.end = null;
	}

	private SseFeed(SseSource<E> source, SseEvent end) {
		this.source = source;
		this.received = null;
		this.begin = null;
		this.found = null;
		this.end = end;
	}

	/**
	 * Serve nothing but an error.
	 * @param source the log
	 * @param identity the identity that the client comes back with, to receive 204
	 * @param reason the error's text
	 */
	static <E> SseFeed<E> error(SseSource<E> source, @Nullable String identity, String reason) {
		return new SseFeed<>(source, error(identity, reason));
	}

	/**
	 * Return what observations show.
	 */
	ObservedSource observed() {
		return this.source.observed(this.received);
	}

	/**
	 * Return the id that the client is given before all events, or {@code null} for none.
	 */
	@Nullable String begin() {
		return (this.begin != null) ? this.begin.toString() : null;
	}

	private @Nullable EventId after() {
		return (this.received != null) ? this.received : this.begin;
	}

	private static SseEvent error(@Nullable String identity, String reason) {
		return new SseEvent(EventId.end(identity).toString(), SseEvent.ERROR, reason);
	}

	private static SseEvent complete(Found found) {
		return new SseEvent(EventId.end(found.identity()).toString(), SseEvent.COMPLETE, "");
	}

	@Override
	public void subscribe(Flow.Subscriber<? super SseEvent> subscriber) {
		Feeding feeding = new Feeding(subscriber);
		subscriber.onSubscribe(feeding);
		if (this.end != null) {
			feeding.end(this.end);
		}
		else {
			feeding.read(this.found);
		}
	}

	/**
	 * One subscription. It subscribes to one publisher after the other, so that their
	 * calls are serial.
	 */
	private final class Feeding implements BufferedSubscription {

		private final Flow.Subscriber<? super SseEvent> subscriber;

		/**
		 * Guards what follows. Held for no call to anything else.
		 */
		private final ReentrantLock lock = new ReentrantLock();

		private Flow.@Nullable Subscription entries;

		/**
		 * Whether entries are events, and not just a sign that the log exists.
		 */
		private boolean reading;

		private long requested;

		private boolean cancelled;

		/**
		 * The last events, which may be sent once they are requested.
		 */
		private final Deque<SseEvent> last = new ArrayDeque<>();

		private boolean ending;

		private boolean deliveringEnd;

		Feeding(Flow.Subscriber<? super SseEvent> subscriber) {
			this.subscriber = subscriber;
		}

		void read(@Nullable Found found) {
			EventId received = after();
			if (found != null && SseFeed.this.source.isOver(found, received)) {
				end(SseFeed.complete(found));
			}
			else if (found != null) {
				SseFeed.this.source.publisher(found, received).subscribe(new Reading(found, received));
			}
			else {
				SseFeed.this.source.awaiting().subscribe(new Waiting());
			}
		}

		/**
		 * Read from here on.
		 * @return how many events were requested so far, or -1 if nothing is wanted
		 */
		private long subscribed(Flow.Subscription entries, boolean reading) {
			this.lock.lock();
			try {
				this.entries = entries;
				this.reading = reading;
				return (this.cancelled) ? -1 : this.requested;
			}
			finally {
				this.lock.unlock();
			}
		}

		@Override
		public void request(long count) {
			Flow.Subscription entries;
			this.lock.lock();
			try {
				this.requested = (this.requested + count < 0) ? Long.MAX_VALUE : this.requested + count;
				entries = (this.reading && !this.ending) ? this.entries : null;
			}
			finally {
				this.lock.unlock();
			}
			if (entries != null) {
				entries.request(count);
			}
			deliverEnd();
		}

		@Override
		public void cancel() {
			Flow.Subscription entries;
			this.lock.lock();
			try {
				this.cancelled = true;
				this.last.clear();
				entries = this.entries;
			}
			finally {
				this.lock.unlock();
			}
			if (entries != null) {
				entries.cancel();
			}
		}

		@Override
		public boolean hasBuffered() {
			Flow.Subscription entries;
			this.lock.lock();
			try {
				entries = this.entries;
			}
			finally {
				this.lock.unlock();
			}
			return entries instanceof BufferedSubscription buffered && buffered.hasBuffered();
		}

		private void deliver(SseEvent event) {
			this.lock.lock();
			try {
				if (this.cancelled) {
					return;
				}
				this.requested--;
			}
			finally {
				this.lock.unlock();
			}
			this.subscriber.onNext(event);
		}

		private void skipped() {
			if (this.subscriber instanceof SseFeed.Subscriber interested) {
				interested.onSkipped();
			}
		}

		/**
		 * End the response. Called once, when no entry comes any more.
		 */
		void end(@Nullable SseEvent... events) {
			this.lock.lock();
			try {
				for (SseEvent event : events) {
					if (event != null) {
						this.last.add(event);
					}
				}
				this.ending = true;
			}
			finally {
				this.lock.unlock();
			}
			deliverEnd();
		}

		private void deliverEnd() {
			for (boolean first = true;; first = false) {
				SseEvent event;
				this.lock.lock();
				try {
					if (!this.ending || this.cancelled || (first && this.deliveringEnd)) {
						return;
					}
					event = (this.requested > 0) ? this.last.poll() : null;
					this.deliveringEnd = event != null || this.last.isEmpty();
					if (!this.deliveringEnd) {
						return;
					}
				}
				finally {
					this.lock.unlock();
				}
				if (event == null) {
					this.subscriber.onComplete();
					return;
				}
				deliver(event);
			}
		}

		/**
		 * Log a failure that may hold SQL, which is nothing for clients.
		 */
		private void unexpected(Throwable failure) {
			FailureLog.log(logger::error, "Failed to read %s for a client: its response ends, and it connects again"
				.formatted(SseFeed.this.source.describe()), failure);
		}

		private void failedToFind(Throwable failure) {
			logger.warn("Failed to find %s for a client, which has to connect again: %s"
				.formatted(SseFeed.this.source.describe(), failure.getMessage()));
		}

		/**
		 * Waits for a log: an entry, and an end, come from one that exists.
		 */
		private final class Waiting implements Flow.Subscriber<E> {

			@SuppressWarnings("NullAway.Init")
			private Flow.Subscription subscription;

			private boolean done;

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				this.subscription = subscription;
				if (subscribed(subscription, false) < 0) {
					subscription.cancel();
					return;
				}
				subscription.request(1);
			}

			@Override
			public void onNext(E entry) {
				this.subscription.cancel();
				readFound(null);
			}

			@Override
			public void onComplete() {
				readFound(null);
			}

			@Override
			public void onError(Throwable failure) {
				readFound(failure);
			}

			private void readFound(@Nullable Throwable failure) {
				if (this.done) {
					return;
				}
				this.done = true;
				SseSource<E> source = SseFeed.this.source;
				if (failure != null && source.isStop(failure)) {
					// The client connects again, to an instance that runs
					end();
					return;
				}
				try {
					Found found = source.find();
					if (failure == null || found != null) {
						read(found);
					}
					else if (source.isEnd(failure)) {
						end(error(null, source.reason(failure)));
					}
					else {
						unexpected(failure);
						end();
					}
				}
				catch (Throwable ex) {
					failedToFind(ex);
					end();
				}
			}

		}

		/**
		 * Reads the log that was found.
		 */
		private final class Reading implements Flow.Subscriber<E> {

			private final Found found;

			/**
			 * Where a client that has received no entry was to begin, or {@code null} if
			 * it has received one.
			 */
			private @Nullable EventId begin;

			private final SseMapper<E> mapper;

			@SuppressWarnings("NullAway.Init")
			private Flow.Subscription subscription;

			private boolean done;

			/**
			 * Whether the entries are those of the log that was found.
			 */
			private boolean known;

			Reading(Found found, @Nullable EventId received) {
				this.found = found;
				this.begin = (received != null && received.begin()) ? received : null;
				this.known = found.identity() == null || SseFeed.this.source.isBound(found, received);
				this.mapper = SseFeed.this.source.mapper(found, received);
			}

			@Override
			public void onSubscribe(Flow.Subscription subscription) {
				this.subscription = subscription;
				long requested = subscribed(subscription, true);
				if (requested < 0) {
					subscription.cancel();
				}
				else if (requested > 0) {
					subscription.request(requested);
				}
			}

			@Override
			public void onNext(E entry) {
				if (this.done) {
					return;
				}
				if (!isOfFound()) {
					return;
				}
				this.begin = null;
				SseEvent event;
				boolean last;
				try {
					event = this.mapper.map(entry);
					last = this.mapper.isLast(entry);
				}
				catch (Throwable ex) {
					this.subscription.cancel();
					this.done = true;
					failedToMap(entry, ex);
					return;
				}
				if (event != null) {
					deliver(event);
				}
				else if (!last) {
					this.subscription.request(1);
					skipped();
				}
				if (last) {
					this.subscription.cancel();
					onComplete();
				}
			}

			private void failedToMap(E entry, Throwable failure) {
				SseSource<E> source = SseFeed.this.source;
				FailureLog.log(logger::error, "Failed to map %s for a client: its response ends with an error event"
					.formatted(source.describe(entry)), failure);
				String log = source.describe();
				end(this.mapper.rest(), error(this.found.identity(),
						"The %s cannot be read".formatted(log.substring(0, log.indexOf(' ')))));
			}

			/**
			 * Return whether the log is the one that was found. It may have been deleted,
			 * and created again, before it was subscribed to. A publisher that is bound
			 * to the log sees to that itself.
			 */
			private boolean isOfFound() {
				if (this.known) {
					return true;
				}
				try {
					Found now = SseFeed.this.source.find();
					this.known = now != null && Objects.equals(now.identity(), this.found.identity());
				}
				catch (Throwable ex) {
					failedToFind(ex);
				}
				if (!this.known) {
					this.subscription.cancel();
					this.done = true;
					end();
				}
				return this.known;
			}

			@Override
			public void onComplete() {
				if (!this.done) {
					this.done = true;
					end(this.mapper.rest(), complete(this.found));
				}
			}

			@Override
			public void onError(Throwable failure) {
				if (this.done) {
					return;
				}
				this.done = true;
				SseSource<E> source = SseFeed.this.source;
				if (this.begin != null && source.isTruncation(failure)) {
					readLeft(this.begin, failure);
				}
				else if (source.isEnd(failure)) {
					end(this.mapper.rest(), error(this.found.identity(), source.reason(failure)));
				}
				else {
					// The client connects again, and continues after what it has received
					if (!source.isStop(failure)) {
						unexpected(failure);
					}
					end();
				}
			}

			/**
			 * Read what is left. The client has no entry before what is missing.
			 */
			private void readLeft(EventId begin, Throwable failure) {
				SseSource<E> source = SseFeed.this.source;
				Found now;
				try {
					now = source.find();
				}
				catch (Throwable ex) {
					failedToFind(ex);
					end();
					return;
				}
				// Where the server has lost the last entries, those left are older ones
				if (now != null && Objects.equals(now.identity(), this.found.identity())
						&& now.next() > begin.index() + 1) {
					source.left(now).subscribe(new Reading(now, null));
				}
				else {
					end(error(this.found.identity(), source.reason(failure)));
				}
			}

		}

	}

}
