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

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

import io.durablenotify.actuate.HealthConfiguration;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;
import io.durablenotify.event.NewEvent;
import io.durablenotify.listener.ChannelHandler;
import io.durablenotify.listener.ListenerState.Status;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamCursor;
import io.durablenotify.stream.StreamOptions;
import io.durablenotify.stream.StreamPosition;
import io.durablenotify.stream.StreamQuery;
import io.durablenotify.stream.StreamState;
import io.durablenotify.stream.StreamTemplate;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.PostgresServer;
import io.durablenotify.testsupport.RecordingHandler;
import io.durablenotify.testsupport.RecordingSubscriber;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.WorkFeatures;
import io.durablenotify.web.SseStreams;
import io.durablenotify.web.WebConfiguration;
import io.durablenotify.work.CancelOutcome;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkHandler;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQuery;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

import static io.durablenotify.testsupport.Eventually.await;
import static io.durablenotify.testsupport.Eventually.get;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that a pool of one connection does for everything, in a transaction, which holds
 * that one, and outside.
 */
class PoolOfOneTests {

	private static final String[] POOL = { "spring.datasource.hikari.maximum-pool-size=1",
			"spring.datasource.hikari.connection-timeout=60000", "durable-notify.poll.interval=200ms",
			"durable-notify.work.poll-interval=200ms" };

	private static final AtomicInteger calls = new AtomicInteger();

	@Fixture
	private static TestDatabase database;

	private static Instance instance;

	@BeforeAll
	static void start() {
		instance = start(database);
	}

	private static Instance start(TestDatabase database) {
		return Instance.start(database, (application) -> application.sources(WithFaces.class), POOL);
	}

	@AfterAll
	static void stop() {
		instance.close();
	}

	/**
	 * Where a call is made.
	 */
	enum Mode {

		OUTSIDE(TransactionDefinition.PROPAGATION_REQUIRED, TransactionDefinition.ISOLATION_DEFAULT),

		BOUND(TransactionDefinition.PROPAGATION_SUPPORTS, TransactionDefinition.ISOLATION_DEFAULT),

		READ_COMMITTED(TransactionDefinition.PROPAGATION_REQUIRED, TransactionDefinition.ISOLATION_READ_COMMITTED),

		REPEATABLE_READ(TransactionDefinition.PROPAGATION_REQUIRED, TransactionDefinition.ISOLATION_REPEATABLE_READ),

		SERIALIZABLE(TransactionDefinition.PROPAGATION_REQUIRED, TransactionDefinition.ISOLATION_SERIALIZABLE);

		private final int propagation;

		private final int isolationLevel;

		Mode(int propagation, int isolationLevel) {
			this.propagation = propagation;
			this.isolationLevel = isolationLevel;
		}

		void run(Instance instance, Runnable call) {
			if (this == OUTSIDE) {
				call.run();
				return;
			}
			TransactionTemplate transaction = instance.transaction(this.isolationLevel);
			transaction.setPropagationBehavior(this.propagation);
			transaction.executeWithoutResult((status) -> {
				// Holds the connection from here on
				instance.jdbc().execute("SELECT 1");
				call.run();
			});
		}

	}

	/**
	 * A call of the API.
	 */
	private record Call(String name, Consumer<Context> call) {

		@Override
		public String toString() {
			return this.name;
		}

	}

	/**
	 * What a call works on: a stream and a run of this name with an entry each.
	 */
	private static final class Context {

		private final Instance instance;

		private final String name;

		private Runnable after = () -> {
		};

		private Context(Instance instance, String name) {
			this.instance = instance;
			this.name = name;
		}

		/**
		 * What is to be seen after the commit.
		 */
		void after(Runnable after) {
			this.after = after;
		}

		void expectNext(RecordingHandler handler, int count) {
			after(() -> {
				this.instance.writer().append(this.name, "next");
				handler.awaitChunks(count);
				assertThat(handler.texts()).hasSize(count).last().isEqualTo("next");
			});
		}

