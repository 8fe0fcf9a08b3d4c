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

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

import io.durablenotify.testsupport.Eventually;
import org.jspecify.annotations.Nullable;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Checks that each chunk comes once and in order, and keeps none: for handlers by the
 * thousand.
 */
class SequenceHandler implements ChunkHandler {

	private final long first;

	private final AtomicLong next;

	private final AtomicReference<@Nullable String> disorder = new AtomicReference<>();

	private final AtomicReference<@Nullable Throwable> error = new AtomicReference<>();

	private volatile boolean complete;

	SequenceHandler() {
		this(0);
	}

	SequenceHandler(long first) {
		this.first = first;
		this.next = new AtomicLong(first);
	}

	@Override
	public void onChunk(Chunk chunk) throws Exception {
		if (!this.next.compareAndSet(chunk.index(), chunk.index() + 1)) {
			this.disorder.compareAndSet(null, chunk + " came where " + this.next + " was due");
		}
	}

	@Override
	public void onComplete() {
		this.complete = true;
	}

	@Override
	public void onError(Throwable error) {
		this.error.set(error);
	}

	long first() {
		return this.first;
	}

	@Nullable Throwable error() {
		return this.error.get();
	}

	void awaitNext(long next) {
		Eventually.await(() -> this.next.get() >= next, this::toString);
		assertInOrder(next);
	}

	void awaitComplete(long next) {
		Eventually.await(() -> this.complete, this::toString);
		assertInOrder(next);
	}

	Throwable awaitError() {
		Eventually.await(() -> this.error.get() != null, this::toString);
		return this.error.get();
	}

	void assertInOrder(long next) {
		assertThat(this.disorder.get()).isNull();
		assertThat(this.next).hasValue(next);
	}

	@Override
	public String toString() {
		return "next %s, disorder %s, complete %s, error %s".formatted(this.next, this.disorder, this.complete,
				this.error);
	}

}
