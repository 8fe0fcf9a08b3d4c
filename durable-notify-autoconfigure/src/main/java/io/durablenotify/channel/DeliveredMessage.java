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

package io.durablenotify.channel;

import java.time.Instant;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A message that is delivered.
 */
final class DeliveredMessage implements Message {

	private final StoredMessage stored;

	private final ChannelPayloads payloads;

	private final Instant sentAt;

	private final long fencingToken;

	private final Runnable completion;

	DeliveredMessage(StoredMessage stored, ChannelPayloads payloads, Instant sentAt, long fencingToken,
			Runnable completion) {
		this.stored = stored;
		this.payloads = payloads;
		this.sentAt = sentAt;
		this.fencingToken = fencingToken;
		this.completion = completion;
	}

	@Override
	public String channel() {
		return this.stored.channel();
	}

	@Override
	public String id() {
		return this.stored.id();
	}

	@Override
	public @Nullable String address() {
		return this.stored.address();
	}

	@Override
	public Map<String, String> headers() {
		return this.stored.headers();
	}

	@Override
	public Instant sentAt() {
		return this.sentAt;
	}

	@Override
	public <T> T payload(Class<T> type) {
		return this.payloads.decode(this.stored, type);
	}

	@Override
	public long fencingToken() {
		return this.fencingToken;
	}

	@Override
	public void complete() {
		this.completion.run();
	}

	/**
	 * Show nothing of the payload.
	 */
	@Override
	public String toString() {
		return "Message %s of channel '%s'".formatted(id(), channel());
	}

}