		void subscribe(StreamPosition from, int count) {
			RecordingHandler handler = new RecordingHandler();
			this.instance.reader().subscribe(this.name, from, handler);
			expectNext(handler, count);
		}

	}

	static Stream<Arguments> everyCallInEveryMode() {
		return calls().flatMap((call) -> Stream.of(Mode.values()).map((mode) -> Arguments.of(call, mode)));
	}

	private static Stream<Call> calls() {
		return Stream.of(new Call("subscribe start", (on) -> on.subscribe(StreamPosition.start(), 2)),
				new Call("subscribe at", (on) -> on.subscribe(StreamPosition.at(1), 1)),
				new Call("subscribe end", (on) -> on.subscribe(StreamPosition.end(), 1)),
				new Call("subscribe last", (on) -> on.subscribe(StreamPosition.last(1), 2)),
				new Call("template", (on) -> {
					AtomicInteger values = new AtomicInteger();
					StreamTemplate.of(on.instance.writer(), on.instance.reader(), StreamCodec.text())
						.subscribe(on.name, StreamPosition.end(), (value, index) -> values.incrementAndGet());
					on.after(() -> {
						on.instance.writer().append(on.name, "next");
						Eventually.await(() -> values.get() == 1, values::toString);
					});
				}), new Call("cursor", (on) -> {
					StreamCursor cursor = on.instance.reader().cursor(on.name, StreamPosition.end());
					on.after(() -> {
						on.instance.writer().append(on.name, "next");
						assertThat(cursor.poll(Eventually.TIMEOUT).text()).isEqualTo("next");
						cursor.close();
					});
				}), new Call("publisher", (on) -> {
					RecordingSubscriber subscriber = new RecordingSubscriber();
					Flow.Publisher<io.durablenotify.stream.Chunk> publisher = on.instance.reader()
						.publisher(on.name, StreamPosition.last(1));
					publisher.subscribe(subscriber);
					subscriber.request(10);
					on.expectNext(subscriber, 2);
				}),
				new Call("page",
						(on) -> assertThat(on.instance.reader().page(on.name, StreamPosition.last(1), 10).chunks())
							.hasSize(1)),
				new Call("info", (on) -> assertThat(on.instance.reader().info(on.name)).isPresent()),
				new Call("list",
						(on) -> assertThat(on.instance.reader().list(StreamQuery.all().prefix(on.name))).hasSize(1)),
				new Call("append", (on) -> assertThat(on.instance.writer().append(on.name, "own")).isOne()),
				new Call("append to a new stream",
						(on) -> assertThat(on.instance.writer().append(on.name + "/new", "own")).isZero()),
				new Call("appendAll",
						(on) -> assertThat(on.instance.writer().appendAll(on.name, List.of(new byte[1], new byte[2])))
							.isOne()),
				new Call("appendAt",
						(on) -> assertThat(on.instance.writer().appendAt(on.name, 1, new byte[1])).isOne()),
				new Call("appendAsync",
						(on) -> assertThat(get(on.instance.writer().appendAsync(on.name, "own"))).isOne()),
				new Call("appender", (on) -> {
					try (StreamAppender appender = on.instance.writer().appender(on.name)) {
						appender.append("own");
						appender.complete();
					}
					on.after(() -> assertThat(on.instance.reader().info(on.name).orElseThrow().state())
						.isEqualTo(StreamState.COMPLETED));
				}),
				new Call("create",
						(on) -> on.instance.writer().create(on.name + "/created", StreamOptions.none().owner("me"))),
				new Call("complete", (on) -> on.instance.writer().complete(on.name)),
				new Call("fail", (on) -> on.instance.writer().fail(on.name, "reason")),
				new Call("delete", (on) -> assertThat(on.instance.writer().delete(on.name)).isTrue()),
				new Call("append an event",
						(on) -> assertThat(on.instance.events().append(NewEvent.of(on.name, "step")).sequence())
							.isEqualTo(2)),
				new Call("append events",
						(on) -> assertThat(on.instance.events()
							.appendAll(on.name, List.of(NewEvent.of(on.name, "step"), NewEvent.of(on.name, "step"))))
							.hasSize(2)),
				new Call("read", (on) -> assertThat(on.instance.events().read(on.name, 0, 10).events()).hasSize(1)),
				new Call("findByCorrelation",
						(on) -> assertThat(on.instance.events().findByCorrelation(on.name, "id")).isEmpty()),
				new Call("follow", (on) -> {
					CountDownLatch events = new CountDownLatch(2);
					on.instance.events().follow(on.name, 0, (event) -> events.countDown());
					on.after(() -> {
						on.instance.events().append(NewEvent.of(on.name, "step"));
						await(events);
					});
				}), new Call("publish", (on) -> on.instance.bean(ChangeNotifier.class).publish(on.name, "key")),
				new Call("subscribe to changes", (on) -> {
					CountDownLatch changes = new CountDownLatch(1);
					Subscription subscription = on.instance.bean(ChangeNotifier.class)
						.subscribe(on.name, (change) -> changes.countDown());
					on.after(() -> {
						on.instance.bean(ChangeNotifier.class).publish(on.name, "key");
						await(changes);
						// The next one has to find the position itself
						subscription.cancel();
					});
				}), new Call("listen", (on) -> {
					CountDownLatch resyncs = new CountDownLatch(1);
					Subscription subscription = on.instance.listener().listen(on.name, new ChannelHandler() {

						@Override
						public void onNotification(String payload) {
						}

						@Override
						public void onResync() {
							resyncs.countDown();
						}

					});
					on.after(() -> {
						await(resyncs);
						subscription.cancel();
					});
				}), new Call("enqueue", (on) -> {
					WorkQueue work = on.instance.bean(WorkQueue.class);
					work.enqueue(WorkRequest.of(on.name, "a"));
					work.enqueue(WorkRequest.of(on.name, "a").key("k"));
					work.enqueue(WorkRequest.of(on.name, "a").orderingKey("o"));
				}),
				new Call("enqueueAll",
						(on) -> assertThat(on.instance.bean(WorkQueue.class)
							.enqueueAll(List.of(WorkRequest.of(on.name, "a"),
									WorkRequest.of(on.name + "/new", "b").key("k"))))
							.hasSize(2)),
				new Call("enqueueAsync", (on) -> {
					WorkQueue work = on.instance.bean(WorkQueue.class);
					work.enqueueAsync(WorkRequest.of(on.name, "a")).join();
					work.enqueueAsync(WorkRequest.of(on.name, "a").key("k")).join();
				}),
				new Call("enqueueOnCommit",
						(on) -> on.instance.bean(WorkQueue.class).enqueueOnCommit(WorkRequest.of(on.name, "a"))),
				new Call("cancel and reschedule", (on) -> {
					WorkQueue work = on.instance.bean(WorkQueue.class);
					work.enqueue(WorkRequest.of(on.name, "a").key("k"));
					assertThat(work.reschedule(on.name, "k", Instant.EPOCH)).isTrue();
					assertThat(work.cancel(on.name, "k")).isEqualTo(CancelOutcome.CANCELLED);
				}), new Call("administer work", (on) -> {
					WorkAdmin admin = on.instance.bean(WorkAdmin.class);
					admin.pause(on.name);
					admin.limit(on.name, 1);
					assertThat(admin.queues()).isNotEmpty();
					assertThat(admin.page(WorkQuery.of(on.name)).items()).isEmpty();
					admin.resume(on.name);
					assertThat(admin.requeue(DeadQuery.of(on.name)) + admin.purge(DeadQuery.of(on.name))).isZero();
				}), new Call("publish to channels", (on) -> {
					DurableChannels channels = on.instance.bean(DurableChannels.class);
					channels.create(on.name + "/all", ChannelMode.BROADCAST);
					channels.create(on.name, ChannelMode.COMPETING);
					channels.publish(on.name + "/all", "a");
					channels.publish(on.name, "a");
					channels.send(on.name + "/direct", "address", "a");
					on.after(() -> assertThat(channels.receive(on.name + "/direct", "address", Duration.ZERO))
						.isPresent());
				}), new Call("register", (on) -> {
					CountDownLatch items = new CountDownLatch(1);
					Subscription subscription = on.instance.bean(WorkListeners.class)
						.register(WorkListenerSpec.of(on.name), (item) -> {
							items.countDown();
							return WorkOutcome.done();
						});
					on.after(() -> {
						on.instance.bean(WorkQueue.class).enqueue(WorkRequest.of(on.name, "a"));
						await(items);
						subscription.cancel();
					});
				}), new Call("registerBatch", (on) -> {
					CountDownLatch items = new CountDownLatch(1);
					Subscription subscription = on.instance.bean(WorkListeners.class)
						.registerBatch(WorkListenerSpec.of(on.name), (batch) -> items.countDown());
					on.after(() -> {
						on.instance.bean(WorkQueue.class).enqueue(WorkRequest.of(on.name, "a"));
						await(items);
						subscription.cancel();
					});
				}), new Call("compete", (on) -> {
					CountDownLatch messages = new CountDownLatch(1);
					DurableChannels channels = on.instance.bean(DurableChannels.class);
					Subscription subscription = channels.compete(on.name, (message) -> messages.countDown());
					on.after(() -> {
						channels.publish(on.name, "a");
						await(messages);
						subscription.cancel();
					});
				}), new Call("subscribe to a channel", (on) -> {
					CountDownLatch messages = new CountDownLatch(1);
					DurableChannels channels = on.instance.bean(DurableChannels.class);
					Subscription subscription = channels.subscribe(on.name, "me", (message) -> messages.countDown());
					on.after(() -> {
						channels.publish(on.name, "a");
						await(messages);
						subscription.cancel();
						assertThat(channels.removeSubscriber(on.name, "me")).isTrue();
					});
				}), new Call("handle", (on) -> {
					CountDownLatch messages = new CountDownLatch(1);
					DurableChannels channels = on.instance.bean(DurableChannels.class);
					Subscription subscription = channels.handle(on.name, (message) -> messages.countDown());
					on.after(() -> {
						channels.send(on.name, "address", "a");
						await(messages);
						subscription.cancel();
					});
				}), new Call("receiveAsync", (on) -> {
					CompletableFuture<Optional<Message>> received = on.instance.bean(DurableChannels.class)
						.receiveAsync(on.name, "address", Eventually.TIMEOUT);
					on.after(() -> {
						on.instance.bean(DurableChannels.class).send(on.name, "address", "a");
						assertThat(received.join()).isPresent();
					});
				}), new Call("consumer", (on) -> {
					CountDownLatch chunks = new CountDownLatch(2);
					Subscription subscription = on.instance.reader()
						.consumer(on.name, on.name)
						.subscribe((chunk) -> chunks.countDown());
					on.after(() -> {
						on.instance.writer().append(on.name, "next");
						await(chunks);
						subscription.cancel();
						assertThat(on.instance.bean(StreamConsumers.class).remove(on.name)).isTrue();
					});
				}), new Call("consumers", (on) -> {
					StreamConsumers consumers = on.instance.bean(StreamConsumers.class);
					assertThat(consumers.list(on.name)).isEmpty();
					assertThat(consumers.find(on.name)).isEmpty();
					assertThat(consumers.remove(on.name)).isFalse();
				}), new Call("publish to the outbox", (on) -> {
					if (TransactionSynchronizationManager.isActualTransactionActive()) {
						on.instance.bean(Outbox.class)
							.publish(OutboxEvent.of("type", on.name).sender(WorkFeatures.Sender.NAME));
						on.after(() -> on.instance.bean(WorkFeatures.Sender.class).awaitSent(on.name));
					}
				}),
				new Call("respond",
						(on) -> assertThat(
								on.instance.bean(SseStreams.class).respond(on.name, null).getStatusCode().value())
							.isEqualTo(200)),
				new Call("health", (on) -> {
					on.instance.awaitStatus(Status.LISTENING);
					assertThat(on.instance.bean(HealthIndicator.class).health().getDetails())
						.doesNotContainKey("database");
				}));
	}

