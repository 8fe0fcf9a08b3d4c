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
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import io.durablenotify.stream.ReaderStoppedException;
import io.durablenotify.stream.StreamException;
import io.durablenotify.stream.StreamFailedException;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.http.MediaType;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * One response: subscribes when it is about to be written, and cancels when the client is
 * gone. Has no timeout; heartbeats find clients that left.
 */
final class StreamEmitter extends SseEmitter {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	private static final long NO_TIMEOUT = 0L;

	private static final MediaType TEXT = new MediaType("text", "plain", StandardCharsets.UTF_8);

	private final StreamReader reader;

	private final String stream;

	private final StreamPosition from;

	private final Consumer<StreamEmitter> onStart;

	private final Consumer<StreamEmitter> onEnd;

	/**
	 * Held while something is written, so that a heartbeat knows that none is needed.
	 */
	private final ReentrantLock writing = new ReentrantLock();

	private final AtomicBoolean heartbeatClaimed = new AtomicBoolean();

	private volatile long writtenAt = System.nanoTime();

	private volatile @Nullable Subscription subscription;

	private volatile boolean gone;

	StreamEmitter(StreamReader reader, String stream, StreamPosition from, Consumer<StreamEmitter> onStart,
			Consumer<StreamEmitter> onEnd) {
		super(NO_TIMEOUT);
		this.reader = reader;
		this.stream = stream;
		this.from = from;
		this.onStart = onStart;
		this.onEnd = onEnd;
		onCompletion(this::leave);
		onTimeout(this::leave);
		onError((error) -> leave());
	}

	/**
	 * Called when the response is about to be written: an emitter that is never returned
	 * to Spring MVC reads nothing.
	 */
	@Override
	protected void extendResponse(ServerHttpResponse outputMessage) {
		super.extendResponse(outputMessage);
		try {
			this.subscription = this.reader.subscribe(this.stream, this.from, new Events());
			this.onStart.accept(this);
		}
		catch (ReaderStoppedException ex) {
			finish();
		}
		if (this.gone) {
			leave();
		}
	}

	/**
	 * Let go of everything. Not left to the container's callbacks alone: Spring MVC does
	 * not register them where all was said, or the client gone, before it could.
	 */
	private void leave() {
		this.gone = true;
		Subscription subscription = this.subscription;
		if (subscription != null) {
			subscription.cancel();
		}
		this.onEnd.accept(this);
	}

	private void finish() {
		complete();
		leave();
	}

	/**
	 * Return whether a heartbeat is due, because nothing was sent for a while and nothing
	 * is being sent. Says so once until {@link #heartbeat()} has run.
	 */
	boolean claimHeartbeat(long nanos) {
		return System.nanoTime() - this.writtenAt >= nanos && !this.writing.isLocked()
				&& this.heartbeatClaimed.compareAndSet(false, true);
	}

	void releaseHeartbeat() {
		this.heartbeatClaimed.set(false);
	}

	/**
	 * Send a comment, unless something is being sent just now.
	 */
	void heartbeat() {
		releaseHeartbeat();
		if (this.writing.tryLock()) {
			try {
				write(event().comment(""));
			}
			catch (IOException | IllegalStateException ex) {
				leave();
			}
			finally {
				this.writing.unlock();
			}
		}
	}

	private void write(SseEventBuilder event) throws IOException {
		this.writing.lock();
		try {
			send(event);
			this.writtenAt = System.nanoTime();
		}
		finally {
			this.writing.unlock();
		}
	}

	/**
	 * A browser ends lines at CR, LF or both, and takes one space after the colon for
	 * itself: each line gets one more.
	 */
	static String data(String text) {
		return " " + text.replace("\r\n", "\n").replace('\r', '\n').replace("\n", "\n ");
	}

	private final class Events implements ChunkHandler {

		@Override
		public void onChunk(Chunk chunk) {
			try {
				write(event().id(String.valueOf(chunk.index())).data(data(chunk.text()), TEXT));
			}
			catch (IOException | IllegalStateException ex) {
				// The client left
				leave();
			}
		}

		@Override
		public void onComplete() {
			end(event().name("complete").data("", TEXT));
		}

		@Override
		public void onError(Throwable error) {
			if (error instanceof ReaderStoppedException) {
				// The browser connects again, to an instance that runs
				finish();
				return;
			}
			end(event().name("error").data(data(reason(error)), TEXT));
		}

		private String reason(Throwable error) {
			if (error instanceof StreamFailedException failed) {
				return failed.getReason();
			}
			if (error instanceof StreamException) {
				return String.valueOf(error.getMessage());
			}
			// May hold SQL, which is nothing for clients
			logger.error("Failed to read stream '%s' for a client; the response ends with an error"
				.formatted(StreamEmitter.this.stream), error);
			return "The stream cannot be read";
		}

		private void end(SseEventBuilder event) {
			try {
				write(event);
				finish();
			}
			catch (IOException | IllegalStateException ex) {
				leave();
			}
		}

	}

}
