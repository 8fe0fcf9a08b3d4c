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

import java.util.HashMap;
import java.util.Map;

import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;
import org.jspecify.annotations.Nullable;

/**
 * The context of a call that appends events to a run. What is put into its carrier
 * becomes headers of the events.
 */
public final class EventAppendContext extends SenderContext<Map<String, String>> {

	private final String runId;

	private final @Nullable String eventType;

	private final int events;

	private final Conclusion conclusion;

	EventAppendContext(String runId, @Nullable String eventType, int events, Conclusion conclusion) {
		super(Carrier::put, Kind.PRODUCER);
		setCarrier(new HashMap<>());
		this.runId = runId;
		this.eventType = eventType;
		this.events = events;
		this.conclusion = conclusion;
	}

	/**
	 * Return the run.
	 * @return the run's id
	 */
	public String getRunId() {
		return this.runId;
	}

	/**
	 * Return the type of the event.
	 * @return the type, {@code null} for several events
	 */
	public @Nullable String getEventType() {
		return this.eventType;
	}

	/**
	 * Return how many events are appended.
	 * @return the number
	 */
	public int getEvents() {
		return this.events;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end; of several events, that of the
	 * last
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

	/**
	 * Return the sequence.
	 * @return the sequence of the last event, {@code null} until it is known
	 */
	public @Nullable Long getSequence() {
		return this.conclusion.number();
	}

}
