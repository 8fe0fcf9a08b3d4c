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
 * The context of an event that is published to the outbox. What is put into its carrier
 * becomes headers of the item.
 */
public final class OutboxPublishContext extends SenderContext<Map<String, String>> {

	private final String sender;

	private final String senderTag;

	private final String eventId;

	private final String eventType;

	private final Conclusion conclusion;

	OutboxPublishContext(String sender, String senderTag, String eventId, String eventType, Conclusion conclusion) {
		super(Carrier::put, Kind.PRODUCER);
		setCarrier(new HashMap<>());
		this.sender = sender;
		this.senderTag = senderTag;
		this.eventId = eventId;
		this.eventType = eventType;
		this.conclusion = conclusion;
	}

	/**
	 * Return the sender.
	 * @return the sender's name
	 */
	public String getSender() {
		return this.sender;
	}

	/**
	 * Return the sender, as one of few values.
	 */
	String getSenderTag() {
		return this.senderTag;
	}

	/**
	 * Return the event's id.
	 * @return the id
	 */
	public String getEventId() {
		return this.eventId;
	}

	/**
	 * Return the event's type.
	 * @return the type
	 */
	public String getEventType() {
		return this.eventType;
	}

	/**
	 * Return the outcome.
	 * @return the outcome, {@code null} until the end
	 */
	public @Nullable Outcome getOutcome() {
		return this.conclusion.outcome();
	}

}
