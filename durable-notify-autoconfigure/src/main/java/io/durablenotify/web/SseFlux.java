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

import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import io.durablenotify.loop.FailureLog;
import io.durablenotify.web.ResponseChecks.Client;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;

import org.springframework.http.codec.ServerSentEvent;

/**
 * The events of a response, with comments. One, or an id, comes at once, so that the
 * headers go out, and one whenever there was no event for a while.
 * <p>
 * An event is taken from the feed when one is requested, so that nothing is buffered
 * here. No comment is sent to a client that takes nothing.
 */
final class SseFlux extends Flux<ServerSentEvent<String>> {

	private static final Log logger = LogFactory.getLog(ReactiveSseStreams.class);

	private static final ServerSentEvent<String> COMMENT = ServerSentEvent.<String>builder().comment("").build();

	private final Flow.Publisher<SseEvent> feed;

	private final ServerSentEvent<String> opening;

	private final ResponseChecks checks;

	/**
	 * Where the feed is subscribed to, which may ask the database.
	 */
	private final Executor executor;

	/**
	 * Create a new instance.
	 * @param id the id that the client is given at once, or {@code null}
	 */
	SseFlux(Flow.Publisher<SseEvent> feed, @Nullable String id, ResponseChecks checks, Executor executor) {
		this.feed = feed;
		this.opening = (id != null) ? ServerSentEvent.<String>builder().id(id).build() : COMMENT;
		this.checks = checks;
		this.executor = executor;
	}

	@Override
	public void subscribe(CoreSubscriber<? super ServerSentEvent<String>> subscriber) {
		Events events = new Events(subscriber);
		subscriber.onSubscribe(events);
		events.open();
	}

	/**
	 * Spring writes no space after a colon, and a browser takes one away: each line gets
	 * one.
	 */
	private static ServerSentEvent<String> toSpring(SseEvent event) {
		ServerSentEvent.Builder<String> builder = ServerSentEvent.builder(" " + event.lines("\n "));
		if (event.id() != null) {
			builder.id(event.id());
		}
		if (event.name() != null) {
			builder.event(event.name());
		}
		return builder.build();
	}

	/**
	 * One subscription. Whatever happens signals, and one thread at a time calls the
	 * subscriber.
	 */
	private final class Events implements Subscription, Flow.Subscriber<SseEvent>, ResponseChecks.Checked {

		private final CoreSubscriber<? super ServerSentEvent<String>> subscriber;

		private final AtomicLong demand = new AtomicLong();

		private final Signals signals = new Signals(this::serve);

		private final AtomicBoolean over = new AtomicBoolean();

		private volatile Flow.@Nullable Subscription events;

		/**
		 * The event that has come and was not sent yet.
		 */
		private volatile @Nullable SseEvent event;

		/**
		 * Whether an event is requested that was not sent yet. Owned by {@link #serve()}.
		 */
		private boolean requested;

		private volatile boolean commentDue = true;

		/**
		 * What is sent when a comment is due. Owned by {@link #serve()}.
		 */
		private ServerSentEvent<String> comment = SseFlux.this.opening;

		/**
		 * Whether nothing comes after the event.
		 */
		private volatile boolean ending;

		/**
		 * When something was last sent, by {@link System#nanoTime()}.
		 */
		private volatile long sentAt = System.nanoTime();

		Events(CoreSubscriber<? super ServerSentEvent<String>> subscriber) {
			this.subscriber = subscriber;
		}

		void open() {
			SseFlux.this.checks.add(this);
			if (this.over.get()) {
				SseFlux.this.checks.remove(this);
				return;
			}
			try {
				SseFlux.this.executor.execute(this::read);
			}
			catch (RejectedExecutionException ex) {
				logger.debug("The executor is full, or the application stops: the client connects again", ex);
				onComplete();
			}
			catch (Throwable ex) {
				// The system is out of threads, for instance
				onError(ex);
			}
		}

		private void read() {
			try {
				SseFlux.this.feed.subscribe(this);
			}
			catch (Throwable ex) {
				onError(ex);
			}
		}

		@Override
		public void onSubscribe(Flow.Subscription subscription) {
			this.events = subscription;
			if (this.over.get()) {
				subscription.cancel();
			}
			this.signals.signal();
		}

		@Override
		public void onNext(SseEvent event) {
			this.event = event;
			this.signals.signal();
		}

		@Override
		public void onComplete() {
			this.ending = true;
			this.signals.signal();
		}

		@Override
		public void onError(Throwable failure) {
			FailureLog.log(logger::error, "Unexpected failure of a response's events", failure);
			onComplete();
		}

		@Override
		public void request(long count) {
			if (Operators.validate(count)) {
				this.demand.accumulateAndGet(count, Operators::addCap);
				this.signals.signal();
			}
		}

		@Override
		public void cancel() {
			leave();
		}

		@Override
		public void check(long now, long heartbeatNanos, long timeoutNanos, boolean stopping) {
			if (now - this.sentAt >= heartbeatNanos && this.demand.get() > 0) {
				this.commentDue = true;
				this.signals.signal();
			}
		}

		@Override
		public Client client() {
			return (this.demand.get() == 0) ? Client.WAITING : Client.OPEN;
		}

		private void serve() {
			try {
				while (sendNext()) {
				}
			}
			catch (Throwable ex) {
				boolean left = leave();
				FailureLog.log(logger::error, "Failed to send events. The client has to connect again", ex);
				if (left) {
					this.subscriber.onError(ex);
				}
			}
		}

		/**
		 * Do what is next.
		 * @return whether there may be more to do
		 */
		private boolean sendNext() {
			if (this.over.get()) {
				this.event = null;
				return false;
			}
			// Read before the event, which is written before this
			boolean last = this.ending;
			SseEvent event = this.event;
			if (event == null && last) {
				if (leave()) {
					this.subscriber.onComplete();
				}
				return false;
			}
			if (this.demand.get() == 0) {
				return false;
			}
			if (this.commentDue) {
				this.commentDue = false;
				send(this.comment);
				this.comment = COMMENT;
				return true;
			}
			if (event != null) {
				this.event = null;
				this.requested = false;
				send(toSpring(event));
				return true;
			}
			Flow.Subscription events = this.events;
			if (events != null && !this.requested) {
				this.requested = true;
				events.request(1);
				return true;
			}
			return false;
		}

		private void send(ServerSentEvent<String> event) {
			this.demand.getAndUpdate((demand) -> (demand != Long.MAX_VALUE) ? demand - 1 : demand);
			this.sentAt = System.nanoTime();
			this.subscriber.onNext(event);
		}

		/**
		 * Let go of everything, once.
		 * @return whether that was to be done
		 */
		private boolean leave() {
			if (!this.over.compareAndSet(false, true)) {
				return false;
			}
			Flow.Subscription events = this.events;
			if (events != null) {
				events.cancel();
			}
			SseFlux.this.checks.remove(this);
			return true;
		}

	}

}
