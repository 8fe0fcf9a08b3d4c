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

package io.durablenotify.benchmarks.figure;

import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.RawChunks;
import io.durablenotify.stream.StreamWriter;

/**
 * Appends at a steady rate, each with the time at which it was begun.
 */
final class PacedAppends {

	private PacedAppends() {
	}

	static void append(Pace pace, StreamWriter writer, String stream) throws Exception {
		pace.run((i) -> writer.append(stream, Payload.stamped(System.nanoTime())));
	}

	/**
	 * Time the floor's inserts.
	 */
	static Latency insert(Pace pace, RawChunks chunks, long streamId) throws Exception {
		byte[] chunk = Payload.chunk();
		return pace.time((i) -> chunks.insert(streamId, i, chunk));
	}

}
