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
 * Thrown at the start if the senders of the outbox cannot be set up. The message names
 * the sender and the reason, and never a secret.
 */
@SuppressWarnings("serial")
public final class OutboxSetupException extends IllegalStateException {

	/**
	 * What to do about it.
	 */
	private final String action;

	/**
	 * The property that is wrong, if it is one.
	 */
	private final @Nullable String property;

	OutboxSetupException(String message, String action) {
		this(null, message, action);
	}

	private OutboxSetupException(@Nullable String property, String message, String action) {
		super(message);
		this.action = action;
		this.property = property;
	}

	/**
	 * Create for a property, whose value is not shown.
	 */
	static OutboxSetupException ofProperty(String property, String problem, String action) {
		return new OutboxSetupException(property, "The property %s %s.".formatted(property, problem), action);
	}

	/**
	 * Return how to correct it.
	 * @return one or more sentences
	 */
	public String getAction() {
		return this.action;
	}

	/**
	 * Return the property that is wrong.
	 * @return its name, or {@code null} if it is none or not one alone
	 */
	public @Nullable String getProperty() {
		return this.property;
	}

}
