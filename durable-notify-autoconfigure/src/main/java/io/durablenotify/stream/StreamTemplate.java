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
import java.util.concurrent.CompletableFuture;

import io.durablenotify.StreamCodec;
import io.durablenotify.Subscription;

/**
 * Writes and reads streams of values of one type, one value a chunk. <pre class="code">
 * StreamTemplate&lt;Step&gt; steps = StreamTemplate.of(writer, reader, new JsonStreamCodec&lt;&gt;(jsonMapper, Step.class));
 * steps.append("runs/42", new Step("fetch", 3));
 * steps.subscribe("runs/42", StreamPosition.start(), (step, index) -> show(step));
 * </pre>
 * <p>
 * Everything else is as with {@link StreamWriter} and {@link StreamReader}, which end and
 * describe these streams too. All methods may be called from any thread.
 *
 * @param <T> the type of the values
 */
public interface StreamTemplate<T> {

	/**
	 * Append a value.
	 * @param stream the stream's name
	 * @param value the value
	 * @return the chunk's index
	 * @throws RuntimeException if the codec cannot encode the value: nothing was stored
	 * @see StreamWriter#append(String, byte[])
	 */
	long append(String stream, T value);

	/**
	 * Append several values: adjacent, all or none.
	 * @param stream the stream's name
	 * @param values the values, at least one
	 * @return the index of the first
	 * @throws RuntimeException if the codec cannot encode one of them: nothing was stored
	 * @see StreamWriter#appendAll(String, List)
	 */
	long appendAll(String stream, List<? extends T> values);

	/**
	 * Append a value without waiting for the database. It is encoded on the calling
	 * thread, before this returns.
	 * @param stream the stream's name
	 * @param value the value
	 * @return the chunk's index
	 * @throws RuntimeException if the codec cannot encode the value: nothing will be
	 * stored
	 * @see StreamWriter#appendAsync(String, byte[])
	 */
	CompletableFuture<Long> appendAsync(String stream, T value);

	/**
	 * Read a stream live. A chunk that is no value ends the subscription with a
	 * {@link StreamDecodeException}.
	 * @param stream the stream's name
	 * @param from where to begin
	 * @param handler the handler
	 * @return the subscription
	 * @see StreamReader#subscribe
	 */
	Subscription subscribe(String stream, StreamPosition from, ValueHandler<? super T> handler);

	/**
	 * Return a template.
	 * @param <T> the type of the values
	 * @param writer what writes the chunks
	 * @param reader what reads them
	 * @param codec what they mean
	 * @return the template
	 */
	static <T> StreamTemplate<T> of(StreamWriter writer, StreamReader reader, StreamCodec<T> codec) {
		return new DefaultStreamTemplate<>(writer, reader, codec);
	}

}
