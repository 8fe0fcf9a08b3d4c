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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import jakarta.servlet.AsyncContext;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

/**
 * Ends a response once, by the asynchronous context or as Spring MVC does, by a dispatch.
 */
final class ResponseEnd {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	/**
	 * How long a write that does not block may take.
	 */
	private static final int MAX_WRITE_SECONDS = 10;

	private final AsyncContext async;

	/**
	 * Whether something waits for the dispatch.
	 */
	private final boolean dispatched;

	private final Runnable dispatch;

	private final AtomicBoolean begun = new AtomicBoolean();

	/**
	 * Counted down when the container knows it.
	 */
	private final CountDownLatch known = new CountDownLatch(1);

	/**
	 * Create a new instance.
	 * @param async the asynchronous context
	 * @param dispatched whether something waits for the dispatch
	 * @param dispatch dispatches the request
	 */
	ResponseEnd(AsyncContext async, boolean dispatched, Runnable dispatch) {
		this.async = async;
		this.dispatched = dispatched;
		this.dispatch = dispatch;
	}

	boolean hasBegun() {
		return this.begun.get();
	}

	/**
	 * Return whether this is the first call, after which {@link #complete} is to come.
	 */
	boolean begin() {
		return this.begun.compareAndSet(false, true);
	}

	/**
	 * End the response.
	 * @param blocking whether it was written by blocking
	 */
	void complete(boolean blocking) {
		try {
			if (blocking || this.dispatched) {
				this.dispatch.run();
			}
			else {
				// A stateless security filter would deny the dispatch
				this.async.complete();
			}
		}
		catch (RuntimeException ex) {
			logger.debug("The container has ended the response already", ex);
		}
		finally {
			this.known.countDown();
		}
	}

	/**
	 * The container has ended the response.
	 */
	void completed() {
		this.begun.set(true);
		this.known.countDown();
	}

	/**
	 * The container has failed to read or write, and calls its listeners. After that it
	 * sends an error page, unless the response was ended since, and uses its objects for
	 * the next request.
	 */
	void failed() {
		try {
			// Another thread that writes without blocking, and then ends the response
			if (!this.known.await(MAX_WRITE_SECONDS, TimeUnit.SECONDS)) {
				logger.debug("The client has left, and a write to it has not returned");
			}
			if (!this.dispatched) {
				this.async.complete();
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		catch (IllegalStateException ex) {
			logger.trace("The response has ended already", ex);
		}
	}

}
