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
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;

import org.springframework.util.Assert;

/**
 * The {@link StreamTemplate}: a codec between values and chunks.
 */
final class DefaultStreamTemplate<T> implements StreamTemplate<T> {

	private final StreamWriter writer;

	private final StreamReader reader;

	private final StreamCodec<T> codec;

	DefaultStreamTemplate(StreamWriter writer, StreamReader reader, StreamCodec<T> codec) {
		Assert.notNull(writer, "'writer' must not be null");
		Assert.notNull(reader, "'reader' must not be null");
		Assert.notNull(codec, "'codec' must not be null");
		this.writer = writer;
		this.reader = reader;
		this.codec = codec;
	}

	@Override
	public long append(String stream, T value) {
		return this.writer.append(stream, encode(value));
	}

	@Override
	public long appendAll(String stream, List<? extends T> values) {
		Assert.notNull(values, "'values' must not be null");
		return this.writer.appendAll(stream, values.stream().map(this::encode).toList());
	}

	@Override
	public CompletableFuture<Long> appendAsync(String stream, T value) {
		return this.writer.appendAsync(stream, encode(value));
	}

	private byte[] encode(T value) {
		Assert.notNull(value, "A value must not be null");
		return this.codec.encode(value);
	}

	@Override
	public Subscription subscribe(String stream, StreamPosition from, ValueHandler<? super T> handler) {
		Assert.notNull(handler, "'handler' must not be null");
		return this.reader.subscribe(stream, from, new ValueDelivery<>(this::decode, handler));
	}

	private T decode(Chunk chunk) {
		try {
			return Objects.requireNonNull(this.codec.decode(chunk.data()));
		}
		catch (RuntimeException ex) {
			throw new StreamDecodeException(chunk.stream(), chunk.index(), ex);
		}
	}

}
