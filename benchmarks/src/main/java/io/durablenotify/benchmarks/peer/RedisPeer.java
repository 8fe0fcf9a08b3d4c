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

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.Throughput;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisURI;
import io.lettuce.core.StreamMessage;
import io.lettuce.core.XReadArgs;
import io.lettuce.core.XReadArgs.StreamOffset;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;

/**
 * Redis Streams through Lettuce. XADD is called by threads that share a connection, as
 * Lettuce recommends; XREAD on another, blocking where there is nothing.
 */
final class RedisPeer implements Peer {

	private static final byte[] FIELD = { 'd' };

	private static final int PAGE = 1_000;

	private final RedisServer server;

	private final RedisClient client;

	private final StatefulRedisConnection<byte[], byte[]> writing;

	private final StatefulRedisConnection<byte[], byte[]> reading;

	private final AtomicInteger streams = new AtomicInteger();

	RedisPeer(RedisServer server) {
		this.server = server;
		this.client = RedisClient.create(RedisURI.create("127.0.0.1", server.port()));
		this.writing = this.client.connect(ByteArrayCodec.INSTANCE);
		this.reading = this.client.connect(ByteArrayCodec.INSTANCE);
	}

	private byte[] newStream() {
		return key("stream-" + this.streams.incrementAndGet());
	}

	private static byte[] key(String name) {
		return name.getBytes(StandardCharsets.US_ASCII);
	}

	@Override
	public double append(int writers, Duration time) throws Exception {
		byte[] chunk = Payload.chunk();
		List<byte[]> keys = new ArrayList<>();
		for (int i = 0; i < writers; i++) {
			keys.add(newStream());
		}
		Throughput.Done done = Throughput.of(writers, time.dividedBy(3), time,
				(thread) -> this.writing.sync().xadd(keys.get(thread), Map.of(FIELD, chunk)));
		long stored = 0;
		for (byte[] key : keys) {
			stored += this.writing.sync().xlen(key);
			this.writing.sync().del(key);
		}
		Check.equal("messages", done.count(), stored);
		return done.perSecond();
	}

	@Override
	public Latency latency(int count, int perSecond) throws Exception {
		byte[] key = newStream();
		Arrivals arrivals = new Arrivals(count);
		Thread receiver = new Thread(() -> read(key, count, arrivals), "redis-receiver");
		receiver.start();
		new Pace(count, perSecond)
			.run((i) -> this.writing.sync().xadd(key, Map.of(FIELD, Payload.stamped(System.nanoTime()))));
		Latency latency = arrivals.await();
		receiver.join();
		return latency;
	}

	@SuppressWarnings("unchecked")
	private long read(byte[] key, int count, Arrivals arrivals) {
		String last = "0-0";
		long read = 0;
		while (read < count) {
			List<StreamMessage<byte[], byte[]>> messages = this.reading.sync()
				.xread(XReadArgs.Builder.block(1_000).count(PAGE), StreamOffset.from(key, last));
			for (StreamMessage<byte[], byte[]> message : messages) {
				arrivals.received(Payload.stamp(message.getBody().values().iterator().next()));
				last = message.getId();
				read++;
			}
		}
		return read;
	}

	@Override
	public double read(int chunks) throws Exception {
		byte[] key = newStream();
		List<RedisFuture<String>> stored = new ArrayList<>();
		for (int i = 0; i < chunks; i++) {
			stored.add(this.writing.async().xadd(key, Map.of(FIELD, Payload.stamped(i))));
		}
		for (RedisFuture<String> future : stored) {
			future.get();
		}
		Arrivals arrivals = new Arrivals(chunks);
		long start = System.nanoTime();
		read(key, chunks, arrivals);
		double perSecond = chunks * 1e9 / (System.nanoTime() - start);
		arrivals.await();
		this.writing.sync().del(key);
		return perSecond;
	}

	@Override
	public void close() {
		this.client.shutdown(Duration.ZERO, Duration.ofSeconds(5));
		this.server.close();
	}

}
