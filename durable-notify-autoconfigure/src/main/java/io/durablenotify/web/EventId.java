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

import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

import org.springframework.util.StringUtils;

/**
 * The id of an event: how far a client has read, and of which log.
 * <p>
 * As text {@code 12@identity}, or {@code 12.5@identity} if it also has 5 bytes of the
 * entry after 12, whose next character is incomplete, or {@code 12.0@identity} if it is
 * to begin after 12 and has received nothing, or {@code end@identity} after the end. The
 * version before sent the index only.
 *
 * @param index the last entry that was received as a whole, or less than the first if
 * none was
 * @param bytes how many bytes of the entry after that were received
 * @param begin whether the client is only to begin there, and has received no entry
 * @param end whether the end was received
 * @param identity the log's identity, or {@code null} if it is not known
 */
record EventId(long index, int bytes, boolean begin, boolean end, @Nullable String identity) {

	/**
	 * Nothing was received, of whichever log.
	 */
	static final EventId NOTHING = EventId.begin(-1, null);

	private static final String END = "end";

	private static final Pattern IDENTITY = Pattern.compile("[0-9A-Za-z-]{1,200}");

	private static final Pattern FORMAT = Pattern
		.compile("(?:end|(-1(?=\\.)|\\d{1,18})(?:\\.(\\d{1,9}))?)(?:@([0-9A-Za-z-]{1,200}))?");

	static EventId of(long index, @Nullable String identity) {
		return new EventId(index, 0, false, false, identity);
	}

	static EventId begin(long index, @Nullable String identity) {
		return new EventId(index, 0, true, false, identity);
	}

	static EventId end(@Nullable String identity) {
		return new EventId(0, 0, false, true, identity);
	}

	EventId withBytes(int bytes) {
		return new EventId(this.index, bytes, false, this.end, this.identity);
	}

	/**
	 * Parse a {@code Last-Event-ID} header.
	 * @param lastEventId the header
	 * @return the id, or {@code null} if there is none
	 * @throws IllegalArgumentException if it is no id of ours
	 */
	static @Nullable EventId parse(@Nullable String lastEventId) {
		if (!StringUtils.hasText(lastEventId)) {
			return null;
		}
		Matcher matcher = FORMAT.matcher(lastEventId.trim());
		if (!matcher.matches()) {
			throw new IllegalArgumentException(
					"Last-Event-ID '%s' must be the id of an event that was received".formatted(lastEventId));
		}
		String identity = matcher.group(3);
		if (matcher.group(1) == null) {
			return end(identity);
		}
		long index = Long.parseLong(matcher.group(1));
		if (matcher.group(2) == null) {
			return of(index, identity);
		}
		int bytes = Integer.parseInt(matcher.group(2));
		return (bytes > 0) ? of(index, identity).withBytes(bytes) : begin(index, identity);
	}

	/**
	 * Return an identity as it is in ids, or {@code null} if ids cannot have it.
	 */
	static @Nullable String identity(@Nullable String identity) {
		return (identity != null && IDENTITY.matcher(identity).matches()) ? identity : null;
	}

	/**
	 * Return whether this can be an id of the given log. An id without an identity can be
	 * one of any.
	 */
	boolean isOf(@Nullable String identity) {
		return this.identity == null || identity == null || this.identity.equals(identity);
	}

	@Override
	public String toString() {
		String place = (this.end) ? END
				: (this.bytes > 0 || this.begin) ? this.index + "." + this.bytes : String.valueOf(this.index);
		return (this.identity != null) ? place + "@" + this.identity : place;
	}

}
