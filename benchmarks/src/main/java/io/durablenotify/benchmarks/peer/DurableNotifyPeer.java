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

import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Latency;
import io.durablenotify.benchmarks.harness.Pace;
import io.durablenotify.benchmarks.harness.Payload;
import io.durablenotify.benchmarks.harness.StoredStreams;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.stream.StreamPosition;

/**
 * What the peers are measured beside.
 */
final class DurableNotifyPeer implements Peer {

	private final Database database;

	private final Instance instance;

	private final AtomicInteger streams = new AtomicInteger();

	DurableNotifyPeer(Database database) {
		this.database = database;
		this.instance = Instance.start(database);
	}

	private String newStream() {
		return "ours-" + this.streams.incrementAndGet();
	}

	@Override
	public double append(int writers, Duration time) throws Exception {
		String prefix = newStream() + "-";
		byte[] chunk = Payload.chunk();
		Throughput.Done done = Throughput.of(writers, time.dividedBy(3), time,
				(thread) -> this.instance.writer().append(prefix + thread, chunk));
		long stored = 0;
		for (int thread = 0; thread < writers; thread++) {
			stored += this.instance.reader().info(prefix + thread).orElseThrow().nextIndex();
		}
		Check.equal("chunks", done.count(), stored);
		return done.perSecond();
	}

	@Override
	public Latency latency(int count, int perSecond) throws Exception {
		String stream = newStream();
		Arrivals arrivals = new Arrivals(count);
		Subscription subscription = this.instance.reader()
			.subscribe(stream, StreamPosition.start(), (chunk) -> arrivals.received(Payload.stamp(chunk.data())));
		new Pace(count, perSecond)
			.run((i) -> this.instance.writer().append(stream, Payload.stamped(System.nanoTime())));
		Latency latency = arrivals.await();
		subscription.cancel();
		return latency;
	}

	@Override
	public double read(int chunks) throws SQLException, InterruptedException {
		String stream = newStream();
		StoredStreams.store(this.database, stream, chunks, Payload.chunk(), false);
		CountDownLatch missing = new CountDownLatch(chunks);
		long start = System.nanoTime();
		Subscription subscription = this.instance.reader()
			.subscribe(stream, StreamPosition.start(), (chunk) -> missing.countDown());
		Check.that(missing.await(60, TimeUnit.SECONDS), "missing: " + missing.getCount());
		double perSecond = chunks * 1e9 / (System.nanoTime() - start);
		subscription.cancel();
		return perSecond;
	}

	@Override
	public void close() {
		this.instance.close();
	}

}
