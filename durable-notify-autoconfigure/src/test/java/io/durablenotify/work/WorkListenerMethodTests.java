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

package io.durablenotify.work;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.Method;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import io.durablenotify.Subscription;
import io.durablenotify.method.HandlerMethodFilter;
import io.durablenotify.testsupport.RecordingWork;
import io.durablenotify.testsupport.TestItem;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.annotation.ReflectiveRuntimeHintsRegistrar;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.AliasFor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for methods with {@link WorkListener}, without the engine.
 */
class WorkListenerMethodTests {

	private static final String DURATION = "it must be a duration from 1ms to 36500d with its unit, such as 500ms, 30s, 5m, 2h or 1d";

	private final RecordingWork work = new RecordingWork();

	private final List<Recurrence> recurrences = new ArrayList<>();

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withUserConfiguration(Application.class)
		.withBean(WorkListeners.class, () -> this.work)
		.withBean(WorkPayloads.class, () -> new WorkPayloads(new PayloadJson(JsonMapper.shared()), 1_000))
		.withBean(Recurrences.class, () -> this::recur);

	private Subscription recur(Recurrence recurrence) {
		this.recurrences.add(recurrence);
		return new Subscription() {

			@Override
			public void cancel() {
				WorkListenerMethodTests.this.recurrences.remove(recurrence);
			}

			@Override
			public boolean isActive() {
				return WorkListenerMethodTests.this.recurrences.contains(recurrence);
			}

		};
	}

	@Configuration(proxyBeanMethods = false)
	@EnableConfigurationProperties(WorkProperties.class)
	static class Application {

		@Bean
		static WorkListenerProcessor processor(ObjectProvider<WorkListeners> listeners,
				ObjectProvider<WorkPayloads> payloads, ObjectProvider<Recurrences> recurrences,
				ObjectProvider<WorkProperties> properties) {
			return new WorkListenerProcessor(listeners, payloads, recurrences, properties);
		}

	}

	record Mail(String to, List<Integer> parts) {
	}

	@Test
	void aMethodTakesPayloadItemAndHeaders() {
		this.contextRunner.withBean(Mails.class).run((context) -> {
			TestItem item = new TestItem("mail").payload("{\"to\": \"a\", \"parts\": [1, 2]}")
				.header("tenant", "t")
				.key("k");
			assertThat(this.work.handle(item)).isEqualTo(WorkOutcome.done());
			assertThat(context.getBean(Mails.class).received).containsExactly(new Mail("a", List.of(1, 2)), item, "t",
					null);
		});
	}

	static class Mails {

		final List<Object> received = new ArrayList<>();

		@WorkListener("mail")
		void on(Mail payload, WorkItem item, @WorkHeader("tenant") String tenant,
				@WorkHeader(name = "trace", required = false) String trace) {
			Collections.addAll(this.received, payload, item, tenant, trace);
		}

	}

	@Test
	void aPayloadIsDecodedToTheGenericTypeOfItsParameter() {
		this.contextRunner.withBean(Types.class).run((context) -> {
			this.work.handle(new TestItem("map").payload("{\"a\": [{\"to\": \"b\"}]}"));
			this.work.handle(new TestItem("generic").payload("{\"to\": \"c\"}"));
			this.work.handle(new TestItem("text").payload("{"));
			this.work.handle(new TestItem("bytes").payload("d"));
			this.work.handle(new TestItem("number").payload("5"));
			this.work.handle(new TestItem("generic"));
			assertThat(context.getBean(Types.class).received).containsExactly(Map.of("a", List.of(new Mail("b", null))),
					new Mail("c", null), "{", "d", 5, null);
		});
	}

	abstract static class Typed<T> {

		final List<Object> received = new ArrayList<>();

		@WorkListener("generic")
		void onGeneric(T payload) {
			this.received.add(payload);
		}

	}

	static class Types extends Typed<Mail> {

		@WorkListener("map")
		void onMap(Map<String, List<Mail>> payload) {
			this.received.add(payload);
		}

		@WorkListener("text")
		void onText(String payload) {
			this.received.add(payload);
		}

