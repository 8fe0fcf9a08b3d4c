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

package io.durablenotify.event;

import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the ids of runs while the sequence gives those of others.
 */
class RunIdTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	private static final Map<String, BiConsumer<EventLog, NewEvent>> WAYS = Map.of("append", EventLog::append,
			"append at", (log, event) -> log.append(event, 0), "append all",
			(log, event) -> log.appendAll(event.runId(), List.of(event)), "in a transaction",
			(log, event) -> instance.transaction().executeWithoutResult((status) -> log.append(event)));

	static Stream<String> ways() {
		return WAYS.keySet().stream().sorted();
	}

	@ParameterizedTest
	@MethodSource("ways")
	void aNewRunTakesNoIdOfAnother(String way) {
		String prefix = way.replace(' ', '-');
		for (int i = 0; i < 3; i++) {
			instance.events().append(NewEvent.of(prefix + "/" + i, "run_created"));
		}
		database.jdbc().execute("ALTER TABLE durable_notify.workflow_runs ALTER COLUMN id RESTART");
		RecordingEventHandler follower = new RecordingEventHandler();
		instance.events().follow(prefix + "/new", 0, follower);
		WAYS.get(way).accept(instance.events(), NewEvent.of(prefix + "/new", "step_created").correlationId("a"));
		follower.awaitEvents(1).assertGapFree(1, 1);
		assertThat(instance.events().read(prefix + "/new", 0, 10).events()).extracting(StoredEvent::type)
			.containsExactly("step_created");
		assertThat(database.jdbc()
			.queryForObject("SELECT count(*) FROM durable_notify.workflow_runs WHERE run_id LIKE ?", Long.class,
					prefix + "/%"))
			.isEqualTo(4);
	}

}
