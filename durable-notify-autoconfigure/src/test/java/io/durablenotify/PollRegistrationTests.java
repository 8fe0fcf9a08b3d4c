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

import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.stream.Stream;

import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.event.NewEvent;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamConsumer;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamCursor;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingPoll;
import io.durablenotify.testsupport.RecordingSubscriber;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that the poll is registered while there are readers, and left with the last one:
 * without registrations it has no thread.
 */
class PollRegistrationTests {

	@Fixture(sources = WithPoll.class)
	private static Instance instance;

	/**
	 * Opens something that reads, has it read something, and returns what ends it.
	 */
	private record Reader(String name, Function<String, AutoCloseable> open) {

		@Override
		public String toString() {
			return this.name;
		}

	}

	static Stream<Reader> readers() {
		return Stream.of(new Reader("subscribe", (name) -> {
			RecordingHandler handler = new RecordingHandler();
			Subscription subscription = instance.reader().subscribe(name, StreamPosition.start(), handler);
			instance.writer().append(name, "chunk");
			handler.awaitChunks(1);
			return subscription::cancel;
		}), new Reader("subscribe to nothing",
				(name) -> instance.reader().subscribe(name + "/unknown", StreamPosition.end(), (chunk) -> {
				})::cancel), new Reader("completed", (name) -> {
					RecordingHandler handler = new RecordingHandler();
					instance.reader().subscribe(name, StreamPosition.start(), handler);
					instance.writer().append(name, "chunk");
					handler.awaitChunks(1);
					return () -> instance.writer().complete(name);
				}), new Reader("cursor", (name) -> {
					StreamCursor cursor = instance.reader().cursor(name, StreamPosition.start());
					instance.writer().append(name, "chunk");
					assertThat(cursor.poll(Eventually.TIMEOUT)).isNotNull();
					return cursor;
				}), new Reader("publisher", (name) -> {
					RecordingSubscriber subscriber = new RecordingSubscriber();
					instance.reader().publisher(name, StreamPosition.start()).subscribe(subscriber);
					subscriber.request(1);
					instance.writer().append(name, "chunk");
					subscriber.awaitChunks(1);
					return subscriber::cancel;
				}), new Reader("follow", (name) -> {
					CountDownLatch events = new CountDownLatch(1);
					Subscription subscription = instance.events().follow(name, 0, (event) -> events.countDown());
					instance.events().append(NewEvent.of(name, "step"));
					await(events);
					return subscription::cancel;
				}), new Reader("changes", (name) -> {
					CountDownLatch changes = new CountDownLatch(1);
					Subscription subscription = instance.bean(ChangeNotifier.class)
						.subscribe(name, (change) -> changes.countDown());
					instance.bean(ChangeNotifier.class).publish(name, "key");
					await(changes);
					return subscription::cancel;
				}), new Reader("appender", PollRegistrationTests::watchingAppender),
				new Reader("appender whose stream ends", (name) -> {
					watchingAppender(name);
					return () -> instance.writer().complete(name);
				}));
	}

	/**
	 * Reads whether its stream has ended.
	 */
	private static StreamAppender watchingAppender(String name) {
		StreamAppender appender = instance.writer().appender(name);
		appender.append("chunk");
		appender.onEnded(() -> {
		});
		return appender;
	}

	@ParameterizedTest
	@MethodSource("readers")
	void nothingIsPolledForWhenTheLastReaderIsGone(Reader reader) throws Exception {
		Set<Subscription> registrations = instance.bean(RecordingPoll.class).registrations();
		for (int round = 0; round < 3; round++) {
			assertThat(registrations).isEmpty();
			String name = "left/" + reader.toString().replace(' ', '-') + "/" + round;
			AutoCloseable first = reader.open().apply(name);
			AutoCloseable second = reader.open().apply(name + "/second");
			assertThat(registrations).hasSize(1);
			first.close();
			assertThat(registrations).hasSize(1);
			second.close();
			Eventually.await(registrations::isEmpty, registrations::toString);
		}
	}

	/**
	 * That of consumers, and that of their readers.
	 */
	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void nothingIsPolledForWhenTheLastConsumerIsGone(boolean removed) {
		Set<Subscription> registrations = instance.bean(RecordingPoll.class).registrations();
		for (int round = 0; round < 3; round++) {
			assertThat(registrations).isEmpty();
			String name = "consumed/%s/%d".formatted(removed, round);
			Subscription first = consume(instance.reader().consumer(name, name), name);
			Subscription second = consume(instance.reader().prefixConsumer(name, name + "/all"), name);
			assertThat(registrations).hasSize(2);
			leave(first, name, removed);
			Eventually.await(() -> !first.isActive(), first::toString);
			assertThat(registrations).hasSize(2);
			leave(second, name + "/all", removed);
			Eventually.await(registrations::isEmpty, registrations::toString);
		}
	}

	private static Subscription consume(StreamConsumer consumer, String stream) {
		CountDownLatch chunks = new CountDownLatch(1);
		Subscription subscription = consumer.subscribe((chunk) -> chunks.countDown());
		instance.writer().append(stream, "chunk");
		await(chunks);
		return subscription;
	}

	private static void leave(Subscription subscription, String consumer, boolean removed) {
		if (removed) {
			assertThat(instance.bean(StreamConsumers.class).remove(consumer)).isTrue();
		}
		else {
			subscription.cancel();
		}
	}

	@Configuration(proxyBeanMethods = false)
	static class WithPoll {

		@Bean
		RecordingPoll poll() {
			return new RecordingPoll();
		}

	}

}
