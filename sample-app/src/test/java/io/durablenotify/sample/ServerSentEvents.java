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

package io.durablenotify.sample;

import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A response that is read as a browser reads it.
 */
final class ServerSentEvents implements AutoCloseable {

	private final int status;

	private final Stream<String> body;

	private final Iterator<String> lines;

	private String lastEventId = "";

	ServerSentEvents(HttpResponse<Stream<String>> response) {
		this.status = response.statusCode();
		this.body = response.body();
		this.lines = this.body.iterator();
	}

	int status() {
		return this.status;
	}

	/**
	 * Return the next event, waiting for it, or {@code null} at the end of the response.
	 */
	Event next() {
		String name = "message";
		List<String> data = new ArrayList<>();
		while (this.lines.hasNext()) {
			String line = this.lines.next();
			if (line.isEmpty() && !data.isEmpty()) {
				return new Event(this.lastEventId, name, String.join("\n", data));
			}
			int colon = line.indexOf(':');
			String value = (line.startsWith(" ", colon + 1)) ? line.substring(colon + 2) : line.substring(colon + 1);
			if (line.startsWith("id:")) {
				this.lastEventId = value;
			}
			else if (line.startsWith("event:")) {
				name = value;
			}
			else if (line.startsWith("data:")) {
				data.add(value);
			}
		}
		return null;
	}

	/**
	 * Return the next event that has other data, waiting for it.
	 */
	Event nextOtherThan(String data) {
		Event event = next();
		while (event != null && event.data().equals(data)) {
			event = next();
		}
		return event;
	}

	/**
	 * Return some events, waiting for them.
	 */
	List<Event> next(int count) {
		return Stream.generate(this::next).limit(count).toList();
	}

	/**
	 * Return all events until the end of the response.
	 */
	List<Event> rest() {
		List<Event> events = new ArrayList<>();
		for (Event event = next(); event != null; event = next()) {
			events.add(event);
		}
		return events;
	}

	/**
	 * Leave, as a browser does when its window is closed.
	 */
	@Override
	public void close() {
		this.body.close();
	}

	/**
	 * Return the text of a stream's chunks.
	 */
	static String text(List<Event> events) {
		StringBuilder text = new StringBuilder();
		events.stream().filter(Event::isChunk).map(Event::data).forEach(text::append);
		return text.toString();
	}

	record Event(String lastEventId, String name, String data) {

		boolean isChunk() {
			return this.name.equals("message");
		}

	}

}
