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

package io.durablenotify.observation;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;

import io.durablenotify.Subscription;
import io.durablenotify.change.Change;
import io.durablenotify.change.ChangeListener;
import io.durablenotify.change.ChangeNotifier;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.docs.TracingExamples;
import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.stream.StreamAppender;
import io.durablenotify.testsupport.EventReceiver;
import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import io.durablenotify.testsupport.Tracing;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;
import io.micrometer.tracing.Tracer;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for traces over two instances, with the bridge to OpenTelemetry.
 */
class TracingTests {

	private static final EventReceiver receiver = EventReceiver.start();

	@Fixture
	private static TestDatabase database;

	@Fixture(sources = Tracing.Application.class)
	private static Instance producer;

	private static Instance consumer;

	@BeforeAll
	static void start() {
		consumer = Instance.start(database, (application) -> application.sources(Handlers.class),
				"durable-notify.work.backoff.delay=50ms", "durable-notify.work.max-attempts=3",
				"durable-notify.outbox.http.orders.url=" + receiver.url());
	}

	@BeforeEach
	void reset() {
		producer.bean(InMemorySpanExporter.class).reset();
		consumer.bean(InMemorySpanExporter.class).reset();
		handlers().spans.clear();
	}

	@AfterAll
	static void stop() {
		consumer.close();
		receiver.close();
	}

	private static Handlers handlers() {
		return consumer.bean(Handlers.class);
	}

	private static WorkQueue queue() {
		return producer.bean(WorkQueue.class);
	}

	private static void enqueueInSpan(WorkRequest request) {
		Tracing.inSpan(producer, "request", () -> queue().enqueue(request));
	}

	private static SpanData only(String name) {
		return Tracing.awaitSpans(1, name, producer, consumer).get(0);
	}

	private static String attribute(SpanData span, String name) {
		return span.getAttributes().get(AttributeKey.stringKey(name));
	}

	@Test
	void anItemIsHandledInTheTraceInWhichItWasEnqueued() {
		enqueueInSpan(WorkRequest.of("emails", "hello"));
		SpanData process = only("emails process");
		SpanData publish = only("emails publish");
		SpanData request = only("request");
		assertThat(publish.getParentSpanId()).isEqualTo(request.getSpanId());
		assertThat(process.getParentSpanId()).isEqualTo(publish.getSpanId());
		assertThat(List.of(publish.getTraceId(), process.getTraceId())).containsOnly(request.getTraceId());
		assertThat(publish.getKind()).isEqualTo(SpanKind.PRODUCER);
		assertThat(process.getKind()).isEqualTo(SpanKind.CONSUMER);
		assertThat(process.getStatus().getStatusCode()).isNotEqualTo(StatusCode.ERROR);
		assertThat(attribute(process, "outcome")).isEqualTo("done");
		assertThat(attribute(process, "team")).isEqualTo("shop");
		assertThat(handlers().spans).containsOnly(Map.entry("emails", process.getSpanId()));
	}

	@Test
	void aListIsEnqueuedInOneSpanAndEachItemIsHandledInItsTrace() {
		Tracing.inSpan(producer, "request", () -> queue()
			.enqueueAll(List.of(WorkRequest.of("emails", "1"), WorkRequest.of("emails", "2").orderingKey("bob"))));
		List<SpanData> processed = Tracing.awaitSpans(2, "emails process", consumer);
		SpanData publish = only("emails publish");
		assertThat(attribute(publish, "durablenotify.items")).isEqualTo("2");
		assertThat(processed).allMatch((span) -> span.getParentSpanId().equals(publish.getSpanId()));
		assertThat(Tracing.spans("emails publish", producer)).hasSize(1);
	}

	@Test
	void anItemThatIsEnqueuedOnCommitIsHandledInTheTraceOfTheTransaction() {
		Tracing.inSpan(producer, "request", () -> producer.transaction()
			.executeWithoutResult((status) -> queue().enqueueOnCommit(WorkRequest.of("emails", "1"))));
		assertThat(only("emails process").getParentSpanId()).isEqualTo(only("emails publish").getSpanId());
		assertThat(attribute(only("emails publish"), "outcome")).isEqualTo("on_commit");
	}

