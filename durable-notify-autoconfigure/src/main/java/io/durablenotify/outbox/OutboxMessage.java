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

import java.time.Instant;
import java.util.Map;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

/**
 * An event that an {@link OutboxSender} is to send.
 *
 * @param id the id, the same each time the event is sent
 * @param type the type
 * @param source the source
 * @param subject what the event is about, or {@code null}
 * @param time when the event happened, or {@code null} if another writer did not say
 * @param dataContentType the media type of the data, {@code null} if there is none
 * @param data the data, not to be modified; empty if there is none
 * @param orderingKey what events have in common that are sent one after the other, or
 * {@code null}
 * @param extensions further attributes by name
 * @param attempt 1 more than the number of attempts that have failed and count
 */
public record OutboxMessage(String id, String type, String source, @Nullable String subject, @Nullable Instant time,
		@Nullable String dataContentType, byte[] data, @Nullable String orderingKey, Map<String, String> extensions,
		int attempt) {

	/**
	 * Without the data, which no log is to show.
	 */
	@Override
	public String toString() {
		return "event %s of type %s".formatted(Texts.shown(this.id), Texts.shown(this.type));
	}

}
