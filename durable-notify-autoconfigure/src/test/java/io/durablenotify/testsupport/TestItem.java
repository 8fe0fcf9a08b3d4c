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

package io.durablenotify.testsupport;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import io.durablenotify.work.WorkItem;

/**
 * An item that no database has.
 */
public record TestItem(String queue, String key, int attempt, Map<String, String> headers, byte[] payload,
		Instant claimedAt, boolean leaseLost) implements WorkItem {

	public TestItem(String queue) {
		this(queue, null, 1, Map.of(), new byte[0], Instant.EPOCH, false);
	}

	public TestItem key(String key) {
		return new TestItem(this.queue, key, this.attempt, this.headers, this.payload, this.claimedAt, this.leaseLost);
	}

	public TestItem attempt(int attempt) {
		return new TestItem(this.queue, this.key, attempt, this.headers, this.payload, this.claimedAt, this.leaseLost);
	}

	public TestItem header(String name, String value) {
		Map<String, String> headers = new HashMap<>(this.headers);
		headers.put(name, value);
		return new TestItem(this.queue, this.key, this.attempt, headers, this.payload, this.claimedAt, this.leaseLost);
	}

	public TestItem payload(String payload) {
		return payload(payload.getBytes(StandardCharsets.UTF_8));
	}

	public TestItem payload(byte[] payload) {
		return new TestItem(this.queue, this.key, this.attempt, this.headers, payload, this.claimedAt, this.leaseLost);
	}

	public TestItem claimedAt(Instant claimedAt) {
		return new TestItem(this.queue, this.key, this.attempt, this.headers, this.payload, claimedAt, this.leaseLost);
	}

	public TestItem lost() {
		return new TestItem(this.queue, this.key, this.attempt, this.headers, this.payload, this.claimedAt, true);
	}

	@Override
	public long id() {
		return 7;
	}

	@Override
	public Instant enqueuedAt() {
		return Instant.EPOCH;
	}

	@Override
	public long fencingToken() {
		return TimeUnit.SECONDS.toMicros(this.claimedAt.getEpochSecond());
	}

	@Override
	public boolean cancelRequested() {
		return false;
	}

	@Override
	public void complete() {
		throw new UnsupportedOperationException();
	}

	@Override
	public void postpone(Duration delay) {
		throw new UnsupportedOperationException();
	}

}
