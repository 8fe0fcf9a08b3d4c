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
package io.durablenotify.outbox;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.EventReceiver.Request;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.OutboxApplication;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Two instances that send 10,000 events, of which one is killed in the middle.
 */
class OutboxProcessTests {

	private static final int EVENTS = 10_000;

	private static final int KEYS = 100;

	@Fixture
	private static TestDatabase database;

	@Test
	@Timeout(300)
	void eachEventIsReceivedAtLeastOnceAndInTheOrderOfItsKey() {
		try (EventReceiver receiver = EventReceiver.start()) {
			String[] properties = { "durable-notify.outbox.http.orders.url=" + receiver.url(),
					"durable-notify.work.lease-duration=2s" };
			try (Instance instance = Instance.start(database, properties);
					WriterProcess process = WriterProcess.start(OutboxApplication.class, database, "--" + properties[0],
							"--" + properties[1])) {
				process.awaitLine("sending");
				for (int i = 0; i < EVENTS; i += 500) {
					publish(instance, i, i + 500);
					if (i == EVENTS / 2) {
						receiver.awaitRequests(EVENTS / 10);
						process.kill();
					}
				}
				receiver.awaitDistinct(EVENTS);
				Eventually.await(() -> database.jdbc()
					.queryForObject("SELECT (SELECT count(*) FROM durable_notify.work_items) "
							+ "+ (SELECT count(*) FROM durable_notify.work_lane_items)", Integer.class) == 0,
						receiver::toString);
			}
			check(receiver.requests());
		}
	}

	/**
	 * Every tenth has no ordering key.
	 */
	private static void publish(Instance instance, int from, int to) {
		Outbox outbox = instance.bean(Outbox.class);
		instance.transaction().executeWithoutResult((status) -> IntStream.range(from, to).forEach((i) -> {
			OutboxEvent event = OutboxEvent.of("t", "" + i).id("" + i);
			outbox.publish((i % 10 == 0) ? event : event.orderingKey("k" + i % KEYS).subject("k" + i % KEYS));
		}));
	}

	private static void check(List<Request> requests) {
		Set<String> ids = new LinkedHashSet<>();
		Map<String, List<Integer>> numbers = new HashMap<>();
		for (Request request : requests) {
			assertThat(request.text()).isEqualTo(request.id());
			String key = request.headers().get("ce-subject");
			if (ids.add(request.id()) && key != null) {
				numbers.computeIfAbsent(key, (any) -> new ArrayList<>()).add(Integer.valueOf(request.id()));
			}
		}
		assertThat(ids).hasSize(EVENTS);
		assertThat(numbers).hasSize(KEYS - KEYS / 10).allSatisfy((key, ofKey) -> assertThat(ofKey).isSorted());
		// Those that the killed process was sending
		assertThat(requests.size() - EVENTS).isLessThan(200);
	}

}
