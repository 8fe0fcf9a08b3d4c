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

import io.durablenotify.stream.AppendStore.Located;

/**
 * Additions as the columns of a statement: one row per stream, one per chunk.
 *
 * @param streamIds per stream, its id
 * @param names per stream, its name
 * @param hints per stream, the index that it has reached
 * @param expected per stream, the index that it must have come to
 * @param chunkStreamIds per chunk, its stream's id
 * @param chunkOrdinals per chunk, its place among those of its stream
 * @param chunks per chunk, its data
 */
record AppendArrays(long[] streamIds, String[] names, long[] hints, long[] expected, long[] chunkStreamIds,
		int[] chunkOrdinals, byte[][] chunks) {

	static AppendArrays of(List<Located> additions) {
		int rows = additions.stream().mapToInt((located) -> located.addition().chunks().size()).sum();
		AppendArrays arrays = new AppendArrays(new long[additions.size()], new String[additions.size()],
				new long[additions.size()], new long[additions.size()], new long[rows], new int[rows],
				new byte[rows][]);
		int row = 0;
		for (int i = 0; i < additions.size(); i++) {
			Located located = additions.get(i);
			arrays.streamIds[i] = located.streamId();
			arrays.names[i] = located.addition().stream();
			arrays.hints[i] = located.hint();
			arrays.expected[i] = located.addition().expectedIndex();
			int ordinal = 0;
			for (byte[] chunk : located.addition().chunks()) {
				arrays.chunkStreamIds[row] = located.streamId();
				arrays.chunkOrdinals[row] = ordinal++;
				arrays.chunks[row++] = chunk;
			}
		}
		return arrays;
	}

}
