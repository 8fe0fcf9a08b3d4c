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

/**
 * Reports to a reader that the application context closes, or has closed. The stream
 * itself goes on: read it again from the next index.
 */
public final class ReaderStoppedException extends StreamException {

	ReaderStoppedException(TailedStream stream) {
		super(stream, "Stream '%s' is no longer read, because the application context closes".formatted(stream.name()));
	}

}
