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

package io.durablenotify.web;

import java.nio.charset.StandardCharsets;

import org.jspecify.annotations.Nullable;

/**
 * A server-sent event.
 *
 * @param id the id that the client sends when it connects again, or {@code null} to keep
 * the last one
 * @param name the event's name, or {@code null} for {@code message}
 * @param data the text, whose line ends become line feeds
 */
record SseEvent(@Nullable String id, @Nullable String name, String data) {

	static final String COMPLETE = "complete";

	static final String ERROR = "error";

	private static final byte[] COMMENT = ":\n\n".getBytes(StandardCharsets.US_ASCII);

	/**
	 * Return the bytes of an empty comment.
	 */
	static byte[] comment() {
		return COMMENT;
	}

	/**
	 * Return what a response begins with.
	 * @param id the id that the client has from then on, or {@code null}. Without data,
	 * it is no event
	 */
	static byte[] opening(@Nullable String id) {
		return (id != null) ? "id:%s\n\n".formatted(id).getBytes(StandardCharsets.US_ASCII) : COMMENT;
	}

	/**
	 * Return the event as the specification of server-sent events has it, in UTF-8. One
	 * space after the colon is the format's, so that each line gets one.
	 */
	byte[] toBytes() {
		StringBuilder text = new StringBuilder(this.data.length() + 64);
		if (this.id != null) {
			text.append("id:").append(this.id).append('\n');
		}
		if (this.name != null) {
			text.append("event:").append(this.name).append('\n');
		}
		text.append("data: ").append(lines("\ndata: ")).append("\n\n");
		return text.toString().getBytes(StandardCharsets.UTF_8);
	}

	/**
	 * Return the data's lines. A browser ends a line at CR, LF, or both.
	 * @param separator what comes between two lines
	 */
	String lines(String separator) {
		if (this.data.indexOf('\n') < 0 && this.data.indexOf('\r') < 0) {
			return this.data;
		}
		return this.data.replace("\r\n", "\n").replace('\r', '\n').replace("\n", separator);
	}

}