	@Test
	void anEnqueueThatFailsIsASpanWithTheFailure() {
		assertThatIllegalArgumentException()
			.isThrownBy(() -> queue().enqueue(WorkRequest.of("emails", new byte[20_000_000])));
		SpanData publish = only("emails publish");
		assertThat(publish.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
		assertThat(attribute(publish, "outcome")).isEqualTo("failed");
	}

	@Test
	void aRetryIsATraceOfItsOwnThatNamesTheFirst() {
		enqueueInSpan(WorkRequest.of("broken", "hello"));
		List<SpanData> attempts = Tracing.awaitSpans(3, "broken process", consumer);
		SpanData publish = only("broken publish");
		assertThat(attempts).extracting((span) -> attribute(span, "outcome"))
			.containsExactly("retried", "retried", "dead");
		assertThat(attempts).allMatch((span) -> span.getStatus().getStatusCode() == StatusCode.ERROR);
		assertThat(attempts.get(0).getTraceId()).isEqualTo(publish.getTraceId());
		assertThat(attempts.get(0).getLinks()).isEmpty();
		for (SpanData retry : attempts.subList(1, 3)) {
			assertThat(retry.getTraceId()).isNotEqualTo(publish.getTraceId());
			assertThat(retry.getParentSpanContext().isValid()).isFalse();
			assertThat(retry.getLinks()).extracting((link) -> link.getSpanContext().getSpanId())
				.containsExactly(publish.getSpanId());
			assertThat(attribute(retry, "durablenotify.enqueue.trace")).isEqualTo(publish.getTraceId());
		}
		assertThat(attempts.get(1).getTraceId()).isNotEqualTo(attempts.get(2).getTraceId());
	}

	@Test
	void aRequeuedItemIsATraceOfItsOwn() {
		enqueueInSpan(WorkRequest.of("refused", "hello"));
		SpanData first = only("refused process");
		consumer.bean(InMemorySpanExporter.class).reset();
		Eventually.await(() -> producer.bean(WorkAdmin.class).requeue(DeadQuery.of("refused")) > 0,
				() -> "not dead yet");
		SpanData second = Tracing.awaitSpans(1, "refused process", consumer).get(0);
		assertThat(second.getTraceId()).isNotEqualTo(first.getTraceId());
		assertThat(attribute(second, "durablenotify.enqueue.trace")).isEqualTo(first.getTraceId());
	}

	@Test
	void theCallersHeadersWin() {
		enqueueInSpan(WorkRequest.of("emails", "hello").header("tenant", "a").header("traceparent", "mine"));
		only("emails process");
		assertThat(handlers().headers).containsEntry("tenant", "a").containsEntry("traceparent", "mine");
	}

	@Test
	void aBatchIsATraceOfItsOwnWithALinkToEachProducer() {
		producer.transaction().executeWithoutResult((status) -> {
			enqueueInSpan(WorkRequest.of("batch", "1"));
			enqueueInSpan(WorkRequest.of("batch", "2"));
		});
		SpanData batch = only("batch process");
		assertThat(batch.getParentSpanContext().isValid()).isFalse();
		assertThat(attribute(batch, "durablenotify.items")).isEqualTo("2");
		assertThat(batch.getLinks()).extracting(LinkData::getSpanContext)
			.extracting((context) -> context.getSpanId())
			.containsExactlyInAnyOrderElementsOf(
					Tracing.spans("batch publish", producer).stream().map(SpanData::getSpanId).toList());
	}

	@Test
	void itemsThatShareACommitKeepTheTracesOfTheirCallers() throws Exception {
		ExecutorService callers = Executors.newFixedThreadPool(8);
		int count = 64;
		try {
			for (int i = 0; i < count; i++) {
				boolean async = i % 2 == 0;
				callers.execute(() -> Tracing.inSpan(producer, "caller", () -> {
					WorkRequest request = WorkRequest.of("emails", "x");
					if (async) {
						queue().enqueueAsync(request);
					}
					else {
						queue().enqueue(request);
					}
				}));
			}
			List<SpanData> handled = Tracing.awaitSpans(count, "emails process", consumer);
			Tracing.awaitSpans(count, "emails publish", producer);
			assertThat(handled).extracting(SpanData::getTraceId)
				.containsExactlyInAnyOrderElementsOf(
						Tracing.awaitSpans(count, "caller", producer).stream().map(SpanData::getTraceId).toList());
		}
		finally {
			callers.shutdownNow();
		}
	}

	@Test
	void anEventOfTheOutboxCarriesTheTraceToItsReceiver() {
		Tracing.inSpan(producer, "request",
				() -> producer.transaction()
					.executeWithoutResult((status) -> producer.bean(Outbox.class)
						.publish(OutboxEvent.of("order.placed", "7").id("id-7").sender("orders"))));
		SpanData send = only("orders process");
		SpanData publish = only("orders publish");
		assertThat(send.getParentSpanId()).isEqualTo(publish.getSpanId());
		assertThat(attribute(send, "durablenotify.event.id")).isEqualTo("id-7");
		assertThat(attribute(publish, "durablenotify.event.id")).isEqualTo("id-7");
		String traceparent = receiver.requests().get(0).headers().get("traceparent");
		assertThat(traceparent).contains(only("request").getTraceId());
		assertThat(Tracing.spans(producer)).noneMatch((span) -> span.getName().startsWith("outbox"));
	}

	@Test
	void aTimerIsHandledInTheTraceInWhichItWasSet() {
		Tracing.inSpan(producer, "request",
				() -> producer.bean(DurableTimers.class).set("reminders", "1", "t", Instant.EPOCH));
		SpanData process = only("timer process");
		assertThat(process.getTraceId()).isEqualTo(only("request").getTraceId());
		assertThat(attribute(process, "queue")).isEqualTo("timer");
		assertThat(attribute(process, "durablenotify.queue")).isEqualTo("timer/reminders");
	}

	@Test
	void aMessageIsHandledInTheTraceInWhichItWasPublished() {
		Subscription subscription = consumer.bean(DurableChannels.class).compete("news", (message) -> {
		});
		try {
			Tracing.inSpan(producer, "request", () -> producer.bean(DurableChannels.class).publish("news", "hello"));
			SpanData process = only("channel process");
			assertThat(process.getTraceId()).isEqualTo(only("request").getTraceId());
			assertThat(attribute(process, "durablenotify.queue")).isEqualTo("channel/news");
		}
		finally {
			subscription.cancel();
		}
	}

	@Test
	void anAppendOfAnEventIsASpanOfTheCallersTrace() {
		Tracing.inSpan(producer, "request",
				() -> producer.bean(EventLog.class).append(NewEvent.of("run-1", "run_created")));
		SpanData append = only("event append");
		assertThat(append.getTraceId()).isEqualTo(only("request").getTraceId());
		assertThat(attribute(append, "durablenotify.run")).isEqualTo("run-1");
		assertThat(attribute(append, "durablenotify.sequence")).isEqualTo("1");
		assertThat(consumer.events().read("run-1", 0, 10).events().get(0).headers()).containsOnlyKeys("traceparent")
			.hasEntrySatisfying("traceparent", (traceparent) -> assertThat(traceparent)
				.startsWith("00-%s-%s-".formatted(append.getTraceId(), append.getSpanId())));
	}

	@Test
	void eventsOfAListHaveTheTraceOfTheirAppend() {
		Tracing.inSpan(producer, "request",
				() -> producer.bean(EventLog.class)
					.appendAll("run-2", List.of(NewEvent.of("run-2", "run_created"),
							NewEvent.of("run-2", "step_created").correlationId("1").payload("1"))));
		SpanData append = only("event append");
		assertThat(consumer.events().read("run-2", 0, 10).events()).hasSize(2)
			.allMatch((event) -> String.valueOf(event.headers().get("traceparent")).contains(append.getSpanId()));
	}

	@Test
	void aChangeIsHandledInATraceOfItsOwn() {
		Tracing.inSpan(producer, "request", () -> producer.bean(ChangeNotifier.class).publish("profiles", "bob"));
		SpanData change = only("profiles change");
		assertThat(change.getTraceId()).isNotEqualTo(only("request").getTraceId());
		assertThat(attribute(change, "durablenotify.change.key")).isEqualTo("bob");
		assertThat(handlers().spans).containsEntry("profiles", change.getSpanId());
	}

	@Test
	void anAppenderIsOneSpanHoweverManyChunksItAppends() {
		Tracing.inSpan(producer, "request", () -> {
			try (StreamAppender appender = producer.writer().appender("answers/1")) {
				IntStream.range(0, 10).forEach((i) -> appender.append("x"));
				appender.complete();
			}
		});
		SpanData write = only("stream write");
		assertThat(write.getParentSpanId()).isEqualTo(only("request").getSpanId());
		assertThat(attribute(write, "durablenotify.chunks")).isEqualTo("10");
		assertThat(attribute(write, "outcome")).isEqualTo("completed");
		assertThat(Tracing.spans(producer)).hasSize(2);
	}

	@Test
	void anAppenderThatCompletesInATransactionIsCompletedAfterAnotherRollbackToASavepoint() {
		producer.transaction().executeWithoutResult((status) -> {
			try (StreamAppender appender = producer.writer().appender("answers/2")) {
				status.rollbackToSavepoint(status.createSavepoint());
				appender.append("x");
				appender.complete();
			}
		});
		assertThat(attribute(only("stream write"), "outcome")).isEqualTo("completed");
	}

	@Configuration(proxyBeanMethods = false)
	@Import({ Tracing.Application.class, TracingExamples.class })
	static class Handlers {

		private final Map<String, String> spans = new ConcurrentHashMap<>();

		private volatile Map<String, String> headers = Map.of();

		private final Tracer tracer;

		Handlers(Tracer tracer) {
			this.tracer = tracer;
		}

		@Bean
		TimerHandler reminders() {
			return new TimerHandler() {

				@Override
				public String name() {
					return "reminders";
				}

				@Override
				public void onTimer(Timer timer) {
				}

			};
		}

		@Autowired
		void register(WorkListeners listeners) {
			listeners.register(WorkListenerSpec.of("emails").concurrency(4), (item) -> {
				record("emails");
				this.headers = item.headers();
				return WorkOutcome.done();
			});
			listeners.register(WorkListenerSpec.of("broken"), (item) -> {
				if (item.attempt() == 1) {
					return WorkOutcome.fail("broken");
				}
				throw new IllegalStateException("broken");
			});
			listeners.register(WorkListenerSpec.of("refused"), (item) -> {
				throw new PermanentFailureException("refused");
			});
			listeners.registerBatch(WorkListenerSpec.of("batch"), (items) -> {
			});
		}

		@ChangeListener("profiles")
		void on(Change change) {
			record("profiles");
		}

		private void record(String name) {
			this.spans.put(name, this.tracer.currentSpan().context().spanId());
		}

	}

}
