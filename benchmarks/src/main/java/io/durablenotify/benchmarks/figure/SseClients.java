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
package io.durablenotify.benchmarks.figure;

import java.io.IOException;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Latency;
import org.jspecify.annotations.Nullable;

/**
 * Clients that were opened together. Written by the thread of the selector.
 */
final class SseClients {

	private static final long TIMEOUT = TimeUnit.SECONDS.toNanos(60);

	/**
	 * So many requests wait for their response at once.
	 */
	private static final int OPENING = 64;

	private final Selector selector;

	private final int port;

	private final String path;

	private final int count;

	private final int receiveBuffer;

	private final boolean reading;

	private final List<SseClient> clients = new ArrayList<>();

	private volatile long begun;

	private volatile long comments;

	private volatile long events;

	private volatile long lastEventAt;

	private volatile @Nullable String failure;

	private volatile Latency latency = new Latency();

	/**
	 * Describe clients.
	 * @param path the path, in which {@code *} stands for the client's number
	 * @param receiveBuffer its size in bytes, or 0 for the system's
	 * @param reading whether they read what comes
	 */
	SseClients(Selector selector, int port, String path, int count, int receiveBuffer, boolean reading) {
		this.selector = selector;
		this.port = port;
		this.path = path;
		this.count = count;
		this.receiveBuffer = receiveBuffer;
		this.reading = reading;
	}

	boolean isReading() {
		return this.reading;
	}

	/**
	 * Open the first ones. Each that is answered opens another one.
	 */
	void open() throws IOException {
		while (this.clients.size() < Math.min(this.count, this.begun + OPENING)) {
			String path = this.path.replace("*", String.valueOf(this.clients.size()));
			this.clients.add(SseClient.open(this, this.selector, this.port, path, this.receiveBuffer));
		}
	}

	void begun() throws IOException {
		this.begun = this.begun + 1;
		open();
	}

	void comment() {
		this.comments = this.comments + 1;
	}

	void event(long now, long sentAt) {
		this.latency.record(now - sentAt);
		this.lastEventAt = now;
		this.events = this.events + 1;
	}

	void fail(Exception failure) {
		this.failure = failure.toString();
	}

	void close() throws IOException {
		for (SseClient client : this.clients) {
			client.close();
		}
	}

	/**
	 * Wait until all responses have begun.
	 */
	void awaitBegun() throws InterruptedException {
		await("responses that have begun", this.count, () -> this.begun);
	}

	/**
	 * Wait until there were so many comments for each client.
	 */
	void awaitComments(int each) throws InterruptedException {
		await("comments", (long) this.count * each, () -> this.comments);
	}

	/**
	 * Wait until each client has received so many events.
	 * @return when the last one had the last one
	 */
	long awaitEvents(long each) throws InterruptedException {
		await("events", this.count * each, () -> this.events);
		Check.equal("events", this.count * each, this.events);
		return this.lastEventAt;
	}

	private void await(String what, long expected, LongSupplier actual) throws InterruptedException {
		long start = System.nanoTime();
		while (actual.getAsLong() < expected && this.failure == null && System.nanoTime() - start < TIMEOUT) {
			Thread.sleep(1);
		}
		Check.that(this.failure == null, "A client has failed: " + this.failure);
		Check.that(actual.getAsLong() >= expected,
				"%s: expected %,d, but came %,d".formatted(what, expected, actual.getAsLong()));
	}

	/**
	 * Return how old events were when they came, since the last call.
	 */
	Latency takeLatency() {
		Latency taken = this.latency;
		this.latency = new Latency();
		return taken;
	}

}
