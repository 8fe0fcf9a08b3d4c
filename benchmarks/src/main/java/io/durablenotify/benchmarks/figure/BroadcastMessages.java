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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.benchmarks.harness.Check;
import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Row 37. The clock runs from the first message until each subscriber has had all, and
 * all positions are stored.
 */
public final class BroadcastMessages implements Figure {

	private static final int BATCH = 100;

	private static final String TEXT = "x".repeat(100);

	private static final long TIMEOUT_SECONDS = 120;

	private int rounds;

	@Override
	public int row() {
		return 37;
	}

	@Override
	public String title() {
		return "messages to 100 durable subscribers, beside readers that UPDATE a position per %d".formatted(BATCH);
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int subscribers = run.size().pick(100, 100, 5);
		int messages = run.size().pick(5_000, 2_000, 200);
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			database.execute(
					"CREATE TABLE positions (subscriber text PRIMARY KEY, next_index bigint NOT NULL) WITH (fillfactor = 50)");
			return List.of(Rounds
				.alternate(run, () -> floor(database, instance, subscribers, messages),
						() -> ours(database, instance, subscribers, messages))
				.line("%d subscribers".formatted(subscribers), "deliveries/s", Double::doubleValue, Double::doubleValue,
						Target.atLeast(0.7)));
		}
	}

	private double floor(Database database, Instance instance, int subscribers, int messages) throws Exception {
		String stream = "floor-" + ++this.rounds;
		JdbcTemplate jdbc = new JdbcTemplate(instance.bean(DataSource.class));
		database.execute("TRUNCATE positions");
		CountDownLatch done = new CountDownLatch(subscribers);
		List<Subscription> subscriptions = new ArrayList<>();
		for (int i = 0; i < subscribers; i++) {
			String name = "subscriber-" + i;
			jdbc.update("INSERT INTO positions VALUES (?, 0)", name);
			subscriptions.add(instance.bean(StreamReader.class).subscribe(stream, StreamPosition.start(), (chunk) -> {
				Check.equal("length", TEXT.length(), chunk.text().length());
				if ((chunk.index() + 1) % BATCH == 0) {
					jdbc.update("UPDATE positions SET next_index = ? WHERE subscriber = ?", chunk.index() + 1, name);
				}
				if (chunk.index() + 1 == messages) {
					done.countDown();
				}
			}));
		}
		StreamWriter writer = instance.writer();
		long start = System.nanoTime();
		publish(instance, messages, () -> writer.append(stream, TEXT));
		Check.that(done.await(TIMEOUT_SECONDS, TimeUnit.SECONDS), "readers that miss chunks: " + done.getCount());
		long took = System.nanoTime() - start;
		subscriptions.forEach(Subscription::cancel);
		Check.equal("positions", (long) subscribers * messages,
				database.number("SELECT sum(next_index) FROM positions"));
		return (double) subscribers * messages * 1e9 / took;
	}

	private double ours(Database database, Instance instance, int subscribers, int messages) throws Exception {
		String channel = "ours-" + ++this.rounds;
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.create(channel, ChannelMode.BROADCAST);
		CountDownLatch done = new CountDownLatch(subscribers);
		List<Subscription> subscriptions = new ArrayList<>();
		for (int i = 0; i < subscribers; i++) {
			int[] count = new int[1];
			subscriptions.add(channels.subscribe(channel, "subscriber-" + i, (message) -> {
				Check.equal("length", TEXT.length(), message.text().length());
				if (++count[0] == messages) {
					done.countDown();
				}
			}));
		}
		awaitOwners(channels, channel);
		long start = System.nanoTime();
		publish(instance, messages, () -> channels.publish(channel, TEXT));
		Check.that(done.await(TIMEOUT_SECONDS, TimeUnit.SECONDS), "subscribers that miss messages: " + done.getCount());
		awaitPositions(database, (long) subscribers * messages);
		long took = System.nanoTime() - start;
		subscriptions.forEach(Subscription::cancel);
		for (int i = 0; i < subscribers; i++) {
			channels.removeSubscriber(channel, "subscriber-" + i);
		}
		return (double) subscribers * messages * 1e9 / took;
	}

	private static void publish(Instance instance, int messages, Runnable append) {
		TransactionTemplate transaction = new TransactionTemplate(instance.bean(PlatformTransactionManager.class));
		for (int i = 0; i < messages; i += BATCH) {
			transaction.executeWithoutResult((status) -> {
				for (int j = 0; j < BATCH; j++) {
					append.run();
				}
			});
		}
	}

	private static void awaitOwners(DurableChannels channels, String channel) throws InterruptedException {
		long start = System.nanoTime();
		while (channels.subscribers(channel).stream().anyMatch((subscriber) -> subscriber.owner() == null)) {
			Check.that(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS), "not all are active");
			Thread.sleep(10);
		}
	}

	private static void awaitPositions(Database database, long expected) throws Exception {
		long start = System.nanoTime();
		while (database
			.number("SELECT sum(next_index)::bigint FROM durable_notify.stream_consumer_positions") < expected) {
			Check.that(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS), "positions are missing");
			Thread.sleep(1);
		}
	}

}
