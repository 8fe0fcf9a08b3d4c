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

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import com.sun.management.ThreadMXBean;
import io.durablenotify.testsupport.WordlessException;
import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.transport.SenderContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.core.OverridingClassLoader;
import org.springframework.test.util.ReflectionTestUtils;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;

/**
 * Tests for the names and keys of observations.
 */
class MicrometerObservationsTests {

	private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

	private static final Item FIRST = new Item(7, "emails", "bob", 1, false,
			Map.of("traceparent", "00-" + TRACE + "-b7ad6b7169203331-01"));

	private final TestObservationRegistry registry = TestObservationRegistry.create();

	private final Observations observations = observations(this.registry, Map.of());

	private static Observations observations(ObservationRegistry registry, Map<String, Object> beans) {
		return new MicrometerObservations(registry,
				Conventions.of(new StaticListableBeanFactory(new HashMap<>(beans))));
	}

	private static Observed start(DurableNotifyObservations observation, Observations observations) {
		return switch (observation) {
			case WORK_ENQUEUE -> observations.enqueue("emails", "bob", 1);
			case WORK_HANDLE -> observations.handle(List.of(FIRST));
			case OUTBOX_PUBLISH -> observations.publish("orders", "7", "order.placed");
			case OUTBOX_SEND ->
				observations.handle(List.of(new Item(7, "outbox/orders", null, 2, true, FIRST.headers())));
			case EVENT_APPEND -> observations.append("run", "run_created", 1);
			case CHANGE_HANDLE -> observations.change("profiles", "bob", true);
			case STREAM_WRITE -> observations.write(null, "answers/1");
			case STREAM_READ -> observations
				.read(new ObservedSource(ObservedSource.Kind.STREAM, "answers", "answers/1", "at(0)"), null);
		};
	}

	private Observation.Context context() {
		Observation.Context[] contexts = new Observation.Context[1];
		assertThat(this.registry).hasHandledContextsThatSatisfy((handled) -> contexts[0] = handled.get(0));
		return contexts[0];
	}

	private static List<String> names(KeyName[] keys) {
		return Arrays.stream(keys).map(KeyName::asString).toList();
	}

	private static List<String> names(KeyValues keys) {
		return keys.stream().map(KeyValue::getKey).toList();
	}

	@ParameterizedTest
	@EnumSource
	void hasTheNameAndKeysThatAreDocumented(DurableNotifyObservations observation) {
		Observed observed = start(observation, this.observations).open();
		this.observations.describeSend("7", "order.placed");
		Observation.Context context = context();
		assertThat(context.getName())
			.isEqualTo("durablenotify." + observation.name().toLowerCase(Locale.ROOT).replace('_', '.'));
		assertThat(names(context.getLowCardinalityKeyValues()))
			.containsExactlyInAnyOrderElementsOf(names(observation.getLowCardinalityKeyNames()));
		observed.number(1);
		observed.failed(new IllegalStateException("failed"));
		observed.stop();
		assertThat(names(context.getLowCardinalityKeyValues()))
			.containsExactlyInAnyOrderElementsOf(names(observation.getLowCardinalityKeyNames()));
		assertThat(names(context.getHighCardinalityKeyValues())).isNotEmpty()
			.isSubsetOf(names(observation.getHighCardinalityKeyNames()));
		assertThat(context.getError()).hasMessage("failed");
		KeyValue outcome = context.getLowCardinalityKeyValue("outcome");
		assertThat(outcome == null || outcome.getValue().equals("failed")).isTrue();
	}

	@ParameterizedTest
	@EnumSource
	void isInTheDocument(DurableNotifyObservations observation) throws IOException {
		String document = Files.readString(Path.of("..", "docs", "tracing.md"));
		Stream.of(names(observation.getLowCardinalityKeyNames()), names(observation.getHighCardinalityKeyNames()))
			.flatMap(List::stream)
			.forEach((key) -> assertThat(document).contains("`" + key + "`"));
		assertThat(document)
			.contains("| `durablenotify." + observation.name().toLowerCase(Locale.ROOT).replace('_', '.') + "` |");
	}

	@ParameterizedTest
	@EnumSource
	void isNothingWithoutHandlers(DurableNotifyObservations observation) {
		assertThat(start(observation, observations(ObservationRegistry.NOOP, Map.of()))).isSameAs(Observed.NONE);
	}

