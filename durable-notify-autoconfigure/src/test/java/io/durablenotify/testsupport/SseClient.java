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

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import io.durablenotify.testsupport.SseParser.Event;
import org.jspecify.annotations.Nullable;

/**
 * One request for server-sent events, read as it comes.
 */
public final class SseClient implements AutoCloseable {

	private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final HttpResponse<InputStream> response;

	/**
	 * Guarded by {@code this}, like all that follows.
	 */
	private final ByteArrayOutputStream raw = new ByteArrayOutputStream();

	private final List<Event> events = new ArrayList<>();

	private final List<String> comments = new ArrayList<>();

	private @Nullable String end;

	private SseClient(HttpResponse<InputStream> response) {
		this.response = response;
	}

	/**
	 * Send the request and begin to read. Returns as soon as the headers are there.
	 */
	public static SseClient open(String url, @Nullable String lastEventId) {
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url))
			.timeout(Eventually.TIMEOUT)
			.header("Accept", "text/event-stream");
		if (lastEventId != null) {
			request.header("Last-Event-ID", lastEventId);
		}
		try {
			SseClient client = new SseClient(CLIENT.send(request.build(), BodyHandlers.ofInputStream()));
			Thread thread = new Thread(client::read, "sse-client");
			thread.setDaemon(true);
			thread.start();
			return client;
		}
		catch (IOException | InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private void read() {
		SseParser parser = new SseParser(this.events::add, this.comments::add);
		byte[] buffer = new byte[8192];
		try (InputStream body = this.response.body()) {
			for (int length = body.read(buffer); length >= 0; length = body.read(buffer)) {
				synchronized (this) {
					this.raw.write(buffer, 0, length);
					for (int i = 0; i < length; i++) {
						parser.accept(buffer[i]);
					}
				}
			}
			ended("whole");
		}
		catch (IOException ex) {
			ended("cut: " + ex);
		}
	}

	private synchronized void ended(String end) {
		this.end = end;
	}

	public int status() {
		return this.response.statusCode();
	}

	public Optional<String> header(String name) {
		return this.response.headers().firstValue(name);
	}

	public synchronized String raw() {
		return this.raw.toString(StandardCharsets.UTF_8);
	}

	public synchronized List<Event> events() {
		return List.copyOf(this.events);
	}

	/**
	 * Return the data of the events without a type.
	 */
	public List<String> messages() {
		return events().stream().filter((event) -> event.type().equals("message")).map(Event::data).toList();
	}

	public synchronized int comments() {
		return this.comments.size();
	}

	public synchronized boolean isEnded() {
		return this.end != null;
	}

	public SseClient awaitMessages(int count) {
		Eventually.await(() -> messages().size() >= count, this::toString);
		return this;
	}

	/**
	 * Wait until the server has ended the response as a whole, which a browser tells from
	 * a broken one.
	 */
	public SseClient awaitEnd() {
		Eventually.await(this::isEnded, this::toString);
		if (!"whole".equals(this.end)) {
			throw new AssertionError("Not ended as a whole: " + this);
		}
		return this;
	}

	/**
	 * Leave, as a browser does whose tab is closed.
	 */
	@Override
	public void close() {
		try {
			this.response.body().close();
		}
		catch (IOException ex) {
			// It is gone either way
		}
	}

	@Override
	public synchronized String toString() {
		return "status %d, %d bytes, %d comments, end %s, last events %s".formatted(status(), this.raw.size(),
				this.comments.size(), this.end,
				this.events.subList(Math.max(0, this.events.size() - 3), this.events.size()));
	}

}
