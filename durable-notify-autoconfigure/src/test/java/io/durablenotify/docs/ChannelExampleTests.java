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

package io.durablenotify.docs;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import io.durablenotify.Subscription;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Runs the examples of docs/channels.md.
 */
class ChannelExampleTests {

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = Application.class)
	private static Instance instance;

	@Fixture
	private ChannelExamples examples;

	@BeforeAll
	static void createTables() {
		for (String table : List.of("placed", "packed", "paid")) {
			database.jdbc().execute("CREATE TABLE %s (id text)".formatted(table));
		}
		database.jdbc().execute("CREATE TABLE labels (shop text, article text, cents int)");
	}

	private static List<String> rows(String sql) {
		return database.jdbc().queryForList(sql, String.class);
	}

	@Test
	void anOrderIsPackedOnce() {
		this.examples.create();
		this.examples.place(new Order("1"));
		Subscription packers = this.examples.packers();
		Eventually.await(() -> !rows("SELECT id FROM packed").isEmpty(), () -> rows("SELECT id FROM placed"));
		packers.cancel();
		assertThat(rows("SELECT id FROM packed")).containsExactly("1");
	}

	@Test
	void eachShopGetsEachPrice() {
		this.examples.create();
		Subscription north = this.examples.prices("north");
		Subscription south = this.examples.prices("south");
		this.examples.publishPrice(new Price("tea", 250));
		this.examples.publishPrice(new Price("tea", 260));
		Eventually.await(() -> rows("SELECT shop FROM labels").size() == 4, () -> rows("SELECT shop FROM labels"));
		north.cancel();
		south.cancel();
		assertThat(rows("SELECT shop || ' ' || cents FROM labels ORDER BY 1")).containsExactly("north 250", "north 260",
				"south 250", "south 260");
		this.examples.removeIdle();
		assertThat(instance.bean(DurableChannels.class).subscribers("prices")).hasSize(2);
	}

	@Test
	void aQuestionIsAnswered() {
		Subscription oracle = this.examples.oracle();
		assertThat(this.examples.ask("why")).isEqualTo("42");
		oracle.cancel();
	}

	@Test
	void anotherLanguageAsks() {
		Subscription oracle = this.examples.oracle();
		database.jdbc().execute(Document.read(Path.of("../docs/channels.md")).block("sql", "channel/questions"));
		assertThat(instance.bean(DurableChannels.class).receive("replies", "reply/7", Duration.ofSeconds(30)))
			.hasValueSatisfying((reply) -> assertThat(reply.text()).isEqualTo("42"));
		oracle.cancel();
	}

	@Test
	void aPaymentIsReceivedInATransaction() throws Exception {
		instance.bean(DurableChannels.class).send("payments", "order/7", "7");
		this.examples.receive();
		assertThat(this.examples.seen()).contains("paid true");
		assertThat(rows("SELECT id FROM paid")).containsExactly("7");
	}

	record Order(String id) {
	}

	record Price(String article, int cents) {
	}

	@Configuration(proxyBeanMethods = false)
	@Import({ JacksonAutoConfiguration.class, ChannelExamples.class })
	static class Application {

	}

}
