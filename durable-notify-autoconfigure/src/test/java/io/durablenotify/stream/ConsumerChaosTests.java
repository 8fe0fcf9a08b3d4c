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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests consumers of two instances while handlers fail, backends are terminated, owners
 * are taken over from, and instances come and go.
 */
class ConsumerChaosTests {

	private static final String POOL = "chaos-pool";

	private static final int ROUNDS = 8;

	private static final int STREAMS = 4;

	private static final int CHUNKS = 50;

	@Fixture
	private static TestDatabase database;

	private final AtomicInteger calls = new AtomicInteger();

	private Instance start() {
		Instance instance = Instance.start(database, "durable-notify.streams.lease=2s",
				"spring.datasource.hikari.data-source-properties.ApplicationName=" + POOL,
				"spring.datasource.hikari.maximum-pool-size=5", "durable-notify.poll.interval=500ms");
		instance.reader().prefixConsumer("chaos/", "once").inTransaction().batchSize(7).subscribe((chunk) -> {
			effect(instance, "once", chunk);
			failSometimes();
		});
		instance.reader()
			.prefixConsumer("chaos/", "own")
			.subscribe((chunk) -> instance.transaction().executeWithoutResult((status) -> {
				effect(instance, "own", chunk);
				chunk.commit();
				failSometimes();
			}));
		instance.reader().prefixConsumer("chaos/", "least").subscribe((chunk) -> {
			effect(instance, "least", chunk);
			failSometimes();
		});
		return instance;
	}

	private static void effect(Instance instance, String consumer, ConsumedChunk chunk) {
		instance.jdbc()
			.update("INSERT INTO effects (consumer, stream, chunk, token) VALUES (?, ?, ?, ?)", consumer,
					chunk.chunk().stream(), chunk.chunk().index(), chunk.fencingToken());
	}

	private void failSometimes() {
		if (this.calls.incrementAndGet() % 97 == 0) {
			throw new IllegalStateException("chaos");
		}
	}

	private static int distinct(String consumer) {
		return database.jdbc()
			.queryForObject("SELECT count(DISTINCT (stream, chunk)) FROM effects WHERE consumer = ?", Integer.class,
					consumer);
	}

	private static List<Long> effects(String consumer, String stream) {
		return database.jdbc()
			.queryForList("SELECT chunk FROM effects WHERE consumer = ? AND stream = ? ORDER BY id", Long.class,
					consumer, stream);
	}

	private static Object state() {
		return database.jdbc()
			.queryForList("SELECT consumer, count(*), count(DISTINCT (stream, chunk)) FROM effects GROUP BY 1") + " "
				+ database.jdbc().queryForList("SELECT * FROM durable_notify.stream_consumers") + " "
				+ database.jdbc().queryForList("SELECT * FROM durable_notify.stream_consumer_positions") + " "
				+ database.jdbc().queryForList("SELECT * FROM durable_notify.instances");
	}

	@Test
	void eachChunkHasItsEffectsOnceWhereThatIsPromisedAndAtLeastOnceElsewhere() {
		database.jdbc()
			.execute("CREATE TABLE effects (id bigserial, consumer text, stream text, chunk bigint, token bigint)");
		try (Instance writing = Instance.start(database)) {
			Instance first = start();
			Instance second = start();
			try {
				for (int round = 0; round < ROUNDS; round++) {
					for (int stream = 0; stream < STREAMS; stream++) {
						writing.writer()
							.appendAll("chaos/" + stream,
									IntStream.range(0, CHUNKS).mapToObj((i) -> ("" + i).getBytes()).toList());
					}
					int least = round * STREAMS * CHUNKS;
					Eventually.await(
							() -> distinct("once") > least && distinct("own") > least && distinct("least") > least,
							ConsumerChaosTests::state);
					switch (round % 4) {
						case 0 -> database.terminate(POOL);
						case 1 ->
							database.jdbc().update("UPDATE durable_notify.stream_consumers SET instance_id = NULL");
						case 2 -> {
							first.close();
							first = start();
						}
						default -> {
							second.close();
							second = start();
						}
					}
				}
				int all = ROUNDS * STREAMS * CHUNKS;
				for (String consumer : List.of("once", "own", "least")) {
					Eventually.await(() -> distinct(consumer) == all, ConsumerChaosTests::state);
				}
				Eventually.await(() -> writing.bean(StreamConsumers.class)
					.list()
					.stream()
					.allMatch((consumer) -> consumer.lag() == 0), ConsumerChaosTests::state);
			}
			finally {
				first.close();
				second.close();
			}
		}
		List<Long> indexes = LongStream.range(0, ROUNDS * CHUNKS).boxed().toList();
		for (int stream = 0; stream < STREAMS; stream++) {
			assertThat(effects("once", "chaos/" + stream)).isEqualTo(indexes);
			assertThat(effects("own", "chaos/" + stream)).isEqualTo(indexes);
			assertThat(effects("least", "chaos/" + stream).stream().distinct()).containsExactlyElementsOf(indexes);
		}
	}

}
