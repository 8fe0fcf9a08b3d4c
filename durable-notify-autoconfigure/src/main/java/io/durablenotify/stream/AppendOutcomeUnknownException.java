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
 * The connection was lost after an append was sent: it may or may not be stored. Look at
 * the stream ({@link StreamReader#info(String)}) before appending the chunk again.
 */
@SuppressWarnings("serial")
public final class AppendOutcomeUnknownException extends NonTransientDataAccessResourceException {

	AppendOutcomeUnknownException(String stream, Throwable cause) {
		super(("The connection was lost while a chunk was being appended to stream '%s': it may be stored or not. "
				+ "Compare StreamReader.info(stream).nextIndex() with the index that it should have before you "
				+ "append it again")
			.formatted(stream), cause);
	}

}
