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
import java.util.stream.IntStream;
import java.util.stream.LongStream;

import io.durablenotify.Subscription;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests consumers with other settings of the driver, the pool and the session.
 */
class ConsumerSettingsTests {

	private static final String DRIVER = "spring.datasource.hikari.data-source-properties.";

	@Fixture
	private static TestDatabase database;

	@ParameterizedTest
	@ValueSource(strings = { DRIVER + "preferQueryMode=simple", DRIVER + "stringtype=unspecified",
			DRIVER + "prepareThreshold=-1", DRIVER + "prepareThreshold=0",
			"spring.datasource.hikari.maximum-pool-size=1", "spring.datasource.hikari.auto-commit=false",
			"spring.datasource.hikari.transaction-isolation=TRANSACTION_REPEATABLE_READ",
			"spring.datasource.hikari.transaction-isolation=TRANSACTION_SERIALIZABLE" })
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
