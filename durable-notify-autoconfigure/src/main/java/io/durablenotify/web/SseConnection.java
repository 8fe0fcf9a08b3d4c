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

import java.io.IOException;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.log.BufferedSubscription;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.web.ResponseChecks.Client;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * One response. An event is requested when the one before was given to the container,
 * which calls {@link #onWritePossible} once the client has taken enough of that to write
 * more.
 * <p>
 * All writes are made by {@link #write()}, which one thread at a time runs: the one that
 * delivers an event, a thread of the container, or the one that checks. None of them
 * blocks, unless the response knows no write listener; then the executor runs it.
 */
final class SseConnection implements SseFeed.Subscriber, ResponseChecks.Checked, WriteListener, AsyncListener {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	/**
	 * No more than that is given to the container at once, which copies what the socket
	 * does not take.
	 */
	private static final int MAX_WRITE = 8 * 1024;

	/**
	 * Events that are buffered already go out together, up to so many bytes.
	 */
	private static final int MAX_UNFLUSHED = 16 * 1024;

	/**
	 * No event waits longer for the next one, to go out with it.
	 */
	private static final long MAX_UNFLUSHED_NANOS = 20_000_000;

	private final SseConnections connections;

	private final AsyncContext async;

	private final ServletOutputStream output;

	/**
	 * Whether the container blocks a thread to end the response of a client that takes
	 * nothing.
	 */
	private final boolean blocksAtEnd;

	private final SerialTask blockingWrites;

	private final ResponseEnd end;

	private final Signals signals = new Signals(this::write);

	/**
	 * A write or flush that blocks.
	 */
	private final InterruptibleCall blockingCall = new InterruptibleCall();

	/**
	 * Whether nothing is written any more: the client has left, was given up, or has
	 * everything.
	 */
	private final AtomicBoolean left = new AtomicBoolean();

	private volatile Flow.@Nullable Subscription events;

	private volatile boolean blocking;

	/**
	 * Whether {@link #write()} may run: the container has called
	 * {@link #onWritePossible}, or there is no such call.
	 */
	private volatile boolean started;

	/**
	 * The event that has come and is not being written yet.
	 */
	private volatile byte @Nullable [] event;

	private volatile boolean commentDue;

	/**
	 * What is written when a comment is due. Set before that, and owned by
	 * {@link #write()} from then on.
	 */
	private byte[] comment = SseEvent.comment();

	/**
	 * Whether nothing comes after the event.
	 */
	private volatile boolean ending;

	/**
	 * When something was last written, by {@link System#nanoTime()}.
	 */
	private volatile long writtenAt = System.nanoTime();

	/**
	 * Since when the container takes nothing, or {@code null}.
	 */
	private volatile @Nullable Long stalledSince = this.writtenAt;

	/**
	 * Whether an event is requested that is not being written yet. Owned by
	 * {@link #write()}, like all that follows and is not volatile.
	 */
	private boolean requested;

	/**
	 * Whether the container takes something, which it has said since the last write.
	 */
	private boolean ready;

	/**
	 * What is being written.
	 */
	private byte @Nullable [] bytes;

	/**
	 * How much of that was written.
	 */
	private int offset;

	/**
	 * How many bytes were written since the last flush.
	 */
	private int unflushed;

	/**
	 * When the first byte was written that is not flushed, or {@code null}.
	 */
	private volatile @Nullable Long unflushedSince;

	/**
	 * Whether the container has reported a failure.
	 */
	private volatile boolean failed;

	/**
	 * Whether the response of a client that was given up ends although it takes nothing.
	 */
	private volatile boolean endedByForce;

	SseConnection(SseConnections connections, AsyncContext async, ServletOutputStream output, boolean blocksAtEnd,
			boolean dispatchedAtEnd, Runnable dispatch) {
		this.connections = connections;
		this.async = async;
		this.output = output;
		this.blocksAtEnd = blocksAtEnd;
		this.end = new ResponseEnd(async, dispatchedAtEnd, dispatch);
		this.blockingWrites = new SerialTask(connections.executor(), this::write, () -> !this.end.hasBegun());
	}

	/**
	 * Begin the response.
	 * @param feed the events, or {@code null} for none
	 * @param id the id that the client is given at once, or {@code null}
	 * @param nonBlocking whether the response calls write listeners
	 */
	void open(Flow.@Nullable Publisher<SseEvent> feed, @Nullable String id, boolean nonBlocking) {
		this.async.addListener(this);
		this.connections.add(this);
		if (feed != null) {
			// So that the headers go out at once
			this.comment = SseEvent.opening(id);
			this.commentDue = true;
		}
		else {
			this.ending = true;
		}
		this.blocking = !nonBlocking || !setWriteListener();
		if (feed != null) {
			read(feed);
		}
		if (this.blocking) {
			this.started = true;
		}
		signal();
	}

	private void read(Flow.Publisher<SseEvent> feed) {
		try {
			feed.subscribe(this);
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error, "Failed to read for a client, which has to connect again", ex);
			close();
		}
	}

	private boolean setWriteListener() {
		try {
			this.output.setWriteListener(this);
			return true;
		}
		catch (UnsupportedOperationException | IllegalStateException ex) {
			logger.debug("The response knows no write listener: it is written by blocking", ex);
			return false;
		}
	}

	/**
	 * End the response after the event that has come.
	 */
	void close() {
		Flow.Subscription events = this.events;
		if (events != null) {
			events.cancel();
		}
		this.ending = true;
		signal();
	}

	@Override
	public void onSubscribe(Flow.Subscription subscription) {
		this.events = subscription;
		if (this.left.get()) {
			subscription.cancel();
		}
	}

	@Override
	public void onNext(SseEvent event) {
		try {
			this.event = event.toBytes();
		}
		catch (Throwable ex) {
			logger.error("Failed to encode an event. The client has to connect again", ex);
			close();
			return;
		}
		signal();
	}

	@Override
	public void onSkipped() {
		signal();
	}

	@Override
	public void onComplete() {
		this.ending = true;
		signal();
	}

	/**
	 * Called by a thread of the container when a write has failed: events never fail.
	 */
	@Override
	public void onError(Throwable failure) {
		logger.debug("The client has left", failure);
		this.failed = true;
		leave();
		signal();
	}

	/**
	 * Called by a thread of the container, the first time when writing may begin.
	 */
	@Override
	public void onWritePossible() {
		this.started = true;
		signal();
	}

	/**
	 * Send a heartbeat if it is due, or give a client up that takes nothing.
	 */
	@Override
	public void check(long now, long heartbeatNanos, long timeoutNanos, boolean stopping) {
		Long stalledSince = this.stalledSince;
		Long unflushedSince = this.unflushedSince;
		if (this.left.get()) {
			if (stopping) {
				this.endedByForce = true;
				signal();
			}
		}
		else if (stalledSince != null) {
			long stalled = now - stalledSince;
			if (stalled >= timeoutNanos) {
				logger.debug("A client has taken nothing for %d ms: it is given up".formatted(stalled / 1_000_000));
				this.connections.giveUp();
				this.endedByForce = stopping || !this.blocksAtEnd;
				leave();
				this.blockingCall.interrupt();
				signal();
			}
		}
		else if (unflushedSince != null && now - unflushedSince >= MAX_UNFLUSHED_NANOS) {
			signal();
		}
		else if (now - this.writtenAt >= heartbeatNanos && !this.ending) {
			this.commentDue = true;
			signal();
		}
	}

	@Override
	public Client client() {
		if (hasLeft()) {
			return Client.GIVEN_UP;
		}
		return (isStalled()) ? Client.WAITING : Client.OPEN;
	}

	private void signal() {
		if (this.blocking) {
			this.blockingWrites.signal();
		}
		else {
			this.signals.signal();
		}
	}

	/**
	 * Write what is there, and request what is next. Ends the response too, so that
	 * nothing is written beside that.
	 */
	private void write() {
		try {
			while (this.started && !this.left.get() && awaitsWrites() && writeNext()) {
			}
			if (this.left.get()) {
				this.bytes = null;
				this.event = null;
				if (!this.end.hasBegun() && mayComplete()) {
					complete();
				}
			}
		}
		catch (IOException | RuntimeException ex) {
			logger.debug("The client has left", ex);
			end();
		}
		catch (Error ex) {
			logger.error("Failed to write events. The client has to connect again", ex);
			end();
		}
	}

	/**
	 * Return whether the response of a client that was given up may end. Where the
	 * container would block a thread for that, it ends when the client takes something
	 * again, or by the container's own timeout.
	 */
	private boolean mayComplete() {
		return this.blocking || this.failed || this.endedByForce || (this.started && isReady());
	}

	/**
	 * Return whether the container takes something. If it does not it calls
	 * {@link #onWritePossible} later.
	 */
	private boolean awaitsWrites() {
		if (this.blocking || isReady()) {
			return true;
		}
		if (this.stalledSince == null) {
			this.stalledSince = System.nanoTime();
		}
		return false;
	}

	/**
	 * Ask the container, once for each write.
	 */
	private boolean isReady() {
		if (!this.ready && this.output.isReady()) {
			this.ready = true;
			this.stalledSince = null;
		}
		return this.ready;
	}

	/**
	 * Do what is next.
	 * @return whether there is more to do
	 */
	private boolean writeNext() throws IOException {
		if (this.bytes == null) {
			this.bytes = take();
		}
		if (this.bytes != null) {
			writeBytes(this.bytes);
			return true;
		}
		Flow.Subscription events = this.events;
		boolean next = events != null && !this.ending && !this.requested;
		if (this.unflushed > 0 && !(next && mayWait() && hasBuffered(events))) {
			flush();
			return true;
		}
		if (this.ending && this.event == null) {
			end();
			return false;
		}
		if (next && events != null) {
			this.requested = true;
			events.request(1);
		}
		return false;
	}

	private byte @Nullable [] take() {
		if (this.commentDue) {
			this.commentDue = false;
			byte[] comment = this.comment;
			this.comment = SseEvent.comment();
			return comment;
		}
		byte[] event = this.event;
		if (event != null) {
			this.event = null;
			this.requested = false;
		}
		return event;
	}

	/**
	 * Return whether what is written can wait for the next event, to go out with it.
	 */
	private boolean mayWait() {
		Long since = this.unflushedSince;
		return this.unflushed < MAX_UNFLUSHED && (since == null || System.nanoTime() - since < MAX_UNFLUSHED_NANOS);
	}

	private static boolean hasBuffered(Flow.@Nullable Subscription events) {
		return events instanceof BufferedSubscription buffered && buffered.hasBuffered();
	}

	private void writeBytes(byte[] bytes) throws IOException {
		int length = Math.min(MAX_WRITE, bytes.length - this.offset);
		begin();
		try {
			this.output.write(bytes, this.offset, length);
		}
		finally {
			over();
		}
		written();
		if (this.unflushed == 0) {
			this.unflushedSince = this.writtenAt;
		}
		this.unflushed += length;
		this.offset += length;
		if (this.offset == bytes.length) {
			this.offset = 0;
			this.bytes = null;
		}
	}

	private void flush() throws IOException {
		begin();
		try {
			this.output.flush();
		}
		finally {
			over();
		}
		written();
		this.unflushed = 0;
		this.unflushedSince = null;
	}

	/**
	 * A write that blocks shows for how long.
	 */
	private void begin() {
		this.ready = false;
		if (this.blocking) {
			this.stalledSince = System.nanoTime();
			this.blockingCall.begin();
		}
	}

	private void over() {
		if (this.blocking) {
			this.blockingCall.end();
		}
	}

	private void written() {
		this.writtenAt = System.nanoTime();
		this.stalledSince = null;
	}

	/**
	 * Called by a thread of the container when it has failed to read or write.
	 */
	@Override
	public void onError(AsyncEvent event) {
		this.failed = true;
		leave();
		signal();
		if (!this.blocking) {
			this.end.failed();
		}
	}

	/**
	 * Return whether the response knows no write listener.
	 */
	boolean isBlocking() {
		return this.blocking;
	}

	@Override
	public void onTimeout(AsyncEvent event) {
		leave();
	}

	@Override
	public void onComplete(AsyncEvent event) {
		this.end.completed();
		leave();
		this.connections.remove(this);
	}

	@Override
	public void onStartAsync(AsyncEvent event) {
	}

	/**
	 * Let go of everything, once, but for the response.
	 */
	private void leave() {
		if (!this.left.compareAndSet(false, true)) {
			return;
		}
		this.event = null;
		Flow.Subscription events = this.events;
		if (events != null) {
			events.cancel();
		}
	}

	/**
	 * Return whether the container takes nothing for now.
	 */
	boolean isStalled() {
		return this.stalledSince != null;
	}

	/**
	 * Return whether nothing is written any more.
	 */
	boolean hasLeft() {
		return this.left.get();
	}

	private void end() {
		leave();
		complete();
	}

	/**
	 * End the response, once.
	 */
	private void complete() {
		if (this.end.begin()) {
			this.connections.remove(this);
			this.end.complete(this.blocking);
		}
	}

}
