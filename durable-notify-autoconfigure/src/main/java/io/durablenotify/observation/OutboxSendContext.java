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

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The context of an attempt to send an event of the outbox.
 */
public final class OutboxSendContext extends AttemptContext {

	private final String sender;

	private volatile @Nullable String eventId;

	private volatile @Nullable String eventType;

	OutboxSendContext(String sender, List<? extends ObservedItem> items, Conclusion conclusion) {
		super(items, conclusion);
		this.sender = sender;
	}

	void setEvent(String id, String type) {
		this.eventId = id;
		this.eventType = type;
	}

	/**
	 * Return the sender.
	 * @return the sender's name
	 */
	public String getSender() {
		return this.sender;
	}

	/**
	 * Return the event's id.
	 * @return the id, {@code null} until it is read, and if the item is no event
	 */
	public @Nullable String getEventId() {
		return this.eventId;
	}

	/**
	 * Return the event's type.
	 * @return the type, {@code null} until it is read, and if the item is no event
	 */
	public @Nullable String getEventType() {
		return this.eventType;
	}

}
