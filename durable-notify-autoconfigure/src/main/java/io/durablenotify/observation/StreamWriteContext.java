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
 * The context of an appender, from its opening to the end of its stream.
 */
public final class StreamWriteContext extends Observation.Context {

	private final @Nullable String family;

	private final String stream;

	private final Conclusion conclusion;

	StreamWriteContext(@Nullable String family, String stream, Conclusion conclusion) {
		this.family = family;
		this.stream = stream;
		this.conclusion = conclusion;
	}

	/**
	 * Return the family.
	 * @return the family's name, {@code null} for none
	 */
	public @Nullable String getFamily() {
		return this.family;
	}

	/**
	 * Return the stream.
	 * @return the stream's full name
	 */
	public String getStream() {
		return this.stream;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

	/**
	 * Return how many chunks were appended.
	 * @return the number, {@code null} until the end
	 */
	public @Nullable Long getChunks() {
		return this.conclusion.number();
	}

}
