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
import java.util.Base64;
import java.util.zip.DataFormatException;

import org.HdrHistogram.Histogram;

/**
 * Times of single operations, in nanoseconds. Recorded by one thread.
 */
public final class Latency {

	private static final long HIGHEST = 60_000_000_000L;

	private static final int DIGITS = 3;

	private final Histogram histogram;

	public Latency() {
		this(new Histogram(HIGHEST, DIGITS));
	}

	private Latency(Histogram histogram) {
		this.histogram = histogram;
	}

	public void record(long nanos) {
		this.histogram.recordValue(Math.min(Math.max(nanos, 1), HIGHEST));
	}

	public long count() {
		return this.histogram.getTotalCount();
	}

	/**
	 * Return a percentile in milliseconds.
	 */
	public double millis(double percentile) {
		return this.histogram.getValueAtPercentile(percentile) / 1e6;
	}

	/**
	 * Return the mean in milliseconds.
	 */
	public double mean() {
		return this.histogram.getMean() / 1e6;
	}

	public double p50() {
		return millis(50);
	}

	public double p99() {
		return millis(99);
	}

	public double max() {
		return millis(100);
	}

	/**
	 * Encode, to be sent to another process.
	 */
	public String encode() {
		ByteBuffer buffer = ByteBuffer.allocate(this.histogram.getNeededByteBufferCapacity());
		int length = this.histogram.encodeIntoCompressedByteBuffer(buffer);
		byte[] bytes = new byte[length];
		buffer.rewind();
		buffer.get(bytes);
		return Base64.getEncoder().encodeToString(bytes);
	}

	public static Latency decode(String encoded) {
		try {
			ByteBuffer buffer = ByteBuffer.wrap(Base64.getDecoder().decode(encoded));
			return new Latency(Histogram.decodeFromCompressedByteBuffer(buffer, HIGHEST));
		}
		catch (DataFormatException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
