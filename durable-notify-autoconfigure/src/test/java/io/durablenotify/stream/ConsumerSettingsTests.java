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

import java.sql.Connection;
import java.sql.DriverManager;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests consumers with other settings of the driver, the pool and the session.
 */
class ConsumerSettingsTests {

	private static final String DRIVER = "spring.datasource.hikari.data-source-properties.";

	private static final String REPEATABLE_READ = "spring.datasource.hikari.transaction-isolation=TRANSACTION_REPEATABLE_READ";

	@Fixture
	private static TestDatabase database;

	@ParameterizedTest
	@ValueSource(strings = { DRIVER + "preferQueryMode=simple", DRIVER + "stringtype=unspecified",
			DRIVER + "prepareThreshold=-1", DRIVER + "prepareThreshold=0",
			"spring.datasource.hikari.maximum-pool-size=1", "spring.datasource.hikari.auto-commit=false",
			REPEATABLE_READ, "spring.datasource.hikari.transaction-isolation=TRANSACTION_SERIALIZABLE" })
	void aConsumerWorksWith(String setting) {
		String prefix = "settings/" + Integer.toHexString(setting.hashCode()) + "/";
		try (Instance instance = Instance.start(database, setting)) {
			StreamConsumers consumers = instance.bean(StreamConsumers.class);
			RecordingConsumer plain = new RecordingConsumer();
			RecordingConsumer transactional = new RecordingConsumer();
			RecordingConsumer own = new RecordingConsumer();
			append(instance, prefix + "a");
			Subscription first = instance.reader().prefixConsumer(prefix, prefix + "plain").subscribe(plain);
			instance.reader().prefixConsumer(prefix, prefix + "transactional").inTransaction().subscribe(transactional);
			instance.reader()
				.prefixConsumer(prefix, prefix + "own")
				.subscribe((chunk) -> instance.transaction().executeWithoutResult((status) -> {
					own.consumed().add(chunk);
					chunk.commit();
				}));
			List<RecordingConsumer> handlers = List.of(plain, transactional, own);
			handlers.forEach((handler) -> awaitAll(handler, prefix + "a"));
			append(instance, prefix + "b");
			handlers.forEach((handler) -> awaitAll(handler, prefix + "b"));
			Eventually.await(() -> consumers.list().stream().allMatch((consumer) -> consumer.lag() == 0),
					consumers::list);
			first.cancel();
			Eventually.await(() -> consumers.find(prefix + "plain").orElseThrow().owner() == null, consumers::list);
			instance.writer().delete(prefix + "b");
			transactional.awaitGaps(1);
			assertThat(consumers.list()).hasSize(3);
			consumers.list().forEach((consumer) -> assertThat(consumers.remove(consumer.name())).isTrue());
		}
	}

	@Test
	void aPositionThatIsStoredWhileARemovalWaitsIsRemovedToo() throws Exception {
		try (Instance instance = Instance.start(database, REPEATABLE_READ);
				Connection owner = DriverManager.getConnection(database.url())) {
			append(instance, "removed");
			RecordingConsumer handler = new RecordingConsumer();
			instance.reader().consumer("removed", "removed").subscribe(handler).cancel();
			StreamConsumers consumers = instance.bean(StreamConsumers.class);
			Eventually.await(() -> consumers.find("removed").orElseThrow().owner() == null, consumers::list);
			owner.setAutoCommit(false);
			owner.createStatement()
				.execute("SELECT FROM durable_notify.stream_consumers WHERE name = 'removed' FOR SHARE");
			CompletableFuture<Boolean> removed = Background.supply(() -> consumers.remove("removed"));
			database.awaitLockWait();
			owner.createStatement().execute("""
					INSERT INTO durable_notify.stream_consumer_positions
						(consumer_id, stream_id, stream_created_at, stream, next_index)
					SELECT consumer_id, -1, now(), 'other', 0 FROM durable_notify.stream_consumers
					WHERE name = 'removed'""");
			owner.commit();
			assertThat(removed).succeedsWithin(Eventually.TIMEOUT).isEqualTo(true);
		}
		assertThat(
				database.jdbc()
					.queryForObject("SELECT count(*) FROM durable_notify.stream_consumer_positions p WHERE NOT EXISTS "
							+ "(SELECT FROM durable_notify.stream_consumers c WHERE c.consumer_id = p.consumer_id)",
							Integer.class))
			.isZero();
	}

	@Test
	void aConsumerThatBeginsAtTheEndMissesNothingThatIsTrimmedWhileItWaits() throws Exception {
		try (Instance instance = Instance.start(database, REPEATABLE_READ);
				Connection trimming = DriverManager.getConnection(database.url())) {
			append(instance, "trimmed");
			RecordingConsumer handler = new RecordingConsumer();
			trimming.setAutoCommit(false);
			trimming.createStatement()
				.execute("SELECT pg_advisory_xact_lock(hashtextextended('\"durable_notify\".stream_consumers', 0))");
			CompletableFuture<Subscription> subscription = Background.supply(() -> instance.reader()
				.consumer("trimmed", "trimmed")
				.from(StreamPosition.end())
				.subscribe(handler));
			database.awaitLockWait();
			append(instance, "trimmed");
			trimming.createStatement().execute("SELECT durable_notify.trim_stream('trimmed', interval '1 day')");
			trimming.commit();
			assertThat(subscription).succeedsWithin(Eventually.TIMEOUT);
			instance.writer().append("trimmed", "last");
			Eventually.await(() -> handler.indexes("trimmed").contains(40L), handler::toString);
			assertThat(handler.gaps()).isEmpty();
			instance.bean(StreamConsumers.class).remove("trimmed");
		}
	}

	/**
	 * A transaction that could not be serialized is run again.
	 */
	private static void awaitAll(RecordingConsumer handler, String stream) {
		Eventually.await(() -> handler.indexes(stream).stream().distinct().count() == 20, handler::toString);
		assertThat(handler.indexes(stream).stream().distinct())
			.containsExactlyElementsOf(LongStream.range(0, 20).boxed().toList());
	}

	private static void append(Instance instance, String stream) {
		instance.writer().appendAll(stream, IntStream.range(0, 20).mapToObj((i) -> ("" + i).getBytes()).toList());
	}

}
