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

import org.springframework.dao.NonTransientDataAccessResourceException;

/**
 * Thrown when the connection was lost after an append, or an end, was sent. The chunk, or
 * the end, may or may not have been stored. An end can be repeated. A chunk can be
 * appended with its index by {@link StreamWriter#appendAt(String, long, byte[])}, which
 * stores it at most once.
 */
public final class AppendOutcomeUnknownException extends NonTransientDataAccessResourceException {

	AppendOutcomeUnknownException(String stream, Throwable cause) {
		super(("The connection was lost while stream '%s' was being written to: the write may or may not have been "
				+ "stored. Retry a chunk by appendAt(stream, index, data), which stores it at most once "
				+ "(StreamReader.info(stream).nextIndex() is the stream's next index); an end can be repeated")
			.formatted(stream), cause);
	}

}
