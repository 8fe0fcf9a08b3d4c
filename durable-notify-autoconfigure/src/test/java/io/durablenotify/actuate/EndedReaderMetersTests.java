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

package io.durablenotify.actuate;

import java.lang.ref.Reference;
import java.util.List;

import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import org.junit.jupiter.api.Test;

/**
 * Tests that the readers of streams and of runs are counted where they end for a reason
 * that is none of theirs.
 */
class EndedReaderMetersTests {

	private static final List<String> TOPICS = List.of("streams", "events");

	@Fixture
	private static TestDatabase database;

	private static Instance start(TestDatabase database) {
		return Instance.start(database, (application) -> application.sources(WithMetrics.class));
	}

	private static void read(Instance instance, String name) {
		instance.reader().subscribe(name, StreamPosition.start(), new RecordingHandler());
		instance.events().follow(name, 0, (event) -> {
		});
	}

	private static List<FunctionCounter> counters(Instance instance, String reason) {
		return TOPICS.stream()
			.map((topic) -> instance.bean(MeterRegistry.class)
				.get(DurableNotifyMeters.READERS_ENDED.meterName())
				.tags("topic", topic, "reason", reason)
				.functionCounter())
			.toList();
	}

	private static void awaitEnded(List<FunctionCounter> counters) {
		Eventually.await(() -> counters.stream().allMatch((counter) -> counter.count() == 1),
				() -> counters.stream().map(FunctionCounter::count).toList());
	}

	@Test
	void readersOfWhatHasLostEntriesAreTruncated() {
		try (Instance instance = start(database)) {
			for (int i = 0; i < 3; i++) {
				instance.writer().append("hole", "chunk");
				instance.events().append(NewEvent.of("hole", "event"));
			}
			database.jdbc().update("DELETE FROM durable_notify.stream_chunks WHERE chunk_index = 1");
			database.jdbc().update("DELETE FROM durable_notify.workflow_events WHERE sequence = 2");
			read(instance, "hole");
			awaitEnded(counters(instance, "truncated"));
		}
	}

	@Test
	void readersThatTheApplicationContextEndsAreStopped() {
		Instance instance = start(database);
		List<FunctionCounter> counters = counters(instance, "stopped");
		// A meter does not keep what it counts
		List<Object> counted = List.of(instance.reader(), instance.events());
		read(instance, "open");
		instance.close();
		awaitEnded(counters);
		Reference.reachabilityFence(counted);
	}

	@Test
	void readersOfWhatTheDatabaseCannotSpellEndWithAnError() {
		TestDatabase latin = PostgresServer.shared()
			.createDatabase("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
		try (Instance instance = start(latin)) {
			read(instance, "\u65e5\u672c");
			awaitEnded(counters(instance, "error"));
		}
	}

}
