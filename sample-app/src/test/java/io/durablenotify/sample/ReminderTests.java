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

package io.durablenotify.sample;

import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for the reminder over HTTP.
 */
@SampleTest
class ReminderTests {

	@Autowired
	Environment environment;

	@Autowired
	JsonMapper json;

	@Autowired
	JdbcClient jdbc;

	@Autowired
	InstanceName instance;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
	}

	@AfterEach
	void forgetReminder() {
		this.client.delete("/jobs/reminder");
		this.jdbc.sql("delete from reminders").update();
	}

	@Test
	void aReminderIsSentAtItsTime() {
		set("1");
		JsonNode sent = awaitSent();
		assertThat(sent.get("sentBy").asString()).isEqualTo(this.instance.toString());
		assertThat(time(sent, "sentAt")).isAfterOrEqualTo(time(sent, "dueAt"));
	}

	@Test
	void aReminderThatIsSetAgainIsSentAtItsNewTime() {
		Instant first = time(set("600"), "dueAt");
		assertThat(reminder().has("sentAt")).isFalse();
		set("0");
		assertThat(time(awaitSent(), "dueAt")).isBefore(first);
		assertThat(set("600").has("sentAt")).isFalse();
	}

	@Test
	void aReminderIsCancelledUnlessItWasSent() {
		set("600");
		assertThat(this.client.delete("/jobs/reminder").body()).isEqualTo("{\"cancelled\":true}");
		assertThat(reminder()).isNull();
		assertThat(this.client.delete("/jobs/reminder").body()).isEqualTo("{\"cancelled\":false}");
		set("0");
		awaitSent();
		assertThat(this.client.delete("/jobs/reminder").body()).isEqualTo("{\"cancelled\":false}");
	}

	@ParameterizedTest
	@ValueSource(strings = { "-1", "10000", "x", " ", "1.5" })
	void secondsThatAreNoneAreABadRequest(String seconds) {
		HttpResponse<String> response = this.client.put("/jobs/reminder", seconds);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("a number of seconds from 0 to 9,999");
	}

	private JsonNode set(String seconds) {
		return this.json.readTree(this.client.put("/jobs/reminder", seconds).body()).get("reminder");
	}

	private JsonNode awaitSent() {
		await("reminder").atMost(Duration.ofSeconds(30)).until(() -> reminder().has("sentAt"));
		return reminder();
	}

	private JsonNode reminder() {
		return this.json.readTree(this.client.get("/jobs").body()).get("reminder");
	}

	private static Instant time(JsonNode reminder, String name) {
		return Instant.parse(reminder.get(name).asString());
	}

}
