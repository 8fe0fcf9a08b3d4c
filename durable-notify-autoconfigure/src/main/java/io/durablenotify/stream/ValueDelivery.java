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

import java.util.function.Function;

/**
 * Calls a {@link ValueHandler} with the values of its reader's chunks.
 *
 * @param <T> the values' type
 * @param decoder makes a value of a chunk
 * @param handler the handler
 */
record ValueDelivery<T>(Function<Chunk, T> decoder, ValueHandler<? super T> handler) implements ChunkHandler {

	@Override
	public void onChunk(Chunk chunk) throws Exception {
		this.handler.onValue(this.decoder.apply(chunk), chunk.index());
	}

	@Override
	public void onComplete() {
		this.handler.onComplete();
	}

	@Override
	public void onError(Throwable error) {
		this.handler.onError(error);
	}

}
