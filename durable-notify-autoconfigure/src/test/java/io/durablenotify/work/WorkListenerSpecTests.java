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

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

import io.durablenotify.event.RunQuery;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.work.WorkListenerSpec.Backoff;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link WorkListenerSpec}.
 */
class WorkListenerSpecTests {

	private static final WorkListenerSpec SPEC = WorkListenerSpec.of("mail", "later");

	private static final Duration CENTURY = Duration.ofDays(36_500);

	static Stream<ThrowingCallable> whatCannotBeUsed() {
		return Stream.of(() -> WorkListenerSpec.of(), () -> WorkListenerSpec.of("mail", "later", "mail"),
				() -> SPEC.concurrency(0), () -> SPEC.concurrency(1_001), () -> SPEC.prefetch(-1),
				() -> SPEC.prefetch(Integer.MAX_VALUE), () -> SPEC.maxAttempts(0),
				() -> new Backoff(Duration.ofMillis(-1), 2, CENTURY),
				() -> new Backoff(CENTURY.plusMillis(1), 2, CENTURY), () -> new Backoff(CENTURY, 0.5, CENTURY),
				() -> new Backoff(CENTURY, Double.NaN, CENTURY), () -> new Backoff(CENTURY, 2, nothing()),
				() -> new Backoff(CENTURY, 2, Duration.ofSeconds(Long.MAX_VALUE)));
	}

	@SuppressWarnings({ "NullAway", "DataFlowIssue" })
	private static <T> T nothing() {
		return null;
	}

	@ParameterizedTest
	@MethodSource
	void whatCannotBeUsed(ThrowingCallable call) {
		assertThatIllegalArgumentException().isThrownBy(call);
	}

	static Stream<Arguments> whatMustNotBeNullIsNamed() {
		return Stream.of(nullOf("delay", () -> WorkOutcome.postpone(nothing())),
				nullOf("reason", () -> WorkOutcome.fail(nothing())),
				nullOf("reason", () -> WorkOutcome.failPermanently(nothing())),
				nullOf("delay", () -> WorkRequest.of("mail", "a").dueIn(nothing())),
				nullOf("value", () -> WorkRequest.of("mail", "a").header("h", nothing())), nullOf("delay", () -> {
					throw new RetryLaterException("busy", nothing());
				}), nullOf("onDead", () -> SPEC.onDead(nothing())),
				nullOf("dontRetryOn", () -> SPEC.dontRetryOn(nothing())),
				nullOf("item", () -> DeadQuery.of("mail").item(nothing())),
				nullOf("name", () -> OutboxEvent.of("t", "a").extension(nothing(), "b")));
	}

	private static Arguments nullOf(String name, ThrowingCallable call) {
		return Arguments.of(name, call);
	}

	@ParameterizedTest
	@MethodSource
	void whatMustNotBeNullIsNamed(String name, ThrowingCallable call) {
		assertThatIllegalArgumentException().isThrownBy(call).withMessage("'%s' must not be null", name);
	}

	@Test
	void noneOfSeveralMayBeNull() {
		Stream
			.<ThrowingCallable>of(() -> WorkListenerSpec.of("mail", nothing()),
					() -> SPEC.dontRetryOn(Collections.singletonList(nothing())),
					() -> RunQuery.all().without("a", nothing()))
			.forEach((call) -> assertThatIllegalArgumentException().isThrownBy(call)
				.withMessageEndingWith(" must not contain null"));
	}

	@Test
	void aNegativeDelayIsShown() {
		Duration delay = Duration.ofSeconds(-1);
		Stream.<ThrowingCallable>of(() -> WorkRequest.of("mail", "a").dueIn(delay), () -> WorkOutcome.postpone(delay),
				() -> {
					throw new RetryLaterException("busy", delay);
				})
			.forEach((call) -> assertThatIllegalArgumentException().isThrownBy(call)
				.withMessage("'delay' must not be negative, but is PT-1S"));
	}

	@Test
	void theLargestValuesCanBeUsed() {
		WorkListenerSpec spec = SPEC.concurrency(1_000)
			.prefetch(1_000)
			.maxAttempts(Integer.MAX_VALUE)
			.backoff(new Backoff(CENTURY, Double.MAX_VALUE, CENTURY));
		assertThat(spec.queues()).isEqualTo(List.of("mail", "later"));
		assertThat(new Backoff(CENTURY, Double.MAX_VALUE, CENTURY).after(Integer.MAX_VALUE)).isEqualTo(CENTURY);
		assertThat(new Backoff(Duration.ZERO, 2, CENTURY).after(3)).isZero();
	}

}
