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

package io.durablenotify.observation;

import io.micrometer.observation.Observation;
import org.jspecify.annotations.Nullable;

/**
 * The context of a response of server-sent events.
 */
public final class StreamReadContext extends Observation.Context {

	private final ObservedSource source;

	private final Conclusion conclusion;

	StreamReadContext(ObservedSource source, Conclusion conclusion) {
		this.source = source;
		this.conclusion = conclusion;
	}

	/**
	 * Return what is read.
	 * @return the stream or run
	 */
	public ObservedSource getSource() {
		return this.source;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

	/**
	 * Return how many events were given to the container for the client, without the one
	 * that says the end.
	 * @return the number, {@code null} until the end
	 */
	public @Nullable Long getEvents() {
		return this.conclusion.number();
	}

}
