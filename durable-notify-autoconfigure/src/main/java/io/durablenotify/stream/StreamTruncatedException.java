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
 * Reports to a reader that the stream lacks chunks that it has received, or that come
 * next. The stream is shorter, has other chunks in their place, or lacks some where it is
 * read: the database was restored, failed over to a server that lagged, or crashed with
 * {@code synchronous_commit=off}. Or it was trimmed, or it is another stream than the one
 * that the position {@link StreamPosition#in(String) names}, which was deleted. What
 * follows may repeat indexes with other contents, so the reader stops rather than skip.
 */
public final class StreamTruncatedException extends StreamException {

	StreamTruncatedException(TailedStream stream, long expected, String found) {
		super(stream,
				("Stream '%s' has lost chunks: expected index %d, but %s. Was it trimmed, or deleted and created again, was "
						+ "the database restored, or did it fail over to a server that lagged? Read it again from a "
						+ "position that you trust")
					.formatted(stream.name(), expected, found));
	}

}
