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
 * Takes the chunks of a {@link StreamConsumer}. Calls come one after the other on
 * {@code durableNotifyTaskExecutor}.
 * <p>
 * A call that throws is made again, with a backoff from 100 ms to 30 s, and later chunks
 * of the stream wait; other streams of a prefix go on. One line is logged when failing
 * begins and one when it is over.
 */
@FunctionalInterface
public interface ConsumerHandler {

	/**
	 * Handle the next chunk.
	 * @param chunk the chunk
	 * @throws Exception has the chunk handled again later
	 */
	void onChunk(ConsumedChunk chunk) throws Exception;

	/**
	 * Called when chunks are gone that this consumer has not had. Their stream was
	 * deleted, or retention did not wait any longer, or the server has lost them. It
	 * comes before the next chunk, and again after a failure. Does nothing by default;
	 * the gap is logged as a warning in any case. A stream that was deleted before an
	 * owner has begun it, such as while there was none, is no gap.
	 * @param gap what is gone
	 * @throws Exception has the gap reported again later
	 */
	default void onGap(ConsumerGap gap) throws Exception {
	}

	/**
	 * A stream has ended, and its last chunk was handled. The consumer goes on: a stream
	 * that takes the name after a deletion is read from its start. Does nothing by
	 * default.
	 * @param stream the stream's name
	 * @param state how it has ended
	 * @throws Exception has the end reported again later
	 */
	default void onEnd(String stream, StreamState state) throws Exception {
	}

}
