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

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.testsupport.Eventually;

/**
 * A sender that remembers what it sends, and fails as a test wants.
 */
final class RecordingSender implements OutboxSender {

	private final String name;

	private final List<OutboxMessage> attempts = new CopyOnWriteArrayList<>();

	private volatile Failing failing = (message) -> {
	};

	RecordingSender(String name) {
		this.name = name;
	}

	@Override
	public String name() {
		return this.name;
	}

	@Override
	public void send(OutboxMessage message) throws Exception {
		this.attempts.add(message);
		this.failing.send(message);
	}

	void fail(Failing failing) {
		this.failing = failing;
	}

	void reset() {
		this.failing = (message) -> {
		};
		this.attempts.clear();
	}

	List<OutboxMessage> attempts() {
		return this.attempts;
	}

	/**
	 * Return the data of what was tried.
	 */
	List<String> texts() {
		return this.attempts.stream().map((message) -> new String(message.data(), StandardCharsets.UTF_8)).toList();
	}

	void awaitAttempts(int count) {
		Eventually.await(() -> this.attempts.size() >= count, this.attempts::toString);
	}

	/**
	 * Throws what is to become of an attempt.
	 */
	interface Failing {

		void send(OutboxMessage message) throws Exception;

	}

}
