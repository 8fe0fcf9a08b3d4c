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

import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

import io.durablenotify.benchmarks.harness.Database;
import io.durablenotify.benchmarks.harness.Figure;
import io.durablenotify.benchmarks.harness.Instance;
import io.durablenotify.benchmarks.harness.Line;
import io.durablenotify.benchmarks.harness.Rounds;
import io.durablenotify.benchmarks.harness.Run;
import io.durablenotify.benchmarks.harness.StoredItems;
import io.durablenotify.benchmarks.harness.Target;
import io.durablenotify.benchmarks.harness.Throughput;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

/**
 * Row 36. The same texts on both sides, of which each has a number.
 */
public final class CompetingMessages implements Figure {

	private static final String TEXT = "x".repeat(100);

	private static final int BATCH = 100;

	private int queues;

	@Override
	public int row() {
		return 36;
	}

	@Override
	public String title() {
		return "messages of a competing channel, beside plain work";
	}

	@Override
	public List<Line> measure(Run run) throws Exception {
		int items = run.size().pick(150_000, 60_000, 1_000);
		List<Line> lines = new ArrayList<>();
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			WorkQueue work = instance.bean(WorkQueue.class);
			DurableChannels channels = instance.bean(DurableChannels.class);
			channels.create("published", ChannelMode.COMPETING);
			lines.add(Rounds
				.alternate(run, () -> perSecond(run, () -> work.enqueue(WorkRequest.of("enqueued", TEXT))),
						() -> perSecond(run, () -> channels.publish("published", TEXT)))
				.line("`publish` beside `enqueue`, 1 thread", "messages/s", Double::doubleValue, Double::doubleValue,
						Target.atLeast(0.9)));
		}
		try (Database database = run.createDatabase(); Instance instance = Instance.start(database)) {
			lines.add(
					Rounds.alternate(run, () -> floor(database, instance, items), () -> ours(database, instance, items))
						.line("handled, %d at once".formatted(BATCH), "messages/s", Double::doubleValue,
								Double::doubleValue, Target.atLeast(0.9)));
		}
		return lines;
	}

	private static double perSecond(Run run, Runnable work) throws Exception {
		return Throughput.of(1, run.size().time(1_000), run.size().time(2_000), (thread) -> work.run()).perSecond();
	}

	private double floor(Database database, Instance instance, int items) throws Exception {
		String queue = "plain-" + ++this.queues;
		store(database, queue, items, "lpad(n::text, 100, '0')");
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, queue,
				() -> List.of(instance.bean(WorkListeners.class).register(Backlog.listener(queue, BATCH), (item) -> {
					handler.count(Long.parseLong(new String(item.payload(), StandardCharsets.UTF_8)));
					return WorkOutcome.done();
				})), handler);
		handler.check(sum(items));
		return perSecond;
	}

	private double ours(Database database, Instance instance, int items) throws Exception {
		String channel = "backlog-" + ++this.queues;
		DurableChannels channels = instance.bean(DurableChannels.class);
		channels.create(channel, ChannelMode.COMPETING);
		store(database, "channel/" + channel, items, """
				concat('{"channel_name":"%s","message_id":"', gen_random_uuid(), '","target_instance_id":null,',
					'"payload_type":"text","payload":"', lpad(n::text, 100, '0'), '"}')""".formatted(channel));
		CountingHandler handler = new CountingHandler(items);
		double perSecond = Backlog.handle(database, "channel/" + channel,
				() -> List.of(channels.compete(channel, (spec) -> Backlog.listener(spec.queues().get(0), BATCH),
						(message) -> handler.count(Long.parseLong(message.text())))),
				handler);
		handler.check(sum(items));
		return perSecond;
	}

	private static void store(Database database, String queue, int items, String text) throws SQLException {
		StoredItems.store(database, queue, items, "convert_to(%s, 'UTF8')".formatted(text));
	}

	private static long sum(long items) {
		return items * (items + 1) / 2;
	}

}
