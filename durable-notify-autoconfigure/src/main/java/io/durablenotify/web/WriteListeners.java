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

import jakarta.servlet.ServletResponse;
import jakarta.servlet.ServletResponseWrapper;

import org.springframework.web.util.ContentCachingResponseWrapper;

/**
 * Whether a response can be written without blocking. A filter's output stream may take a
 * write listener and never call it, which nothing shows.
 */
final class WriteListeners {

	private static final String SPRING = "org.springframework.";

	private WriteListeners() {
	}

	/**
	 * Refuse a response whose bytes stay in memory until a filter takes them, which it
	 * does when the request has been handled. Its output stream is always ready, so that
	 * a client that has left is never given up.
	 * @throws IllegalStateException if it is one
	 */
	static void requireUncached(ServletResponse response) throws IOException {
		ServletResponse current = response;
		while (current instanceof ServletResponseWrapper wrapper) {
			current = wrapper.getResponse();
			if (wrapper instanceof ContentCachingResponseWrapper
					&& wrapper.getOutputStream() != current.getOutputStream()) {
				throw new IllegalStateException(("Events cannot be sent by a response of type %s, which keeps them in "
						+ "memory. Exempt this request from the filter that wraps its response, such as by "
						+ "shouldNotFilter() of a OncePerRequestFilter")
					.formatted(wrapper.getClass().getName()));
			}
		}
	}

	static boolean areKnown(ServletResponse response) throws IOException {
		ServletResponse current = response;
		while (current instanceof ServletResponseWrapper wrapper) {
			ServletResponse wrapped = wrapper.getResponse();
			// Those of Spring pass the listener on
			if (!wrapper.getClass().getName().startsWith(SPRING)
					&& wrapper.getOutputStream() != wrapped.getOutputStream()) {
				return false;
			}
			current = wrapped;
		}
		return true;
	}

	/**
	 * Return whether the container blocks a thread to end a response whose client takes
	 * nothing: Tomcat does. Others cut the connection.
	 */
	static boolean blockAtEnd(ServletResponse response) {
		ServletResponse current = response;
		while (current instanceof ServletResponseWrapper wrapper) {
			current = wrapper.getResponse();
		}
		return current.getClass().getName().startsWith("org.apache.catalina.");
	}

}
