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
package io.durablenotify.outbox;

import org.jspecify.annotations.Nullable;

/**
 * Thrown when an event was not sent, and is to be retried. The message has no secret.
 */
@SuppressWarnings("serial")
final class SendFailedException extends RuntimeException {

	SendFailedException(String message) {
		this(message, null);
	}

	SendFailedException(String message, @Nullable Throwable cause) {
		super(message, cause);
	}

	/**
	 * Return the class of a failure whose message may have a secret, and where it was
	 * thrown.
	 */
	static String describe(Throwable failure) {
		StackTraceElement[] trace = failure.getStackTrace();
		String type = failure.getClass().getName();
		return (trace.length > 0) ? "%s at %s".formatted(type, trace[0]) : type;
	}

	/**
	 * The message is what is stored with the event.
	 */
	@Override
	public String toString() {
		return String.valueOf(getMessage());
	}

}
