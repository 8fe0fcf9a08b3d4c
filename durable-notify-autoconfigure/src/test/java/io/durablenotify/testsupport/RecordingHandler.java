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

package io.durablenotify.testsupport;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;

import io.durablenotify.stream.Chunk;
import io.durablenotify.stream.ChunkHandler;
import org.jspecify.annotations.Nullable;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Keeps what a reader has received.
 */
public class RecordingHandler implements ChunkHandler {

	private final List<Chunk> chunks = Collections.synchronizedList(new ArrayList<>());

	private final AtomicInteger completions = new AtomicInteger();

	private final List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());

	@Override
	public void onChunk(Chunk chunk) throws Exception {
		this.chunks.add(chunk);
	}

	@Override
	public void onComplete() {
		this.completions.incrementAndGet();
	}

	@Override
	public void onError(Throwable error) {
		this.errors.add(error);
	}

	public List<Chunk> chunks() {
		synchronized (this.chunks) {
			return List.copyOf(this.chunks);
		}
	}

	public List<String> texts() {
		return chunks().stream().map(Chunk::text).toList();
	}

	public List<Long> indexes() {
		return chunks().stream().map(Chunk::index).toList();
	}

	public int completions() {
		return this.completions.get();
	}

	public @Nullable Throwable error() {
		return (this.errors.isEmpty()) ? null : this.errors.get(0);
	}

	public int ends() {
		return this.completions.get() + this.errors.size();
	}

	public RecordingHandler awaitChunks(int count) {
		Eventually.await(() -> this.chunks.size() >= count, this::toString);
		return this;
	}

	public RecordingHandler awaitComplete() {
		Eventually.await(() -> this.completions.get() > 0, this::toString);
		return this;
	}

	public Throwable awaitError() {
		Eventually.await(() -> !this.errors.isEmpty(), this::toString);
		return this.errors.get(0);
	}

	/**
	 * Every chunk from an index on, once and in order.
	 */
	public void assertGapFree(long first, int count) {
		assertThat(indexes()).as(toString())
			.containsExactlyElementsOf(LongStream.range(first, first + count).boxed().toList());
	}

	@Override
	public String toString() {
		List<Long> indexes = indexes();
		return "%d chunks, last %s, completions %d, errors %s".formatted(indexes.size(),
				indexes.subList(Math.max(0, indexes.size() - 10), indexes.size()), completions(), this.errors);
	}

}
