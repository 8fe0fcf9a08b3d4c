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

package io.durablenotify.listener;

/**
 * The LISTEN connection cannot be made, or receives nothing. Its message may name the
 * address, and never a secret.
 */
public final class ListenerException extends RuntimeException {

	/**
	 * What is wrong.
	 */
	public enum Problem {

		/**
		 * The property {@code durable-notify.listener.url} cannot be used.
		 */
		URL,

		/**
		 * A username is set without a URL, or a password without a username.
		 */
		CREDENTIALS,

		/**
		 * No connection could be made: the cause says why.
		 */
		CONNECT,

		/**
		 * The server is a standby.
		 */
		STANDBY,

		/**
		 * LISTEN succeeds, but what other connections send does not arrive.
		 */
		DEAF

	}

	private final Problem problem;

	ListenerException(Problem problem, String message, Throwable cause) {
		super(message, cause);
		this.problem = problem;
	}

	ListenerException(Problem problem, String message) {
		super(message);
		this.problem = problem;
	}

	/**
	 * Return what is wrong.
	 * @return the problem
	 */
	public Problem getProblem() {
		return this.problem;
	}

}
