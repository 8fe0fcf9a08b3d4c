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

package io.durablenotify.wakeup;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * Wake-ups as the payload of a notification, both ways. A payload is text whose fields
 * are separated by single spaces (no name holds one): <pre class="code">
 * 1 sender topic 42:17:- 43:0:e 44:1:c:answers/44
 * 1 sender topic *
 * </pre> That is the version, the sending instance, the topic, and for each wake-up its
 * id, position, flags ({@code e}nded, {@code d}eleted, {@code c}reated, or {@code -}) and
 * the name of what was created; or {@code *} for a resync of the topic. The SQL function
 * {@code append} writes the same format.
 */
final class WakeupCodec {

	/**
	 * What PostgreSQL takes.
	 */
	static final int MAX_PAYLOAD_BYTES = 7999;

	/**
	 * How many payloads of one topic are worth sending, before a receiver has less work
	 * with a resync.
	 */
	static final int MAX_PAYLOADS = 16;

	private static final String VERSION = "1";

	private static final String RESYNC = "*";

	private WakeupCodec() {
	}

	/**
	 * What a payload says.
	 *
	 * @param sender the instance that sent it
	 * @param topic the topic, or {@code null} for all of them
	 * @param wakeups the wake-ups, or {@code null} for a resync
	 */
	record Decoded(String sender, @Nullable String topic, @Nullable List<Wakeup> wakeups) {
	}

	static List<String> encode(String sender, WakeupBatch batch) {
		List<String> payloads = new ArrayList<>();
		batch.forEach((topic, wakeups) -> payloads.addAll(encode(sender, topic, wakeups)));
		batch.resyncs().forEach((topic) -> payloads.add(prefix(sender, topic) + RESYNC));
		return payloads;
	}

	private static List<String> encode(String sender, String topic, Collection<Wakeup> wakeups) {
		String prefix = prefix(sender, topic);
		List<String> payloads = new ArrayList<>();
		StringBuilder payload = new StringBuilder();
		int bytes = MAX_PAYLOAD_BYTES;
		boolean fits = true;
		for (Wakeup wakeup : wakeups) {
			String field = encode(wakeup);
			int fieldBytes = field.getBytes(StandardCharsets.UTF_8).length;
			if (bytes + 1 + fieldBytes > MAX_PAYLOAD_BYTES) {
				if (!payload.isEmpty()) {
					payloads.add(payload.toString());
				}
				payload = new StringBuilder(prefix).append(field);
				bytes = prefix.getBytes(StandardCharsets.UTF_8).length + fieldBytes;
				fits &= bytes <= MAX_PAYLOAD_BYTES;
			}
			else {
				payload.append(' ').append(field);
				bytes += 1 + fieldBytes;
			}
		}
		payloads.add(payload.toString());
		return (fits && payloads.size() <= MAX_PAYLOADS) ? payloads : List.of(prefix + RESYNC);
	}

	/**
	 * Return whether a payload that was encoded here asks for a resync.
	 */
	static boolean isResync(String payload) {
		return payload.endsWith(" " + RESYNC);
	}

	private static String encode(Wakeup wakeup) {
		String field = wakeup.id() + ":" + wakeup.position() + ":" + flags(wakeup);
		return (wakeup.createdName() != null) ? field + ":" + wakeup.createdName() : field;
	}

	private static String prefix(String sender, String topic) {
		return VERSION + " " + sender + " " + topic + " ";
	}

	private static String flags(Wakeup wakeup) {
		String flags = ((wakeup.ended()) ? "e" : "") + ((wakeup.deleted()) ? "d" : "")
				+ ((wakeup.createdName() != null) ? "c" : "");
		return (flags.isEmpty()) ? "-" : flags;
	}

	/**
	 * Decode a payload. What cannot be read, such as that of a later version, means "look
	 * at everything".
	 */
	static Decoded decode(String payload) {
		String[] fields = payload.split(" ");
		if (fields.length < 4 || !VERSION.equals(fields[0])) {
			return new Decoded((fields.length > 1) ? fields[1] : "", null, null);
		}
		String sender = fields[1];
		String topic = fields[2];
		if (RESYNC.equals(fields[3])) {
			return new Decoded(sender, topic, null);
		}
		try {
			List<Wakeup> wakeups = new ArrayList<>(fields.length - 3);
			for (int i = 3; i < fields.length; i++) {
				wakeups.add(decodeWakeup(fields[i]));
			}
			return new Decoded(sender, topic, wakeups);
		}
		catch (NumberFormatException | ArrayIndexOutOfBoundsException ex) {
			return new Decoded(sender, topic, null);
		}
	}

	private static Wakeup decodeWakeup(String field) {
		String[] parts = field.split(":", 4);
		String flags = parts[2];
		return new Wakeup(Long.parseLong(parts[0]), Long.parseLong(parts[1]), flags.contains("e"), flags.contains("d"),
				(flags.contains("c")) ? parts[3] : null);
	}

}
