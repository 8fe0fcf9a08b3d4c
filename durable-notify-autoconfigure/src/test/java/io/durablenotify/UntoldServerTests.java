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

package io.durablenotify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

import io.durablenotify.autoconfigure.DurableNotifyHealthContributorAutoConfiguration;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.EventHandler;
import io.durablenotify.event.NewEvent;
import io.durablenotify.event.StoredEvent;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.Refusals;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.DataAccessException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for servers that refuse the functions by which PostgreSQL reports on itself: one
 * after the other, and all at once.
 */
class UntoldServerTests {

	static Stream<Arguments> refusals() {
		return Stream.concat(Refusals.FUNCTIONS.stream().map((function) -> Arguments.of("42501", List.of(function))),
				Stream.of("42501", "42883", "55000", "0A000").map((state) -> Arguments.of(state, Refusals.FUNCTIONS)));
	}

	@ParameterizedTest
	@MethodSource("refusals")
	void everythingWorksOnServersThatRefuseFunctions(String sqlState, List<String> functions) {
		TestDatabase database = PostgresServer.shared().createDatabase();
		TestDatabase application = Refusals.asApplication(database);
		Refusals.refuse(database, sqlState, functions);
		for (String function : functions) {
			assertThatExceptionOfType(DataAccessException.class).as("refused")
				.isThrownBy(() -> application.jdbc()
					.execute("SELECT pg_catalog." + function.replace("pg_lsn", "'0/1'").replace("xid8", "'3'")));
		}
		try (Instance instance = Instance.start(application,
				(builder) -> builder.sources(Listening.class, WorkFeatures.Sources.class));
				WorkFeatures features = WorkFeatures.listen(instance.context(), "features")) {
			features.use("text");
			RecordingHandler chunks = new RecordingHandler();
			RecordingHandler chunksFromTransaction = new RecordingHandler();
			instance.writer().append("stream", "0");
			instance.reader().subscribe("stream", StreamPosition.start(), chunks);
			instance.transaction().executeWithoutResult((status) -> {
				instance.writer().append("stream", "1");
				instance.reader().subscribe("stream", StreamPosition.end(), chunksFromTransaction);
			});
			instance.writer().append("stream", "2");
			assertThat(chunks.awaitChunks(3).texts()).containsExactly("0", "1", "2");
			assertThat(chunksFromTransaction.awaitChunks(2).texts()).containsExactly("1", "2");
			assertThat(instance.reader().page("stream", StreamPosition.last(2), 2).chunks()).hasSize(2);
			List<StoredEvent> events = Collections.synchronizedList(new ArrayList<>());
			EventHandler handler = events::add;
			instance.events().append(NewEvent.of("run", "type"));
			instance.events().follow("run", 0, handler);
			instance.events().append(NewEvent.of("run", "type"));
			Eventually.await(() -> events.size() == 2, () -> events);
			ChangeNotifier changes = instance.bean(ChangeNotifier.class);
			Listening listening = instance.bean(Listening.class);
			instance.transaction()
				.executeWithoutResult((status) -> changes.subscribe("topic",
						(change) -> listening.received.add("late " + change.key())));
			changes.publish("topic", "a");
			application.jdbc().execute("SELECT durable_notify.publish('topic', 'b')");
			Eventually.await(() -> listening.received.size() == 4, () -> listening.received);
			assertThat(listening.received).containsExactlyInAnyOrder("a", "b", "late a", "late b");
			assertThat(instance.bean(HealthIndicator.class).health().getStatus()).isEqualTo(Status.UP);
		}
	}

	@Configuration(proxyBeanMethods = false)
	@ImportAutoConfiguration(DurableNotifyHealthContributorAutoConfiguration.class)
	static class Listening {

		final List<String> received = Collections.synchronizedList(new ArrayList<>());

		@ChangeListener(topics = "topic")
		void on(Change change) {
			this.received.add(change.key());
		}

	}

}
