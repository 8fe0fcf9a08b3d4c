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

import java.util.List;

/**
 * Some chunks of a stream, in order.
 *
 * @param chunks the chunks; none means that there is nothing more for now
 * @param nextIndex where the next page begins: {@code StreamPosition.at(nextIndex)}
 * @param state {@link StreamState#OPEN} if more may follow this page, now or later; how
 * the stream ended if this page reaches its end
 */
public record ChunkPage(List<Chunk> chunks, long nextIndex, StreamState state) {

	/**
	 * Create a page.
	 * @param chunks the chunks, in order
	 * @param nextIndex where the next page begins
	 * @param state the state of the stream after this page
	 */
	public ChunkPage {
		chunks = List.copyOf(chunks);
	}

}
