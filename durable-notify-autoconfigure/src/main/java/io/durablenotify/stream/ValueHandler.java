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
 * Takes the values of one live reader, as {@link ChunkHandler} takes chunks.
 *
 * @param <T> the type of the values
 */
@FunctionalInterface
public interface ValueHandler<T> {

	/**
	 * Take the next value.
	 * @param value the value
	 * @param index its chunk's index
	 * @throws Exception ends this subscription, and no other, with
	 * {@link #onError(Throwable)}
	 */
	void onValue(T value, long index) throws Exception;

	/**
	 * The stream was completed, and its last value was taken.
	 */
	default void onComplete() {
	}

	/**
	 * The reading has ended otherwise.
	 * @param error {@link StreamDecodeException}, or what {@link ChunkHandler#onError}
	 * gets
	 */
	default void onError(Throwable error) {
	}

}
