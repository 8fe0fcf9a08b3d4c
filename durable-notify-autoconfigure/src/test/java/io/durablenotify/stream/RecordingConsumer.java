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
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.testsupport.Eventually;

/**
 * Keeps what a consumer's handler is given.
 */
class RecordingConsumer implements ConsumerHandler {

	private final List<ConsumedChunk> consumed = new CopyOnWriteArrayList<>();

	private final List<ConsumerGap> gaps = new CopyOnWriteArrayList<>();

	private final List<String> ends = new CopyOnWriteArrayList<>();

	@Override
	public void onChunk(ConsumedChunk chunk) throws Exception {
		this.consumed.add(chunk);
	}

	@Override
	public void onGap(ConsumerGap gap) {
		this.gaps.add(gap);
	}

	@Override
	public void onEnd(String stream, StreamState state) {
		this.ends.add(stream + " " + state);
	}

	List<ConsumedChunk> consumed() {
		return this.consumed;
	}

	List<String> texts() {
		return this.consumed.stream().map((consumed) -> consumed.chunk().text()).toList();
	}

	/**
	 * The indexes of the chunks of a stream.
	 */
	List<Long> indexes(String stream) {
		return this.consumed.stream()
			.map(ConsumedChunk::chunk)
			.filter((chunk) -> chunk.stream().equals(stream))
			.map(Chunk::index)
			.toList();
	}

	List<ConsumerGap> gaps() {
		return this.gaps;
	}

	List<String> ends() {
		return this.ends;
	}

	RecordingConsumer awaitChunks(int count) {
		Eventually.await(() -> this.consumed.size() >= count, this::toString);
		return this;
	}

	RecordingConsumer awaitGaps(int count) {
		Eventually.await(() -> this.gaps.size() >= count, this::toString);
		return this;
	}

	RecordingConsumer awaitEnds(int count) {
		Eventually.await(() -> this.ends.size() >= count, this::toString);
		return this;
	}

	@Override
	public String toString() {
		return "consumed %s, gaps %s, ends %s".formatted(texts(), this.gaps, this.ends);
	}

}