	@Test
	void nothingIsAllocatedForAnItemWithoutARegistry() {
		ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
		List<Item> items = List.of(FIRST);
		int calls = 100_000;
		long before = threads.getCurrentThreadAllocatedBytes();
		for (int i = 0; i < calls; i++) {
			Observed enqueue = Observations.NONE.enqueue("emails", null, 1).open();
			assert enqueue.headers().isEmpty();
			enqueue.outcome(Outcome.ENQUEUED);
			enqueue.number(i);
			enqueue.stop();
			Observed handle = Observations.NONE.handle(items).open();
			handle.outcome(Outcome.DONE);
			handle.stop();
		}
		assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(calls);
	}

	@ParameterizedTest
	@EnumSource
	void isNothingIfAPredicateSaysSo(DurableNotifyObservations observation) {
		this.registry.observationConfig().observationPredicate((name, context) -> !name.startsWith("durablenotify."));
		assertThat(start(observation, this.observations)).isSameAs(Observed.NONE);
	}

	@ParameterizedTest
	@EnumSource
	void eachConventionIsReplacedByABean(DurableNotifyObservations observation) {
		ObservationConvention<?> convention = mock(observation.getDefaultConvention(), CALLS_REAL_METHODS);
		doReturn("replaced").when(convention).getName();
		start(observation, observations(this.registry, Map.of("convention", convention))).stop();
		assertThat(this.registry).hasSingleObservationThat().hasNameEqualTo("replaced");
	}

	@Test
	void aConventionIsReplacedByABean() {
		WorkHandleObservationConvention convention = new WorkHandleObservationConvention() {

			@Override
			public String getName() {
				return "jobs";
			}

			@Override
			public KeyValues getLowCardinalityKeyValues(WorkHandleContext context) {
				return WorkHandleObservationConvention.super.getLowCardinalityKeyValues(context).and("tenant", "a");
			}

		};
		observations(this.registry, Map.of("convention", convention)).handle(List.of(FIRST)).stop();
		assertThat(this.registry).hasSingleObservationThat()
			.hasNameEqualTo("jobs")
			.hasLowCardinalityKeyValue("tenant", "a")
			.hasLowCardinalityKeyValue("queue", "emails");
	}

	@Test
	void queuesThatFeaturesMakeHaveTheNameOfTheFeature() {
		for (String queue : List.of("resume/order", "timer/reminders", "channel/news")) {
			this.observations.enqueue(queue, null, 1).stop();
		}
		this.observations.enqueue(null, null, 2).stop();
		assertThat(this.registry).hasHandledContextsThatSatisfy((contexts) -> assertThat(contexts)
			.extracting((context) -> context.getLowCardinalityKeyValue("queue").getValue())
			.containsExactly("workflow", "timer", "channel", "several"));
	}

	@Test
	void sendersThatCallersMakeUpAreOtherAfterAHundred() {
		for (int i = 0; i < 200; i++) {
			this.observations.publish("sender-" + i, "7", "order.placed").stop();
		}
		assertThat(this.registry).hasHandledContextsThatSatisfy((contexts) -> {
			assertThat(contexts).extracting((context) -> context.getLowCardinalityKeyValue("sender").getValue())
				.contains("other");
			assertThat(contexts.stream()
				.map((context) -> context.getLowCardinalityKeyValue("sender").getValue())
				.distinct()).hasSizeLessThanOrEqualTo(101);
			assertThat(contexts.stream().map(Observation.Context::getContextualName).distinct())
				.hasSizeLessThanOrEqualTo(101);
		});
	}

	@Test
	void queuesAreOtherAfterAHundred() throws ClassNotFoundException {
		// The hundred are those of the JVM, which are left to other tests
		OverridingClassLoader loader = new OverridingClassLoader(getClass().getClassLoader());
		List.of("org.", "jdk.").forEach(loader::excludePackage);
		Class<?> tag = loader.loadClass(QueueTag.class.getName());
		assertThat(IntStream.range(0, 200)
			.mapToObj((i) -> ReflectionTestUtils.<String>invokeMethod(tag, "of", "queue-" + i))
			.distinct()).hasSize(101).contains("queue-0", "other");
	}

