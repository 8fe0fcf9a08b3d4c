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

import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the outbox with a pool of one, under settings of the driver, the session and
 * the listener.
 */
class OutboxSettingsTests {

	private static final String POOL = "spring.datasource.hikari.";

	@Fixture
	private static TestDatabase database;

	/**
	 * What deletes sent events would fail in another transaction, at a conflict.
	 */
	@BeforeAll
	static void requireReadCommitted() {
		try (Instance instance = Instance.start(database)) {
			instance.jdbc().execute("""
					CREATE FUNCTION require_read_committed() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN
						IF current_setting('transaction_isolation') <> 'read committed' THEN
							RAISE EXCEPTION 'Isolation level %', current_setting('transaction_isolation');
						END IF;
						RETURN old;
					END $$""");
			instance.jdbc()
				.execute("CREATE TRIGGER isolation BEFORE DELETE ON durable_notify.outbox_sent "
						+ "FOR EACH ROW EXECUTE FUNCTION require_read_committed()");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { POOL + "data-source-properties.preferQueryMode=simple",
			POOL + "data-source-properties.stringtype=unspecified", POOL + "auto-commit=false",
			POOL + "transaction-isolation=TRANSACTION_REPEATABLE_READ", "durable-notify.listener.enabled=false" })
	void eventsAreSentThroughAnOutageAndDeletedAfterTheRetention(String setting) {
		database.jdbc().execute("TRUNCATE durable_notify.outbox_sent");
		try (Instance instance = Instance.start(database, (application) -> application.sources(Senders.class), setting,
				POOL + "maximum-pool-size=1", "durable-notify.work.poll-interval=200ms",
				"durable-notify.work.backoff.delay=50ms", "durable-notify.outbox.retention=1h",
				"durable-notify.outbox.circuit.failures=1", "durable-notify.outbox.circuit.interval=50ms")) {
			RecordingSender sender = instance.bean(RecordingSender.class);
			AtomicInteger failures = new AtomicInteger();
			sender.fail((message) -> {
				if (failures.getAndIncrement() < 3) {
					throw new IllegalStateException("away");
				}
			});
			instance.transaction().executeWithoutResult((status) -> {
				instance.bean(Outbox.class).publish(OutboxEvent.of("t", "a").orderingKey("k"));
				instance.bean(Outbox.class).publish(OutboxEvent.of("t", "b"));
			});
			Eventually.await(() -> count("work_items") == 0 && count("work_probes") == 0 && count("outbox_sent") == 2,
					() -> sender.attempts() + " "
							+ database.jdbc().queryForList("SELECT * FROM durable_notify.work_items")
							+ database.jdbc().queryForList("SELECT * FROM durable_notify.work_probes"));
			assertThat(sender.texts()).contains("a", "b").hasSize(5);
			database.jdbc().update("UPDATE durable_notify.outbox_sent SET keep_until = clock_timestamp()");
			assertThat(instance.bean(SentEvents.class).expire(1_000)).isEqualTo(2);
		}
	}

	private static int count(String table) {
		return database.jdbc().queryForObject("SELECT count(*) FROM durable_notify." + table, Integer.class);
	}

	@Configuration(proxyBeanMethods = false)
	static class Senders {

		@Bean
		RecordingSender orders() {
			return new RecordingSender("orders");
		}

	}

}
