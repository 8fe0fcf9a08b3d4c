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

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for channels with a pool of one, under settings of the driver and of the role.
 */
class ChannelSettingsTests {

	private static final String ISOLATION = "options=-c%20default_transaction_isolation=";

	@Fixture
	private static TestDatabase database;

	@ParameterizedTest
	@ValueSource(strings = { "preferQueryMode=simple", "stringtype=unspecified", ISOLATION + "repeatable%5C%20read" })
	void messagesAreSentAndReceived(String setting) throws Exception {
		String url = database.url() + ((database.url().contains("?")) ? "&" : "?") + setting;
		database.jdbc().execute("CREATE TABLE IF NOT EXISTS effects (effect text)");
		database.jdbc().execute("TRUNCATE effects");
		String suffix = "-" + Integer.toHexString(setting.hashCode());
		try (Instance instance = Instance.start(new TestDatabase(url),
				"spring.datasource.hikari.maximum-pool-size=1")) {
			DurableChannels channels = instance.bean(DurableChannels.class);
			List<String> received = new CopyOnWriteArrayList<>();
			MessageHandler handler = (message) -> {
				instance.jdbc().update("INSERT INTO effects VALUES (?)", message.text());
				received.add(message.text());
			};
			List<Subscription> subscriptions = List.of(
					channels.compete("competing" + suffix, (spec) -> spec.inTransaction(), handler),
					channels.subscribe("broadcast" + suffix, "a", (consumer) -> consumer.inTransaction(), handler),
					channels.handle("direct" + suffix, (spec) -> spec.inTransaction(), handler));
			instance.transaction().executeWithoutResult((status) -> {
				channels.publish("competing" + suffix, "c");
				channels.publish("broadcast" + suffix, "b");
				channels.send("direct" + suffix, "a", "d");
				channels.send("replies" + suffix, "a", "r1");
			});
			for (String reply : List.of("r2", "r3")) {
				channels.send("replies" + suffix, "a", reply);
			}
			assertThat(channels.receive("replies" + suffix, "a", Duration.ZERO)).map(Message::text).contains("r1");
			assertThat(channels.receiveAsync("replies" + suffix, "a", Duration.ZERO).get()).map(Message::text)
				.contains("r2");
			assertThat(channels.receive("replies" + suffix, "a", Duration.ZERO, handler)).isTrue();
			assertThat(channels.receive("replies" + suffix, "a", Duration.ZERO)).isEmpty();
			Eventually.await(() -> received.containsAll(List.of("b", "c", "d", "r3")), () -> received);
			subscriptions.forEach(Subscription::cancel);
			new ChannelJanitor(instance.bean(ApplicationDatabase.class), instance.bean(ChannelSql.class),
					instance.bean(ChannelModes.class), null, Duration.ofDays(7), ChannelJanitor.INTERVAL)
				.run();
		}
		assertThat(database.jdbc().queryForList("SELECT effect FROM effects", String.class))
			.containsExactlyInAnyOrder("b", "c", "d", "r3");
	}

}
