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
import java.util.List;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;

/**
 * Settings of streams.
 *
 * @param maxChunkSize the largest chunk, in bytes
 * @param bufferSize how many chunks a live reader holds at most
 * @param bufferBytes how many bytes a live reader holds at most, or one chunk that has
 * more
 * @param appendBuffer how many bytes may wait to be written
 * @param appendTimeout how long an append, an end, a create or a delete waits for a
 * stream that another transaction holds
 * @param retention how long streams are kept after their end, or {@code null} for ever
 * @param families groups of streams with settings of their own
 */
public record StreamSettings(int maxChunkSize, int bufferSize, long bufferBytes, long appendBuffer,
		Duration appendTimeout, @Nullable Duration retention, List<Family> families) {

	public StreamSettings {
		families = List.copyOf(families);
	}

	/**
	 * Streams whose names begin alike.
	 *
	 * @param name the name, which is the qualifier of its beans
	 * @param prefix what the names of its streams begin with
	 * @param retention how long its streams are kept after their end, or {@code null} for
	 * as long as others are
	 * @param bufferSize how many chunks a live reader of the family holds at most
	 * @param maxChunkSize the largest chunk that a writer of the family takes, in bytes
	 */
	public record Family(String name, String prefix, @Nullable Duration retention, int bufferSize, int maxChunkSize) {

		/**
		 * What {@link #isValidName} asks for.
		 */
		public static final String NAME_RULE = "use lower-case letters and digits, beginning with a letter";

		/**
		 * What {@link #isValidPrefix} asks for.
		 */
		public static final String PREFIX_RULE = "use 1 to 511 characters, none of them white space or a control "
				+ "character";

		private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*");

		/**
		 * Return whether a family may have a name. It is one that an environment variable
		 * can hold too: any other spelling would be a second family there.
		 * @param name the name
		 * @return whether it may
		 */
		public static boolean isValidName(String name) {
			return NAME.matcher(name).matches();
		}

		/**
		 * Return whether the names of streams can begin with a prefix.
		 * @param prefix the prefix
		 * @return whether they can
		 */
		public static boolean isValidPrefix(String prefix) {
			return StreamNames.isValidPrefix(prefix);
		}

	}

}
