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

package io.durablenotify.benchmarks.harness;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;

/**
 * Chunks of 100 bytes, the size of a few words.
 */
public final class Payload {

	public static final int BYTES = 100;

	private Payload() {
	}

	public static byte[] chunk() {
		return chunk(BYTES);
	}

	/**
	 * Return bytes that cannot be compressed.
	 */
	public static byte[] chunk(int bytes) {
		byte[] data = new byte[bytes];
		new Random(bytes).nextBytes(data);
		return data;
	}

	/**
	 * Return ASCII text that begins with a time.
	 */
	public static byte[] text(long nanoTime, int bytes) {
		byte[] stamp = (nanoTime + " ").getBytes(StandardCharsets.US_ASCII);
		byte[] text = Arrays.copyOf(stamp, bytes);
		Arrays.fill(text, stamp.length, bytes, (byte) 'x');
		return text;
	}

	/**
	 * Return a chunk that carries a time.
	 */
	public static byte[] stamped(long nanoTime) {
		return ByteBuffer.allocate(BYTES).putLong(nanoTime).array();
	}

	public static long stamp(byte[] chunk) {
		return ByteBuffer.wrap(chunk).getLong();
	}

}
