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

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;

import javax.sql.DataSource;

import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.dao.ConcurrencyFailureException;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for appends through pools of all kinds.
 */
class AppendPoolTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance other;

	@ParameterizedTest
	@ValueSource(strings = { "maximum-pool-size=1", "maximum-pool-size=1 auto-commit=false",
			"maximum-pool-size=2 auto-commit=false", "transaction-isolation=TRANSACTION_REPEATABLE_READ",
			"transaction-isolation=TRANSACTION_SERIALIZABLE",
			"transaction-isolation=TRANSACTION_REPEATABLE_READ maximum-pool-size=1 auto-commit=false" })
	void everythingIsStoredOnceAndInOrder(String pool) throws Exception {
		String prefix = pool.replace(' ', '/') + "/";
		try (Instance instance = Instance.start(database, properties(pool))) {
			DataSource dataSource = instance.bean(DataSource.class);
			int isolation = isolation(dataSource);
			RecordingHandler handler = new RecordingHandler();
			other.reader().subscribe(prefix + "shared", StreamPosition.start(), handler);
			List<Callable<Integer>> tasks = new ArrayList<>();
			for (int caller = 0; caller < 4; caller++) {
				StreamWriter writer = (caller < 3) ? instance.writer() : other.writer();
				tasks.add(() -> write(instance, writer, prefix));
			}
			int stored = StreamWriterTests.runAll(tasks).stream().mapToInt(Integer::intValue).sum();
			contended(instance, prefix + "contended");
			instance.writer().complete(prefix + "shared");
			handler.awaitComplete().assertGapFree(0, stored);
			assertThat(isolation(dataSource)).isEqualTo(isolation);
		}
	}

	private static String[] properties(String pool) {
		List<String> properties = new ArrayList<>(List.of("spring.datasource.hikari.connection-timeout=20000"));
		for (String property : pool.split(" ")) {
			properties.add("spring.datasource.hikari." + property);
		}
		return properties.toArray(String[]::new);
	}

	private static int isolation(DataSource dataSource) throws SQLException {
		try (Connection connection = dataSource.getConnection()) {
			return connection.getTransactionIsolation();
		}
	}

	private static int write(Instance instance, StreamWriter writer, String prefix) {
		List<CompletableFuture<Long>> appends = new ArrayList<>();
		for (int i = 0; i < 20; i++) {
			appends.add(writer.appendAsync(prefix + "shared", "async"));
			writer.append(prefix + "shared", "sync");
			writer.append(prefix + i, "in many");
			inTransaction(instance, prefix + "shared");
		}
		appends.forEach(Eventually::get);
		return 20 * 4;
	}

	private static void inTransaction(Instance instance, String stream) {
		while (true) {
			try {
				instance.transaction().executeWithoutResult((status) -> {
					instance.writer().append(stream, "in a transaction");
					instance.writer().appendOnCommit(stream, "with the commit".getBytes(StandardCharsets.UTF_8));
				});
				return;
			}
			catch (ConcurrencyFailureException ex) {
				// At the higher isolation levels, and to be repeated
			}
		}
	}

	private static void contended(Instance instance, String stream) {
		CountDownLatch held = new CountDownLatch(1);
		CountDownLatch release = new CountDownLatch(1);
		CompletableFuture<Void> holder = Background.run(() -> other.transaction().executeWithoutResult((status) -> {
			other.writer().append(stream, "first");
			held.countDown();
			Eventually.await(release);
		}));
		Eventually.await(held);
		List<CompletableFuture<Long>> waiting = IntStream.range(0, 10)
			.mapToObj((i) -> instance.writer().appendAsync(stream, "waits"))
			.toList();
		// A transaction of this pool's goes on in that time
		instance.transaction().executeWithoutResult((status) -> instance.writer().append(stream + "/other", "a"));
		instance.writer().append(stream + "/other", "b");
		assertThat(waiting).noneMatch(CompletableFuture::isDone);
		release.countDown();
		Eventually.get(holder);
		assertThat(waiting.stream().map(Eventually::get))
			.containsExactlyElementsOf(IntStream.rangeClosed(1, 10).mapToObj(Long::valueOf).toList());
	}

}
