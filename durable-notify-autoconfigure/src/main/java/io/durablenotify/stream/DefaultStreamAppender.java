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

import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The {@link StreamAppender}, on top of the writer.
 */
final class DefaultStreamAppender implements StreamAppender {

	private final StreamWriter writer;

	private final String stream;

	/**
	 * Guarded by {@code this}, like {@link #ended}.
	 */
	private @Nullable RuntimeException failure;

	private boolean ended;

	DefaultStreamAppender(StreamWriter writer, String stream) {
		this.writer = writer;
		this.stream = stream;
	}

	@Override
	public long append(CharSequence text) {
		return append(() -> this.writer.append(this.stream, text));
	}

	@Override
	public long append(byte[] data) {
		return append(() -> this.writer.append(this.stream, data));
	}

	private synchronized long append(LongSupplier append) {
		requireWhole();
		Assert.state(!this.ended, () -> "The appender of stream '" + this.stream + "' was ended");
		try {
			return append.getAsLong();
		}
		catch (RuntimeException ex) {
			this.failure = ex;
			throw ex;
		}
	}

	private void requireWhole() {
		if (this.failure != null) {
			throw new IllegalStateException(
					"An earlier append to stream '%s' failed; what follows would leave a hole".formatted(this.stream),
					this.failure);
		}
	}

	@Override
	public synchronized void complete() {
		requireWhole();
		this.writer.complete(this.stream);
		this.ended = true;
	}

	@Override
	public synchronized void fail(String reason) {
		this.writer.fail(this.stream, reason);
		this.ended = true;
	}

	@Override
	public synchronized void close() {
		if (!this.ended) {
			fail((this.failure == null) ? "abandoned: closed without complete()" : "abandoned: an append failed");
		}
	}

}
