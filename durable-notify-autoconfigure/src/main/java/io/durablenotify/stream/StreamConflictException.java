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

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

import org.springframework.dao.OptimisticLockingFailureException;

/**
 * Thrown when a stream of that name exists and was created with other options. Nothing
 * was changed.
 */
public final class StreamConflictException extends OptimisticLockingFailureException {

	StreamConflictException(String stream, StreamOptions stored, StreamOptions wanted) {
		super("Stream '%s' exists with other options (%s); nothing was changed".formatted(stream,
				differences(stored, wanted)));
	}

	private static String differences(StreamOptions stored, StreamOptions wanted) {
		List<String> differences = new ArrayList<>();
		compare(differences, "owner", stored.owner(), wanted.owner());
		compare(differences, "content type", stored.contentType(), wanted.contentType());
		compare(differences, "time to live", stored.timeToLive(), wanted.timeToLive());
		return String.join(", ", differences);
	}

	private static void compare(List<String> differences, String option, @Nullable Object stored,
			@Nullable Object wanted) {
		if (!Objects.equals(stored, wanted)) {
			differences.add("%s: stored %s, wanted %s".formatted(option, shown(stored), shown(wanted)));
		}
	}

	private static String shown(@Nullable Object value) {
		return (value instanceof String text) ? "'" + text + "'" : (value != null) ? value.toString() : "none";
	}

}
