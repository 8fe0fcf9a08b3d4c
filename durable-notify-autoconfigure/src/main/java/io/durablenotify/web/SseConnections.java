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

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.loop.FailureLog;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * The responses that are being written. While there are some, a thread sends heartbeats
 * and disconnects clients that take nothing.
 */
final class SseConnections implements AutoCloseable {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	private static final int CHECKS_PER_INTERVAL = 3;

	private static final Duration LONGEST_CHECK_INTERVAL = Duration.ofSeconds(1);

	private final Set<SseConnection> all = ConcurrentHashMap.newKeySet();

	/**
	 * Whether there is, or will be, a check that schedules the next one.
	 */
	private final AtomicBoolean checking = new AtomicBoolean();

	private final BoundConnections boundConnections = new BoundConnections();

	private final Executor executor;

	private final Duration heartbeatInterval;

	private final Duration writeTimeout;

	private final Duration checkInterval;

	private final BackgroundLoop checks = new BackgroundLoop("durable-notify-sse",
			new FailureLog(logger, "Failed to check the responses of server-sent events", "They are checked again"),
			this::check);

	SseConnections(SseProperties properties, Executor executor) {
		this.executor = executor;
		this.heartbeatInterval = properties.heartbeatInterval();
		this.writeTimeout = properties.writeTimeout();
		Duration shortest = (this.heartbeatInterval.compareTo(this.writeTimeout) < 0) ? this.heartbeatInterval
				: this.writeTimeout;
		Duration interval = shortest.dividedBy(CHECKS_PER_INTERVAL);
		this.checkInterval = (interval.compareTo(LONGEST_CHECK_INTERVAL) < 0) ? interval : LONGEST_CHECK_INTERVAL;
	}

	/**
	 * Return what a handler method returns.
	 */
	<E> ResponseEntity<SseEmitter> respond(SseSource<E> source, @Nullable String lastEventId, SseOptions<E> options) {
		this.boundConnections.warnIfHeld();
		SseReply<E> reply = SseReply.find(source, lastEventId, options.isWaiting());
		if (reply.feed() == null) {
			return ResponseEntity.status(reply.status()).build();
		}
		return ResponseEntity.ok()
			.contentType(MediaType.TEXT_EVENT_STREAM)
			.cacheControl(CacheControl.noStore())
			// Proxies that buffer would hold live text back
			.header("X-Accel-Buffering", "no")
			.body(new SseResponse(this, reply.feed()));
	}

	/**
	 * Return where writes that block run.
	 */
	Executor executor() {
		return this.executor;
	}

	void add(SseConnection connection) {
		this.all.add(connection);
		if (!this.checking.getAndSet(true)) {
			this.checks.signalAfter(this.checkInterval);
		}
	}

	void remove(SseConnection connection) {
		this.all.remove(connection);
	}

	private Next check() {
		long now = System.nanoTime();
		for (SseConnection connection : this.all) {
			connection.check(now, this.heartbeatInterval.toNanos(), this.writeTimeout.toNanos());
		}
		if (this.all.isEmpty()) {
			this.checking.set(false);
			if (this.all.isEmpty() || this.checking.getAndSet(true)) {
				return Next.IDLE;
			}
		}
		return Next.after(this.checkInterval);
	}

	/**
	 * Return how many responses are being written.
	 */
	int count() {
		return this.all.size();
	}

	@Override
	public void close() {
		this.checks.close();
	}

}
