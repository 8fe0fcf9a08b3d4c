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

package io.durablenotify.method;

/**
 * Thrown if a handler method or a handler bean does not fit its annotation or its
 * interface. The message names the handler and the reason.
 */
public abstract class HandlerMethodException extends IllegalStateException {

	private final String action;

	/**
	 * Create a new instance.
	 * @param message the message
	 * @param action how to correct the method, a sentence
	 * @param cause the cause
	 */
	protected HandlerMethodException(String message, String action, Throwable cause) {
		super(message, cause);
		this.action = action;
	}

	/**
	 * Return how to correct the method.
	 * @return a sentence
	 */
	public final String getAction() {
		return this.action;
	}

}
