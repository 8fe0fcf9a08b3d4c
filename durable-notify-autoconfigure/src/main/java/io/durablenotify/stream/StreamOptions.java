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

package io.durablenotify.stream;

import java.time.Duration;
import java.time.temporal.ChronoUnit;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.util.InvalidMimeTypeException;
import org.springframework.util.MimeTypeUtils;
import org.springframework.util.StringUtils;

/**
 * The options with which a stream is created. None of it can be changed later.
 * <pre class="code">
 * StreamOptions.none().owner("alice").timeToLive(Duration.ofDays(1))
 * </pre>
 *
 * @param owner whom the stream belongs to, or {@code null}: 1 to 512 characters, not
 * blank, none of them a control character; with the stream's name 2,600 bytes of UTF-8 at
 * most. For {@link StreamReader#list}; no access control
 * @param contentType the media type of the stream's chunks together, such as
 * {@code text/markdown}, or {@code null}. For readers; 255 characters at most
 * @param timeToLive how long after its creation the stream is deleted, ended or not, or
 * {@code null} for never: 1 ms to 36,500 days, in whole milliseconds
 */
public record StreamOptions(@Nullable String owner, @Nullable String contentType, @Nullable Duration timeToLive) {

	private static final StreamOptions NONE = new StreamOptions(null, null, null);

	private static final int MAX_OWNER_LENGTH = 512;

	private static final int MAX_CONTENT_TYPE_LENGTH = 255;

	/**
	 * The longest time that PostgreSQL can surely add to the present.
	 */
	private static final Duration LONGEST = Duration.ofDays(36_500);

	/**
	 * Create options.
	 * @param owner the owner, or {@code null}
	 * @param contentType the media type of the chunks together, or {@code null}
	 * @param timeToLive the time from creation to deletion, or {@code null}
	 * @throws IllegalArgumentException if one of them is invalid
	 */
	public StreamOptions {
		if (owner != null) {
			requireOwner(owner);
		}
		if (contentType != null) {
			requireContentType(contentType);
		}
		if (timeToLive != null) {
			timeToLive = requireTimeToLive(timeToLive);
		}
	}

	static void requireOwner(String owner) {
		Assert.isTrue(StringUtils.hasText(owner) && isStorable(owner, MAX_OWNER_LENGTH),
				() -> "Owner '%s' must have 1 to %d characters, not only white space and no control character"
					.formatted(owner, MAX_OWNER_LENGTH));
	}

	private static void requireContentType(String contentType) {
		try {
			MimeTypeUtils.parseMimeType(contentType);
		}
		catch (InvalidMimeTypeException ex) {
			throw new IllegalArgumentException(
					"Content type '" + contentType + "' must be a media type such as text/plain", ex);
		}
		Assert.isTrue(isStorable(contentType, MAX_CONTENT_TYPE_LENGTH),
				() -> "Content type '%s' must have at most %d characters, and no control character"
					.formatted(contentType, MAX_CONTENT_TYPE_LENGTH));
	}

	private static Duration requireTimeToLive(Duration timeToLive) {
		Assert.isTrue(timeToLive.compareTo(Duration.ofMillis(1)) >= 0 && timeToLive.compareTo(LONGEST) <= 0,
				() -> "Time to live must be 1 ms to %d days, but is %s".formatted(LONGEST.toDays(), timeToLive));
		return timeToLive.truncatedTo(ChronoUnit.MILLIS);
	}

	private static boolean isStorable(String text, int maxLength) {
		return text.codePointCount(0, text.length()) <= maxLength && text.codePoints()
			.noneMatch((codePoint) -> Character.isISOControl(codePoint)
					|| Character.getType(codePoint) == Character.SURROGATE);
	}

	/**
	 * No owner, no content type, no time to live: what a stream has that its first append
	 * created.
	 * @return the options
	 */
	public static StreamOptions none() {
		return NONE;
	}

	/**
	 * Set whom the stream belongs to.
	 * @param owner the owner
	 * @return new options
	 * @throws IllegalArgumentException if the owner is invalid
	 */
	public StreamOptions owner(String owner) {
		return new StreamOptions(owner, this.contentType, this.timeToLive);
	}

	/**
	 * Set the media type of the stream's chunks together.
	 * @param contentType the media type
	 * @return new options
	 * @throws IllegalArgumentException if that is no media type
	 */
	public StreamOptions contentType(String contentType) {
		return new StreamOptions(this.owner, contentType, this.timeToLive);
	}

	/**
	 * Set how long after its creation the stream is deleted, by the database's clock.
	 * @param timeToLive the time to live
	 * @return new options
	 * @throws IllegalArgumentException if the time is invalid
	 */
	public StreamOptions timeToLive(Duration timeToLive) {
		return new StreamOptions(this.owner, this.contentType, timeToLive);
	}

}
