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

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

import io.durablenotify.loop.DaemonThreadFactory;
import io.durablenotify.stream.StreamInfo;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamTruncatedException;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * The {@link SseStreams}, with one heartbeat thread for all responses.
 */
final class DefaultSseStreams implements SseStreams, AutoCloseable {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	private static final int TICKS_PER_INTERVAL = 3;

	private final StreamReader reader;

	private final Executor executor;

	private final long silentNanos;

	private final Set<StreamEmitter> emitters = ConcurrentHashMap.newKeySet();

	/**
	 * Guarded by {@code this}, like what follows; there while there are responses.
	 */
	private @Nullable ScheduledThreadPoolExecutor heartbeats;

	private boolean closed;

	DefaultSseStreams(StreamReader reader, SseProperties properties, Executor executor) {
		this.reader = reader;
		this.executor = executor;
		this.silentNanos = properties.heartbeatInterval().toNanos();
	}

	@Override
	public ResponseEntity<SseEmitter> respond(String stream, @Nullable String lastEventId) {
		StreamPosition from;
		StreamInfo info;
		try {
			from = StreamPosition.afterEventId(lastEventId);
			info = this.reader.info(stream).orElse(null);
		}
		catch (IllegalArgumentException ex) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST, ex.getMessage(), ex);
		}
		if (info == null) {
			return ResponseEntity.notFound().build();
		}
		if (info.state() != StreamState.OPEN && isNothingLeft(stream, from)) {
			return ResponseEntity.noContent().build();
		}
		return ResponseEntity.ok()
			.contentType(MediaType.TEXT_EVENT_STREAM)
			.cacheControl(CacheControl.noStore())
			// Proxies that buffer would hold live text back
			.header("X-Accel-Buffering", "no")
			.body(new StreamEmitter(this.reader, stream, from, this::started, this::ended));
	}

	private boolean isNothingLeft(String stream, StreamPosition from) {
		try {
			return this.reader.page(stream, from, 1).chunks().isEmpty();
		}
		catch (StreamTruncatedException ex) {
			// The reader notifies the client
			return false;
		}
	}

	private void started(StreamEmitter emitter) {
		this.emitters.add(emitter);
		followEmitters();
	}

	private void ended(StreamEmitter emitter) {
		this.emitters.remove(emitter);
		followEmitters();
	}

	/**
	 * Have a thread for heartbeats while there are responses, and only then.
	 */
	private synchronized void followEmitters() {
		boolean needed = !this.closed && !this.emitters.isEmpty();
		if (needed && this.heartbeats == null) {
			this.heartbeats = new ScheduledThreadPoolExecutor(1, new DaemonThreadFactory("durable-notify-heartbeat"));
			long tick = Math.max(1, this.silentNanos / TICKS_PER_INTERVAL);
			this.heartbeats.scheduleWithFixedDelay(this::heartbeat, tick, tick, TimeUnit.NANOSECONDS);
		}
		else if (!needed && this.heartbeats != null) {
			this.heartbeats.shutdown();
			this.heartbeats = null;
		}
	}

	/**
	 * A write can block, so that each goes to the executor.
	 */
	private void heartbeat() {
		for (StreamEmitter emitter : this.emitters) {
			if (emitter.claimHeartbeat(this.silentNanos)) {
				try {
					this.executor.execute(emitter::heartbeat);
				}
				catch (Throwable ex) {
					// The heartbeats would end with this one
					logger.debug("A heartbeat could not be sent", ex);
					emitter.releaseHeartbeat();
				}
			}
		}
	}

	/**
	 * Return how many responses are being written.
	 */
	int count() {
		return this.emitters.size();
	}

	@Override
	public synchronized void close() {
		this.closed = true;
		followEmitters();
	}

}
