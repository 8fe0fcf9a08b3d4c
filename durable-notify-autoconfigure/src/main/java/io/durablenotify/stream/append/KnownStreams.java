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

package io.durablenotify.stream.append;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * Cache of stream ids and next indexes, by name. It saves a round trip; a stale entry is
 * detected by the append.
 */
final class KnownStreams {

	private static final int MAX_STREAMS = 10_000;

	private final Map<String, KnownStream> streams = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {

		@Override
		protected boolean removeEldestEntry(Map.Entry<String, KnownStream> eldest) {
			return size() > MAX_STREAMS;
		}

	});

	@Nullable KnownStream get(String stream) {
		return this.streams.get(stream);
	}

	void put(String stream, long streamId, long nextIndex) {
		this.streams.put(stream, new KnownStream(streamId, nextIndex));
	}

	/**
	 * Forget the next index: another instance or a transaction writes to the stream.
	 */
	void forgetNextIndex(String stream) {
		this.streams.computeIfPresent(stream, (name, known) -> new KnownStream(known.streamId(), 0));
	}

	void forget(String stream) {
		this.streams.remove(stream);
	}

	/**
	 * A stream that is known.
	 *
	 * @param streamId its id
	 * @param nextIndex the index that its next chunk will probably have, or 0 if that is
	 * not known
	 */
	record KnownStream(long streamId, long nextIndex) {
	}

}
