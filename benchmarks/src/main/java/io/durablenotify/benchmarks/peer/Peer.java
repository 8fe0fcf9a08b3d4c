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

package io.durablenotify.benchmarks.peer;

import java.time.Duration;

import io.durablenotify.benchmarks.harness.Latency;

/**
 * A system that appends to streams and reads them. Each call uses new streams, and fails
 * if something was lost or came out of order.
 */
interface Peer extends AutoCloseable {

	/**
	 * Append with writers that each have a stream and wait for each chunk to be stored.
	 * @return chunks per second
	 */
	double append(int writers, Duration time) throws Exception;

	/**
	 * Append at a steady rate and receive in the same process.
	 * @return the times from before the append to the receiver's call
	 */
	Latency latency(int count, int perSecond) throws Exception;

	/**
	 * Read a stream that is stored.
	 * @return chunks per second
	 */
	double read(int chunks) throws Exception;

	@Override
	void close();

}