	@ParameterizedTest
	@MethodSource("everyCallInEveryMode")
	void everythingWorks(Call call, Mode mode) {
		Context context = new Context(instance, "pool/" + calls.incrementAndGet());
		instance.writer().append(context.name, "first");
		instance.events().append(NewEvent.of(context.name, "first"));
		long start = System.nanoTime();
		mode.run(instance, () -> call.call().accept(context));
		context.after.run();
		assertThat(Duration.ofNanos(System.nanoTime() - start)).as("no wait for the pool")
			.isLessThan(Duration.ofSeconds(30));
	}

	@Test
	void whatIsAppendedOnCommitIsStored() {
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc().execute("SELECT 1");
			instance.writer().appendOnCommit("on-commit", new byte[1]);
		});
		assertThat(instance.reader().info("on-commit").orElseThrow().nextIndex()).isOne();
	}

	@Test
	void theFirstSubscriptionsInANewDatabaseMayBeInATransaction() {
		try (Instance first = start(PostgresServer.shared().createDatabase())) {
			CountDownLatch changes = new CountDownLatch(1);
			RecordingHandler handler = new RecordingHandler();
			first.transaction().executeWithoutResult((status) -> {
				first.jdbc().execute("SELECT 1");
				first.bean(ChangeNotifier.class).subscribe("topic", (change) -> changes.countDown());
				first.reader().subscribe("stream", StreamPosition.end(), handler);
			});
			first.bean(ChangeNotifier.class).publish("topic", "key");
			first.writer().append("stream", "first");
			await(changes);
			handler.awaitChunks(1);
		}
	}

	@Test
	void oneThatRegistersInATransactionDoesNotWaitForOneThatRegistersOutside() {
		WorkListeners listeners = instance.bean(WorkListeners.class);
		WorkHandler handler = (item) -> WorkOutcome.done();
		CompletableFuture<Subscription> outside = instance.transaction().execute((status) -> {
			instance.jdbc().execute("SELECT 1");
			CompletableFuture<Subscription> waiting = Background
				.supply(() -> listeners.register(WorkListenerSpec.of("outside"), handler));
			awaitWaitForThePool("background");
			listeners.register(WorkListenerSpec.of("inside"), handler).cancel();
			return waiting;
		});
		outside.join().cancel();
	}

	@Test
	void workIsCancelledInATransactionWithoutAWaitForAClaim() {
		// The claim would be waited for for 5 s
		Eventually.assertTakesLess(Duration.ofSeconds(4), () -> {
			Subscription subscription = instance.bean(WorkListeners.class)
				.register(WorkListenerSpec.of("claimed"), (item) -> WorkOutcome.done());
			return instance.transaction().execute((status) -> {
				instance.jdbc().execute("SELECT 1");
				awaitWaitForThePool("durable-notify-work-claim-claimed");
				long start = System.nanoTime();
				subscription.cancel();
				return Duration.ofNanos(System.nanoTime() - start);
			});
		});
	}

	private static void awaitWaitForThePool(String thread) {
		Eventually.await(
				() -> Thread.getAllStackTraces()
					.entrySet()
					.stream()
					.anyMatch((entry) -> entry.getKey().getName().equals(thread) && Stream.of(entry.getValue())
						.anyMatch((frame) -> frame.getMethodName().equals("getConnection"))),
				() -> thread + " does not wait for a connection");
	}

	@Configuration(proxyBeanMethods = false)
	@Import({ WebConfiguration.class, HealthConfiguration.class, WorkFeatures.Sources.class })
	static class WithFaces {

	}

}
