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
 * The connection was lost after an append, or an end, was sent: it may or may not be
 * stored. An end can simply be written again. To append a chunk safely, use
 * {@link StreamWriter#appendAt(String, long, byte[])}, which stores it once however often
 * it is repeated.
 */
public final class AppendOutcomeUnknownException extends NonTransientDataAccessResourceException {

	AppendOutcomeUnknownException(String stream, Throwable cause) {
		super(("The connection was lost while stream '%s' was being written to: what was sent may be stored or not. "
				+ "An end can be written again. A chunk can if its index is known: appendAt(stream, index, data) "
				+ "stores it only once; StreamReader.info(stream).nextIndex() is the stream's position")
			.formatted(stream), cause);
	}

}