		@WorkListener("bytes")
		void onBytes(byte[] payload) {
			this.received.add(new String(payload));
		}

		@WorkListener("number")
		void onNumber(int payload) {
			this.received.add(payload);
		}

	}

	@Test
	void whatCannotBeHandledIsDeadAtOnceAndNotShown() {
		this.contextRunner.withBean(Mails.class).run((context) -> {
			TestItem unreadable = new TestItem("mail").payload("{\"secret\": \"1234\", \"parts\": 1}");
			assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> this.work.handle(unreadable))
				.withMessageContaining("item 7 of queue 'mail'")
				.withMessageContaining("Mail")
				.withMessageNotContaining("1234");
			TestItem withoutHeader = new TestItem("mail").payload("{\"to\": \"a\"}");
			assertThatExceptionOfType(PermanentFailureException.class).isThrownBy(() -> this.work.handle(withoutHeader))
				.withMessage("Item 7 of queue 'mail' has no header 'tenant'");
			assertThat(context.getBean(Mails.class).received).isEmpty();
		});
	}

	@Test
	void aMethodMayReturnAnOutcome() {
		this.contextRunner.withBean(Outcomes.class).run((context) -> {
			Outcomes outcomes = context.getBean(Outcomes.class);
			outcomes.outcome = WorkOutcome.postpone(Duration.ofSeconds(1));
			assertThat(this.work.handle(new TestItem("outcomes"))).isEqualTo(outcomes.outcome);
			outcomes.outcome = null;
			assertThatExceptionOfType(IllegalStateException.class)
				.isThrownBy(() -> this.work.handle(new TestItem("outcomes")))
				.withMessageContaining("null in place of a WorkOutcome");
		});
	}

	static class Outcomes {

		private WorkOutcome outcome;

		@WorkListener("outcomes")
		WorkOutcome on() {
			return this.outcome;
		}

	}

	@Test
	void whatAMethodThrowsIsThrown() {
		this.contextRunner.withBean(Throwing.class)
			.run((context) -> assertThatExceptionOfType(Exception.class)
				.isThrownBy(() -> this.work.handle(new TestItem("throwing").payload("a")))
				.withMessage("expected a"));
	}

	static class Throwing {

		@WorkListener("throwing")
		void on(String payload) throws Exception {
			throw new Exception("expected " + payload);
		}

	}

	@Test
	void aBatchIsListsInTheSameOrder() {
		this.contextRunner.withBean(Batches.class).run((context) -> {
			List<WorkItem> items = List.of(new TestItem("batch").payload("{\"to\": \"a\"}"),
					new TestItem("batch").payload("{\"to\": \"b\"}"));
			this.work.handleBatch(items);
			assertThat(context.getBean(Batches.class).received)
				.containsExactly(List.of(new Mail("a", null), new Mail("b", null)), items);
		});
	}

	static class Batches {

		final List<Object> received = new ArrayList<>();

		@WorkListener(queue = "batch", batch = true)
		void on(List<? extends Mail> payloads, List<WorkItem> items) {
			Collections.addAll(this.received, payloads, items);
		}

	}

	@Test
	void whatIsNotSetIsLeftToTheProperties() {
		this.contextRunner.withBean(Mails.class)
			.run((context) -> assertThat(this.work.spec("mail")).isEqualTo(WorkListenerSpec.of("mail")));
	}

	@Test
	void attributesMayHavePlaceholders() {
		this.contextRunner.withPropertyValues("app.queue=urgent", "app.number=3", "app.delay=5s")
			.withBean(Configured.class)
			.run((context) -> assertThat(this.work.spec("urgent"))
				.isEqualTo(new WorkListenerSpec(List.of("urgent", "later"), 3, 4, true, 5,
						new Backoff(Duration.ofSeconds(5), 1.5, Duration.ofMinutes(10)), OnDead.BLOCK,
						List.of(IllegalStateException.class))));
	}

	static class Configured {

		@WorkListener(queue = { "${app.queue}", "later" }, concurrency = "${app.number}", prefetch = "${app.four:4}",
				transactional = true, maxAttempts = "5", backoffDelay = "${app.delay}", backoffMultiplier = "1.5",
				onDead = OnDead.BLOCK, dontRetryOn = IllegalStateException.class)
		void on(String payload) {
		}

	}

	@Test
	void whatIsNotSetOfABackoffIsThatOfTheQueue() {
		this.contextRunner
			.withPropertyValues("durable-notify.work.backoff.multiplier=3", "durable-notify.work.backoff.max-delay=1h",
					"durable-notify.work.queues.slow.backoff.multiplier=4")
			.withBean(Delayed.class)
			.run((context) -> assertThat(this.work.spec("slow").backoff())
				.isEqualTo(new Backoff(Duration.ofSeconds(5), 4, Duration.ofHours(1))));
	}

	static class Delayed {

		@WorkListener(queue = { "slow", "other" }, backoffDelay = "5s")
		void on(String payload) {
		}

	}

	@Test
	void theAnnotationsMayBeMetaAnnotations() {
		this.contextRunner.withBean(Composed.class).run((context) -> {
			assertThat(this.work.spec("composed").transactional()).isTrue();
			this.work.handle(new TestItem("composed").header("tenant", "t"));
			assertThat(context.getBean(Composed.class).received).containsExactly("t");
		});
	}

	@Target(ElementType.METHOD)
	@Retention(RetentionPolicy.RUNTIME)
	@WorkListener(transactional = true)
	@interface OnceFor {

		@AliasFor(annotation = WorkListener.class, attribute = "queue")
		String value();

	}

	@Target(ElementType.PARAMETER)
	@Retention(RetentionPolicy.RUNTIME)
	@WorkHeader("tenant")
	@interface Tenant {

	}

	static class Composed {

		final List<String> received = new ArrayList<>();

		@OnceFor("composed")
		void on(@Tenant String tenant) {
			this.received.add(tenant);
		}

	}

	@Test
	void aMethodIsNotCalledOnceItsBeanIsDestroyed() {
		this.contextRunner.withBean("mails", Mails.class).withBean("nightly", Nightly.class).run((context) -> {
			assertThat(this.work.queues()).containsExactlyInAnyOrder("mail", "cron/Nightly.report");
			((DefaultListableBeanFactory) context.getBeanFactory()).destroySingleton("mails");
			((DefaultListableBeanFactory) context.getBeanFactory()).destroySingleton("nightly");
			assertThat(this.work.queues()).isEmpty();
			assertThat(this.recurrences).isEmpty();
		});
	}

	@Test
	void recurringWorkHasAQueueOfItsOwn() {
		this.contextRunner.withBean(Nightly.class).run((context) -> {
			assertThat(this.recurrences).singleElement().satisfies((recurrence) -> {
				assertThat(recurrence.queue()).isEqualTo("cron/Nightly.report");
				assertThat(recurrence.key()).isEqualTo("cron/Nightly.report");
				assertThat(recurrence.schedule()).hasToString("0 0 3 * * * in " + ZoneId.systemDefault());
			});
			TestItem item = new TestItem("cron/Nightly.report").key("cron/Nightly.report");
			assertThat(this.work.handle(item)).isInstanceOf(WorkOutcome.Again.class);
			assertThat(context.getBean(Nightly.class).received).containsExactly(item);
		});
	}

	static class Nightly {

		final List<Object> received = new ArrayList<>();

		@WorkListener(cron = "0 0 3 * * *")
		void report(WorkItem item) {
			this.received.add(item);
		}

	}

	@Test
	void recurringWorkMayBeNamedAndConfigured() {
		this.contextRunner.withPropertyValues("app.cron=@daily", "app.zone=Asia/Tokyo")
			.withBean(Named.class)
			.run((context) -> {
				assertThat(this.recurrences).singleElement().satisfies((recurrence) -> {
					assertThat(recurrence.queue()).isEqualTo("reports");
					assertThat(recurrence.key()).isEqualTo("cron/daily-report");
					assertThat(recurrence.headers()).isEqualTo(Map.of("cron", "0 0 0 * * * in Asia/Tokyo"));
				});
				TestItem item = new TestItem("reports").key("cron/daily-report");
				assertThatIllegalArgumentException().isThrownBy(() -> this.work.handle(item));
			});
	}

	@Test
	void recurringWorkOfAConfigurationClassIsNotNamedAfterItsProxy() {
		this.contextRunner.withUserConfiguration(Proxied.class).run((context) -> {
			assertThat(context.getBean(Proxied.class).getClass()).isNotEqualTo(Proxied.class);
			assertThat(this.recurrences).singleElement().satisfies((recurrence) -> {
				assertThat(recurrence.queue()).isEqualTo("cron/Proxied.report");
				assertThat(recurrence.key()).isEqualTo("cron/Proxied.report");
			});
		});
	}

	@Configuration
	static class Proxied {

		@Bean
		Object needsAProxy() {
			return new Object();
		}

		@WorkListener(cron = "@daily")
		void report() {
		}

	}

	static class Named {

		@WorkListener(queue = "reports", id = "daily-report", cron = "${app.cron}", zone = "${app.zone}")
		void report() {
			throw new IllegalArgumentException("expected");
		}

	}

	@Test
	void recurringWorkMayBeDisabled() {
		this.contextRunner.withPropertyValues("app.cron=-", "app.zone=").withBean(Named.class).run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(this.work.queues()).isEmpty();
			assertThat(this.recurrences).isEmpty();
		});
	}

	@ParameterizedTest
	@ValueSource(classes = { TwoPayloads.class, Private.class, Static.class, Returning.class, NoQueue.class,
			BlankQueue.class, QueueNamedTwice.class, NoNumber.class, NoneAtOnce.class, NoUnit.class,
			SignWithoutUnit.class, NoDuration.class, TooLongDelay.class, LongestDuration.class,
			HeaderOfAnotherType.class, UnnamedHeader.class, NoList.class, RawList.class, BatchWithOutcome.class,
			EmptyBatch.class, WrongCron.class, CronWithoutTime.class, WrongZone.class, ZoneWithoutCron.class,
			CronWithPayload.class, CronOfABatch.class, CronWithTwoQueues.class, Unresolved.class, Twice.class,
			NoPrefetch.class, NoAttempts.class, NoMultiplier.class, SmallMultiplier.class, IdWithASpace.class })
	void aMethodThatCannotBeUsedIsRefusedWithWhatIsAllowed(Class<?> type) throws Exception {
		String expected = (String) type.getDeclaredField("EXPECTED").get(null);
		this.contextRunner.withBean("mails", type).run((context) -> {
			assertThat(context).hasFailed();
			assertThat(context.getStartupFailure()).cause()
				.isInstanceOf(WorkListenerException.class)
				.hasMessageStartingWith("@WorkListener method ")
				.hasMessageContaining(type.getSimpleName() + ".on(")
				.hasMessageContaining("of bean 'mails' cannot be used: ")
				.hasMessageContaining(expected);
			assertThat(this.work.queues()).isEmpty();
			assertThat(this.recurrences).isEmpty();
		});
	}

	static Stream<Arguments> whatIsToBeDoneFitsTheFault() {
		return Stream.of(
				Arguments.of("Correct the attribute of @WorkListener that the description names",
						List.of(NoNumber.class, NoneAtOnce.class, NoUnit.class, NoDuration.class, SmallMultiplier.class,
								WrongCron.class, WrongZone.class, ZoneWithoutCron.class, CronOfABatch.class)),
				Arguments.of("Give @WorkListener one queue or more",
						List.of(NoQueue.class, BlankQueue.class, QueueNamedTwice.class)),
				Arguments.of("Set the property that the placeholder names", List.of(Unresolved.class)),
				Arguments.of("Declare it like", List.of(Private.class, NoList.class, CronWithPayload.class)),
				Arguments.of("Name the queues by 'value' or by 'queue' of @WorkListener, not by both.",
						List.of(Contradicting.class)));
	}

	@ParameterizedTest
	@MethodSource
	void whatIsToBeDoneFitsTheFault(String action, List<Class<?>> types) {
		for (Class<?> type : types) {
			this.contextRunner.withBean("mails", type)
				.run((context) -> assertThat(context.getStartupFailure()).cause()
					.isInstanceOf(WorkListenerException.class)
					.extracting("action", InstanceOfAssertFactories.STRING)
					.as(type.getSimpleName())
					.startsWith(action));
		}
	}

	static class Contradicting {

		@WorkListener(value = "a", queue = "b")
		void on(String payload) {
		}

	}

	static class NoPrefetch {

		static final String EXPECTED = "'prefetch' cannot be '99999999999': it must be a whole number from 0 to 1000";

		@WorkListener(queue = "a", prefetch = "99999999999")
		void on(String payload) {
		}

	}

	static class NoAttempts {

		static final String EXPECTED = "'maxAttempts' must be at least 1, but is 0";

		@WorkListener(queue = "a", maxAttempts = "0")
		void on(String payload) {
		}

	}

	static class NoMultiplier {

		static final String EXPECTED = "'backoffMultiplier' cannot be 'half': it must be a number, at least 1";

		@WorkListener(queue = "a", backoffMultiplier = "half")
		void on(String payload) {
		}

	}

	static class SmallMultiplier {

		static final String EXPECTED = "'backoffMultiplier' must be at least 1, but is 0.5";

		@WorkListener(queue = "a", backoffMultiplier = "0.5")
		void on(String payload) {
		}

	}

	static class IdWithASpace {

		static final String EXPECTED = "'id' 'x y' must have 1 to 250 characters, none of them white space";

		@WorkListener(id = "x y", cron = "@daily")
		void on() {
		}

	}

	static class TwoPayloads {

		static final String EXPECTED = "It takes 2 payloads, but an item has one";

		@WorkListener("a")
		void on(String payload, Mail other) {
		}

	}

	static class Private {

		static final String EXPECTED = "neither private nor static";

		@WorkListener("a")
		private void on(String payload) {
		}

	}

	static class Static {

		static final String EXPECTED = "neither private nor static";

		@WorkListener("a")
		static void on(String payload) {
		}

	}

	static class Returning {

		static final String EXPECTED = "return nothing or a WorkOutcome";

		@WorkListener("a")
		String on(String payload) {
			return payload;
		}

	}

	static class NoQueue {

		static final String EXPECTED = "It must name a queue";

		@WorkListener
		void on(String payload) {
		}

	}

	static class BlankQueue {

		static final String EXPECTED = "Queue 'a b' must have 1 to 255 characters";

		@WorkListener("a b")
		void on(String payload) {
		}

	}

	static class QueueNamedTwice {

		static final String EXPECTED = "Queue 'a' must be named once";

		@WorkListener({ "a", "a" })
		void on(String payload) {
		}

	}

	static class NoNumber {

		static final String EXPECTED = "'concurrency' cannot be 'many': it must be a whole number from 1 to 1000";

		@WorkListener(queue = "a", concurrency = "many")
		void on(String payload) {
		}

	}

	static class NoneAtOnce {

		static final String EXPECTED = "'concurrency' must be from 1 to 1000, but is 0";

		@WorkListener(queue = "a", concurrency = "0")
		void on(String payload) {
		}

	}

	static class NoUnit {

		static final String EXPECTED = "'backoffDelay' cannot be '5': " + DURATION;

		@WorkListener(queue = "a", backoffDelay = "5")
		void on(String payload) {
		}

	}

	static class SignWithoutUnit {

		static final String EXPECTED = "'backoffDelay' cannot be '+5': " + DURATION;

		@WorkListener(queue = "a", backoffDelay = "+5")
		void on(String payload) {
		}

	}

	static class TooLongDelay {

		static final String EXPECTED = "'backoffDelay' cannot be '200000d': " + DURATION;

		@WorkListener(queue = "a", backoffDelay = "200000d", backoffMaxDelay = "200000d")
		void on(String payload) {
		}

	}

	static class LongestDuration {

		static final String EXPECTED = "'backoffMaxDelay' cannot be '106751991167300d': " + DURATION;

		@WorkListener(queue = "a", backoffMaxDelay = "106751991167300d")
		void on(String payload) {
		}

	}

	static class NoDuration {

		static final String EXPECTED = "'backoffMaxDelay' cannot be 'long': " + DURATION;

		@WorkListener(queue = "a", backoffMaxDelay = "long")
		void on(String payload) {
		}

	}

	static class HeaderOfAnotherType {

		static final String EXPECTED = "The header 'a' is a String, not int";

		@WorkListener("a")
		void on(@WorkHeader("a") int header) {
		}

	}

	static class UnnamedHeader {

		static final String EXPECTED = "@WorkHeader must name a header";

		@WorkListener("a")
		void on(@WorkHeader String header) {
		}

	}

	static class NoList {

		static final String EXPECTED = "A batch is a List of payloads or a List<WorkItem>, but a parameter is "
				+ "java.lang.String";

		@WorkListener(queue = "a", batch = true)
		void on(String payload) {
		}

	}

	static class RawList {

		static final String EXPECTED = "A batch is a List of payloads";

		@WorkListener(queue = "a", batch = true)
		@SuppressWarnings("rawtypes")
		void on(List payloads) {
		}

	}

	static class BatchWithOutcome {

		static final String EXPECTED = "A method of batches must take a list, return nothing";

		@WorkListener(queue = "a", batch = true)
		WorkOutcome on(List<String> payloads) {
			return WorkOutcome.done();
		}

	}

	static class EmptyBatch {

		static final String EXPECTED = "A method of batches must take a list";

		@WorkListener(queue = "a", batch = true)
		void on() {
		}

	}

	static class WrongCron {

		static final String EXPECTED = "'cron' cannot be 'hourly'";

		@WorkListener(cron = "hourly")
		void on() {
		}

	}

	static class CronWithoutTime {

		static final String EXPECTED = "'cron' cannot be '0 0 0 30 2 *': it names no time";

		@WorkListener(cron = "0 0 0 30 2 *")
		void on() {
		}

	}

	static class WrongZone {

		static final String EXPECTED = "'zone' cannot be 'Mars/Olympus'";

		@WorkListener(cron = "@daily", zone = "Mars/Olympus")
		void on() {
		}

	}

	static class ZoneWithoutCron {

		static final String EXPECTED = "'zone' must not be set without a 'cron', whose time zone it is";

		@WorkListener(queue = "a", zone = "UTC")
		void on() {
		}

	}

	static class CronWithPayload {

		static final String EXPECTED = "A method with a cron expression takes no payload";

		@WorkListener(cron = "@daily")
		void on(String payload) {
		}

	}

	static class CronOfABatch {

		static final String EXPECTED = "'batch' must be false with a 'cron'";

		@WorkListener(cron = "@daily", batch = true)
		void on(List<String> payloads) {
		}

	}

	static class CronWithTwoQueues {

		static final String EXPECTED = "With a 'cron' it must name one queue, or none";

		@WorkListener(queue = { "a", "b" }, cron = "@daily")
		void on() {
		}

	}

	static class Unresolved {

		static final String EXPECTED = "app.missing";

		@WorkListener("${app.missing}")
		void on(String payload) {
		}

	}

	static class Twice {

		static final String EXPECTED = "Queue 'a' must have one listener";

		@WorkListener("a")
		void on(String payload) {
		}

		@WorkListener("a")
		void on(Mail payload) {
		}

	}

	@Test
	void beansWithMethodsAreNotLazy() {
		HandlerMethodFilter filter = WorkMethodConfiguration.durableNotifyWorkListenerFilter();
		assertThat(filter.isExcluded("mails", null, Mails.class)).isTrue();
		assertThat(filter.isExcluded("mails", null, Mail.class)).isFalse();
	}

	@Test
	void methodsAndPayloadsCanBeUsedInANativeImage() throws Exception {
		RuntimeHints hints = new RuntimeHints();
		new ReflectiveRuntimeHintsRegistrar().registerRuntimeHints(hints, Batches.class, Types.class);
		Method method = Batches.class.getDeclaredMethod("on", List.class, List.class);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(method)).accepts(hints);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Mail.class.getDeclaredMethod("to")))
			.accepts(hints);
		assertThat(RuntimeHintsPredicates.reflection()
			.onConstructorInvocation(Mail.class.getDeclaredConstructor(String.class, List.class))).accepts(hints);
	}

}
