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
import java.util.concurrent.CompletableFuture;

import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeGap;
import io.durablenotify.change.ChangeNotifier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

/**
 * Tests for settings over HTTP.
 */
@SampleTest
class SettingsTests {

	@Autowired
	Environment environment;

	@Autowired
	Settings settings;

	@Autowired
	ChangeNotifier changes;

	@Autowired
	JdbcClient jdbc;

	@Autowired
	TransactionTemplate transaction;

	SampleClient client;

	@BeforeEach
	void setUp() {
		this.client = new SampleClient(this.environment);
	}

	@AfterEach
	void forgetSettings() {
		this.client.put("/settings/pause", "5");
	}

	@Test
	void aSettingThatWasSetIsTheOneInUse() {
		HttpResponse<String> response = this.client.put("/settings/pause", " 6\n");
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.body()).isEqualTo("{\"pause\":6}");
		assertThat(this.settings.pause()).isEqualTo(Duration.ofMillis(6));
		assertThat(this.client.get("/settings").body()).isEqualTo("{\"pause\":6}");
	}

	@Test
	void aValueIsKeptUntilItsChangeOrAGapIsReceived() {
		// No bean: the changes of other tests may still be on their way to that
		Settings settings = new Settings(this.jdbc, this.transaction.getTransactionManager(), this.changes,
				new SampleProperties(Duration.ofMillis(5)));
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(5));
		store("7");
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(5));
		settings.drop(new Change(Settings.TOPIC, "pause", null, false, 1, Instant.now()));
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(7));
		store("6");
		settings.dropAll(new ChangeGap(Settings.TOPIC, ChangeGap.Reason.EXPIRED));
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(6));
	}

	@Test
	void aValueThatIsReadInATransactionWhichHasBegunBeforeTheChangeIsTheNewOne() {
		Settings settings = new Settings(this.jdbc, this.transaction.getTransactionManager(), this.changes,
				new SampleProperties(Duration.ofMillis(5)));
		TransactionTemplate older = new TransactionTemplate(this.transaction.getTransactionManager());
		older.setIsolationLevel(TransactionDefinition.ISOLATION_REPEATABLE_READ);
		older.executeWithoutResult((status) -> {
			assertThat(stored()).isEqualTo("5");
			CompletableFuture.runAsync(() -> store("7")).join();
			assertThat(stored()).isEqualTo("5");
			assertThat(settings.pause()).isEqualTo(Duration.ofMillis(7));
		});
		assertThat(settings.pause()).isEqualTo(Duration.ofMillis(7));
	}

	private String stored() {
		return this.jdbc.sql("select value from settings where name = 'pause'").query(String.class).single();
	}

	@Test
	void aValueThatIsChangedByOthersIsInUseOnceTheirChangeIsReceived() {
		assertThat(this.settings.pause()).isEqualTo(Duration.ofMillis(5));
		store("7");
		this.changes.publish(Settings.TOPIC, "pause");
		await().atMost(Duration.ofSeconds(30)).until(() -> this.settings.pause().equals(Duration.ofMillis(7)));
	}

	@Test
	void aChangeThatIsRolledBackIsNeitherStoredNorReceived() {
		try (ServerSentEvents events = this.client.read("/settings")) {
			assertThat(events.next().data()).isEqualTo("{\"pause\":5}");
			this.transaction.executeWithoutResult((status) -> {
				this.settings.set("pause", "7");
				status.setRollbackOnly();
			});
			this.settings.set("pause", "6");
			assertThat(events.nextOtherThan("{\"pause\":5}").data()).isEqualTo("{\"pause\":6}");
		}
	}

	private void store(String value) {
		this.jdbc.sql("""
				insert into settings (name, value) values ('pause', ?)
				on conflict (name) do update set value = excluded.value
				""").param(value).update();
	}

	@Test
	void anUnknownSettingIsNotFound() {
		HttpResponse<String> response = this.client.put("/settings/x", "1");
		assertThat(response.statusCode()).isEqualTo(404);
		assertThat(response.body()).contains("There is no setting 'x'");
	}

	@ParameterizedTest
	@ValueSource(strings = { "-1", "2001", "99999999999", "x", " ", "1.5" })
	void aPauseThatIsNoneIsABadRequest(String value) {
		HttpResponse<String> response = this.client.put("/settings/pause", value);
		assertThat(response.statusCode()).isEqualTo(400);
		assertThat(response.body()).contains("The pause is a number of milliseconds from 0 to 2,000");
	}

}
