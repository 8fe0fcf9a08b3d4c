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

import java.util.function.Function;

import io.durablenotify.web.SseSource.Found;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.server.ResponseStatusException;

/**
 * What a client receives.
 *
 * @param <E> the entries' type
 * @param status the status
 * @param feed the events, or {@code null} for none
 */
record SseReply<E>(HttpStatus status, @Nullable SseFeed<E> feed) {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	/**
	 * Find what a client receives. Asks the database once, and again where the client
	 * begins from the end. A client that comes back while the database does not answer is
	 * to come again.
	 * @param source what is served
	 * @param lastEventId the {@code Last-Event-ID} header, or {@code null}
	 * @param waiting whether to wait for a log that does not exist
	 * @throws ResponseStatusException with 400 if the name or the header is invalid
	 */
	static <E> SseReply<E> find(SseSource<E> source, @Nullable String lastEventId, boolean waiting) {
		try {
			EventId received = EventId.parse(lastEventId);
			try {
				return find(source, received, source.find(), waiting);
			}
			catch (TransientDataAccessException | DataAccessResourceFailureException ex) {
				if (received == null) {
					throw ex;
				}
				logger.debug("Failed to look up the %s. The client has to connect again".formatted(source.describe()),
						ex);
				return again();
			}
		}
		catch (IllegalArgumentException ex) {
			throw new ResponseStatusException(HttpStatus.BAD_REQUEST, ex.getMessage(), ex);
		}
	}

	private static <E> SseReply<E> find(SseSource<E> source, @Nullable EventId received, @Nullable Found found,
			boolean waiting) {
		if (found == null) {
			return unknown(source, received, waiting);
		}
		if (received != null && !received.isOf(found.identity())) {
			return ok(SseFeed.error(source, found.identity(),
					"The %s was deleted and another one has its name".formatted(source.describe())));
		}
		if (received != null && received.end()) {
			// A browser would connect again and again
			return new SseReply<>(HttpStatus.NO_CONTENT, null);
		}
		if (received != null && received.bytes() > 0 && found.next() <= received.index() + 1) {
			return ok(SseFeed.error(source, found.identity(),
					"The %s has lost what was received of it".formatted(source.describe())));
		}
		return serve(source, received, found);
	}

	private static <E> SseReply<E> unknown(SseSource<E> source, @Nullable EventId received, boolean waiting) {
		if (received != null && received.end()) {
			return new SseReply<>(HttpStatus.NO_CONTENT, null);
		}
		if (!waiting) {
			return new SseReply<>(HttpStatus.NOT_FOUND, null);
		}
		if (received != null && !received.equals(EventId.NOTHING)) {
			return ok(SseFeed.error(source, received.identity(), "The %s was deleted".formatted(source.describe())));
		}
		return serve(source, received, null);
	}

	private static <E> SseReply<E> serve(SseSource<E> source, @Nullable EventId received, @Nullable Found found) {
		return ok(new SseFeed<>(source, received, (received != null) ? null : source.begin(found), found));
	}

	/**
	 * Return a response without events: an {@code EventSource} connects again after it,
	 * and never after an error.
	 */
	static <E> SseReply<E> again() {
		return new SseReply<>(HttpStatus.OK, null);
	}

	/**
	 * Return the response.
	 * @param body makes the body of the events, or of none
	 */
	<B> ResponseEntity<B> toResponse(Function<@Nullable SseFeed<E>, B> body) {
		if (this.status != HttpStatus.OK) {
			return ResponseEntity.status(this.status).build();
		}
		return ResponseEntity.ok()
			.contentType(MediaType.TEXT_EVENT_STREAM)
			.cacheControl(CacheControl.noStore())
			// Proxies that buffer would hold live text back
			.header("X-Accel-Buffering", "no")
			.body(body.apply(this.feed));
	}

	private static <E> SseReply<E> ok(SseFeed<E> feed) {
		return new SseReply<>(HttpStatus.OK, feed);
	}

}