	@Test
	void aTopicThatStandsInNoAnnotationIsNoKey() {
		this.observations.change("user-4711", "bob", false).stop();
		assertThat(this.registry).hasSingleObservationThat()
			.hasLowCardinalityKeyValue("topic", "dynamic")
			.hasContextualNameEqualTo("dynamic change");
	}

	@Test
	void theFirstAttemptReceivesTheTraceAndARetryNamesIt() {
		this.observations.handle(List.of(FIRST)).stop();
		this.observations.handle(List.of(new Item(7, "emails", null, 2, true, FIRST.headers()))).stop();
		assertThat(this.registry).hasHandledContextsThatSatisfy((contexts) -> {
			assertThat(((AttemptContext) contexts.get(0)).getCarrier()).containsKey("traceparent");
			assertThat(contexts.get(0).getHighCardinalityKeyValue("durablenotify.enqueue.trace")).isNull();
			assertThat(((AttemptContext) contexts.get(1)).getCarrier()).isEmpty();
			assertThat(contexts.get(1).getHighCardinalityKeyValue("durablenotify.enqueue.trace").getValue())
				.isEqualTo(TRACE);
		});
	}

	@Test
	void whatIsNoTraceparentNamesNoTrace() {
		for (String header : List.of("", "mine", "00-" + "0".repeat(32) + "-b7ad6b7169203331-01",
				"00-" + TRACE + "-" + "0".repeat(16) + "-01", "00-" + TRACE + "-b7ad6b7169203331")) {
			assertThat(TraceParent.parse(Map.of("traceparent", header))).isEmpty();
		}
		assertThat(TraceParent.parse(FIRST.headers())).contains(new TraceParent(TRACE, "b7ad6b7169203331", true));
		assertThat(TraceParent.parse(Map.of("traceparent", "00-" + TRACE + "-b7ad6b7169203331-00")))
			.contains(new TraceParent(TRACE, "b7ad6b7169203331", false));
	}

	@Test
	void whatAHandlerOfObservationsPutsIntoTheCarrierBecomesHeaders() {
		this.registry.observationConfig().observationHandler(new Sending());
		assertThat(this.observations.enqueue("emails", null, 1).headers()).containsExactly(Map.entry("b3", "1-2"));
	}

	@ParameterizedTest
	@CsvSource({ "true, ERROR", "true, EXCEPTION", "true, WORDLESS", "false, ERROR", "false, EXCEPTION",
			"false, WORDLESS" })
	void aFailingHandlerOfObservationsFailsNothing(boolean atStart, Broken.How how) {
		ObservationRegistry broken = ObservationRegistry.create();
		broken.observationConfig().observationHandler(new Broken(atStart, how));
		assertThatCode(() -> {
			Observed observed = observations(broken, Map.of()).handle(List.of(FIRST)).open();
			observed.failed("reason");
			observed.stop();
		}).doesNotThrowAnyException();
		assertThat(broken.getCurrentObservation()).isNull();
	}

	private record Item(long id, String queue, String key, int attempt, boolean isRetry,
			Map<String, String> headers) implements ObservedItem {
	}

	private static final class Sending implements ObservationHandler<SenderContext<Object>> {

		@Override
		public void onStart(SenderContext<Object> context) {
			context.getSetter().set(context.getCarrier(), "b3", "1-2");
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return context instanceof SenderContext;
		}

	}

	private record Broken(boolean atStart, How how) implements ObservationHandler<Observation.Context> {

		private enum How {

			ERROR, EXCEPTION, WORDLESS

		}

		@Override
		public void onStart(Observation.Context context) {
			fail(this.atStart);
		}

		@Override
		public void onError(Observation.Context context) {
			fail(true);
		}

		@Override
		public void onScopeOpened(Observation.Context context) {
			fail(true);
		}

		@Override
		public void onStop(Observation.Context context) {
			fail(true);
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

		private void fail(boolean failing) {
			if (failing) {
				switch (this.how) {
					case ERROR -> throw new NoSuchMethodError("broken");
					case EXCEPTION -> throw new IllegalStateException("broken");
					case WORDLESS -> throw new WordlessException();
				}
			}
		}

	}

}
