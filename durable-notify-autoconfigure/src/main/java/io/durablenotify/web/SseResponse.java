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
import java.io.UncheckedIOException;
import java.util.Set;
import java.util.concurrent.Flow;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.jspecify.annotations.Nullable;

import org.springframework.http.MediaType;
import org.springframework.http.server.ServerHttpResponse;
import org.springframework.http.server.ServletServerHttpResponse;
import org.springframework.util.Assert;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.context.request.async.DeferredResult;
import org.springframework.web.context.request.async.DeferredResultProcessingInterceptor;
import org.springframework.web.context.request.async.StandardServletAsyncWebRequest;
import org.springframework.web.context.request.async.WebAsyncManager;
import org.springframework.web.context.request.async.WebAsyncUtils;
import org.springframework.web.filter.ShallowEtagHeaderFilter;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * What a handler method returns. Spring MVC starts asynchronous processing for it, and
 * the response's bytes are then written by an {@link SseConnection} of its own.
 */
final class SseResponse extends SseEmitter {

	private static final long NO_TIMEOUT = 0L;

	private final SseConnections connections;

	/**
	 * The events, or {@code null} for none.
	 */
	private final Flow.@Nullable Publisher<SseEvent> feed;

	private final @Nullable String id;

	private volatile @Nullable SseConnection connection;

	/**
	 * Set before the connection is read, which is set before this is read.
	 */
	private volatile boolean completed;

	SseResponse(SseConnections connections, Flow.@Nullable Publisher<SseEvent> feed, @Nullable String id) {
		super(NO_TIMEOUT);
		this.connections = connections;
		this.feed = feed;
		this.id = id;
	}

	/**
	 * Called when the response is about to be written.
	 */
	@Override
	protected void extendResponse(ServerHttpResponse outputMessage) {
		super.extendResponse(outputMessage);
		Assert.state(RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes,
				"The response must be written by a DispatcherServlet, which binds its request to the thread");
		Assert.isInstanceOf(ServletServerHttpResponse.class, outputMessage);
		HttpServletRequest request = ((ServletRequestAttributes) RequestContextHolder.currentRequestAttributes())
			.getRequest();
		ServletServerHttpResponse response = (ServletServerHttpResponse) outputMessage;
		requireUncached(request, response.getServletResponse());
		DispatchControl control = new DispatchControl(request, response.getServletResponse());
		WebAsyncManager manager = WebAsyncUtils.getAsyncManager(request);
		manager.setAsyncWebRequest(control);
		manager.registerDeferredResultInterceptor(this, new Starter(response, control));
	}

	/**
	 * Here an exception is still answered as one of the handler method.
	 */
	private static void requireUncached(HttpServletRequest request, HttpServletResponse response) {
		// As Spring MVC does next: its own filter then caches nothing
		ShallowEtagHeaderFilter.disableContentCaching(request);
		try {
			WriteListeners.requireUncached(response);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * End the response.
	 */
	@Override
	public void complete() {
		this.completed = true;
		SseConnection connection = this.connection;
		if (connection != null) {
			connection.close();
		}
	}

	@Override
	public void completeWithError(Throwable failure) {
		complete();
	}

	/**
	 * Not supported.
	 */
	@Override
	public void send(Object object, @Nullable MediaType mediaType) {
		throw unsupported();
	}

	/**
	 * Not supported.
	 */
	@Override
	public void send(SseEventBuilder builder) {
		throw unsupported();
	}

	/**
	 * Not supported.
	 */
	@Override
	public void send(Set<DataWithMediaType> items) {
		throw unsupported();
	}

	private static UnsupportedOperationException unsupported() {
		return new UnsupportedOperationException(
				"This response has the events of a stream or run only. Append to that, or return an SseEmitter of your own");
	}

	/**
	 * Called once asynchronous processing has started, before which no write listener can
	 * be set.
	 */
	private final class Starter implements DeferredResultProcessingInterceptor {

		private final ServletServerHttpResponse response;

		private final DispatchControl control;

		Starter(ServletServerHttpResponse response, DispatchControl control) {
			this.response = response;
			this.control = control;
		}

		@Override
		public <T> void preProcess(NativeWebRequest webRequest, DeferredResult<T> result) throws Exception {
			HttpServletRequest request = webRequest.getNativeRequest(HttpServletRequest.class);
			Assert.state(request != null, "No servlet request");
			AsyncContext async = request.getAsyncContext();
			// Writes the headers
			this.response.getBody();
			HttpServletResponse response = this.response.getServletResponse();
			ServletOutputStream output = response.getOutputStream();
			boolean nonBlocking = WriteListeners.areKnown(response);
			boolean dispatchedAtEnd = BoundConnections.areResourcesBound();
			SseConnection connection = new SseConnection(SseResponse.this.connections, async, output,
					WriteListeners.blockAtEnd(response), dispatchedAtEnd, () -> {
						this.control.allow();
						result.setResult(null);
					});
			SseResponse.this.connection = connection;
			if (!dispatchedAtEnd) {
				this.control.forbid();
			}
			try {
				connection.open((request.getMethod().equals("HEAD")) ? null : SseResponse.this.feed,
						SseResponse.this.id, nonBlocking);
				if (SseResponse.this.completed) {
					connection.close();
				}
			}
			catch (Throwable ex) {
				// Spring MVC answers it by a dispatch
				this.control.allow();
				throw ex;
			}
			if (connection.isBlocking()) {
				this.control.allow();
			}
		}

	}

	/**
	 * Keeps Spring MVC from a dispatch when the container reports that the client has
	 * left, unless something waits for it. The response ends without a dispatch, which a
	 * stateless security filter would deny.
	 */
	private static final class DispatchControl extends StandardServletAsyncWebRequest {

		/**
		 * Until the response is open: a failure before that is answered by a dispatch.
		 */
		private volatile boolean allowed = true;

		DispatchControl(HttpServletRequest request, HttpServletResponse response) {
			super(request, response);
		}

		void allow() {
			this.allowed = true;
		}

		void forbid() {
			this.allowed = false;
		}

		@Override
		public void dispatch() {
			if (this.allowed) {
				super.dispatch();
			}
		}

	}

}
