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
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Reads an event stream as the HTML specification says, "9.2.6 Interpreting an event
 * stream". Not thread-safe.
 */
public final class SseParser {

	private final Consumer<Event> onEvent;

	private final Consumer<String> onComment;

	private final List<Byte> line = new ArrayList<>();

	private boolean first = true;

	private boolean carriageReturn;

	private String lastEventId = "";

	private String type = "";

	private final StringBuilder data = new StringBuilder();

	/**
	 * An event as a browser dispatches it.
	 *
	 * @param lastEventId the last event id
	 * @param type the type, {@code message} if the stream names none
	 * @param data the data
	 */
	public record Event(String lastEventId, String type, String data) {
	}

	public SseParser(Consumer<Event> onEvent, Consumer<String> onComment) {
		this.onEvent = onEvent;
		this.onComment = onComment;
	}

	/**
	 * Return the events of a whole stream.
	 */
	public static List<Event> parse(byte[] bytes) {
		List<Event> events = new ArrayList<>();
		SseParser parser = new SseParser(events::add, (comment) -> {
		});
		for (byte next : bytes) {
			parser.accept(next);
		}
		return events;
	}

	/**
	 * Take the next byte. Lines end at CRLF, LF or CR, all of which are single bytes in
	 * UTF-8 and part of no other character.
	 */
	public void accept(byte next) {
		boolean second = this.carriageReturn && next == '\n';
		this.carriageReturn = (next == '\r');
		if (second) {
			return;
		}
		if (next == '\n' || next == '\r') {
			byte[] bytes = new byte[this.line.size()];
			for (int i = 0; i < bytes.length; i++) {
				bytes[i] = this.line.get(i);
			}
			this.line.clear();
			line(withoutByteOrderMark(new String(bytes, StandardCharsets.UTF_8)));
		}
		else {
			this.line.add(next);
		}
	}

	private String withoutByteOrderMark(String line) {
		boolean marked = this.first && line.startsWith("\ufeff");
		this.first = false;
		return (marked) ? line.substring(1) : line;
	}

	private void line(String line) {
		int colon = line.indexOf(':');
		if (line.isEmpty()) {
			dispatch();
		}
		else if (colon == 0) {
			this.onComment.accept(line.substring(1));
		}
		else if (colon > 0) {
			String value = line.substring(colon + 1);
			field(line.substring(0, colon), (value.startsWith(" ")) ? value.substring(1) : value);
		}
		else {
			field(line, "");
		}
	}

	private void field(String name, String value) {
		switch (name) {
			case "event" -> this.type = value;
			case "data" -> this.data.append(value).append('\n');
			case "id" -> this.lastEventId = (value.indexOf('\0') < 0) ? value : this.lastEventId;
			default -> {
			}
		}
	}

	private void dispatch() {
		if (!this.data.isEmpty()) {
			String text = this.data.substring(0, this.data.length() - 1);
			this.onEvent.accept(new Event(this.lastEventId, (this.type.isEmpty()) ? "message" : this.type, text));
		}
		this.data.setLength(0);
		this.type = "";
	}

}
