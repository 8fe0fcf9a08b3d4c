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
package io.durablenotify.channel;

import java.util.List;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WriterProcess;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that the messages of a process that is killed are handled by another.
 */
class ChannelProcessTests {

	private static final String WORK_LEASE = "durable-notify.work.lease-duration=2s";

	private static final String STREAM_LEASE = "durable-notify.streams.lease=2s";

	@Fixture
	private static TestDatabase database;

	@Fixture(properties = { WORK_LEASE, STREAM_LEASE })
	private static Instance instance;

	@Fixture
	private static DurableChannels channels;

	@Test
	void theMessagesOfAKilledProcessHaveTheirEffectsOnce() throws Exception {
		database.jdbc().execute("CREATE TABLE effects (effect text, by text)");
		channels.create("competing", ChannelMode.COMPETING);
		channels.create("broadcast", ChannelMode.BROADCAST);
		try (WriterProcess process = WriterProcess.start(ChannelApplication.class, database, "--" + WORK_LEASE,
				"--" + STREAM_LEASE)) {
			Eventually.await(() -> channels.subscribers("broadcast").stream().anyMatch((each) -> each.owner() != null),
					() -> channels.subscribers("broadcast"));
			channels.publish("competing", "c");
			channels.publish("broadcast", "b");
			channels.send("handled", "a", "h");
			channels.send("received", "a", "r");
			for (String text : List.of("c", "b", "h", "r")) {
				process.awaitLine("handling " + text);
			}
			process.kill();
		}
		MessageHandler handler = (message) -> instance.jdbc()
			.update("INSERT INTO effects VALUES (?, 'here')", message.text());
		channels.compete("competing", (spec) -> spec.inTransaction(), handler);
		channels.subscribe("broadcast", "a", (consumer) -> consumer.inTransaction(), handler);
		channels.handle("handled", (spec) -> spec.inTransaction(), handler);
		assertThat(channels.receive("received", "a", Eventually.TIMEOUT, handler)).isTrue();
		Eventually.await(
				() -> effects().size() >= 4 && ChannelTables.count(database, "work_claims") == 0
						&& channels.subscribers("broadcast").get(0).lag() == 0,
				() -> effects() + " " + channels.subscribers("broadcast") + ChannelTables.state(database));
		assertThat(effects()).containsExactlyInAnyOrder("b here", "c here", "h here", "r here");
	}

	private static List<String> effects() {
		return database.jdbc().queryForList("SELECT effect || ' ' || by FROM effects", String.class);
	}

}
