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

package io.durablenotify.stream.append;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import io.durablenotify.loop.BackgroundLoop;
import io.durablenotify.loop.BackgroundLoop.Step;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.append.AppendOutcome.Closed;
import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.stream.append.AppendPipeline.Limits;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.mockito.stubbing.Answer;

import org.springframework.util.Assert;

import static io.durablenotify.testsupport.Eventually.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.then;
import static org.mockito.BDDMockito.willAnswer;
import static org.mockito.BDDMockito.willDoNothing;
import static org.mockito.BDDMockito.willThrow;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;

/**
 * Tests for {@link AppendPipeline}, with a writer that finds every stream locked and does
 * not return.
 */
class AppendPipelineTests {

	private final CountDownLatch inFlight = new CountDownLatch(1);

	private final CompletableFuture<Void> release = new CompletableFuture<>();

	private final BatchWriter locked = mock();

	private final BackgroundLoop loop = mock();

	private final Map<String, Step> steps = new HashMap<>();

	@Test
	void whatIsInFlightWhenClosingGivesUpFailsInsteadOfWaitingForEver() throws Exception {
		willAnswer(held()).given(this.locked).writeUnlocked(any());
		AppendPipeline pipeline = pipeline(Duration.ofSeconds(2));
		CompletableFuture<Long> append = pipeline.appendAsync(append());
		assertThatNothingIsWaitedForAfterClose(pipeline, append);
	}

	@Test
	void whatIsWrittenByItsCallerWhenClosingGivesUpFailsInsteadOfWaitingForEver() throws Exception {
		willAnswer(held()).given(this.locked).write(any());
		AppendPipeline pipeline = pipeline(Duration.ofMillis(100));
		CompletableFuture<Long> append = Background.supply(() -> pipeline.append(append()));
		assertThatNothingIsWaitedForAfterClose(pipeline, append);
	}

	private Answer<Void> held() {
		return (call) -> {
			this.inFlight.countDown();
			return this.release.join();
		};
	}

	private void assertThatNothingIsWaitedForAfterClose(AppendPipeline pipeline, CompletableFuture<Long> append)
			throws InterruptedException {
		assertThat(this.inFlight.await(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
		pipeline.close();
		this.release.complete(null);
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(() -> append.get(Eventually.TIMEOUT.toSeconds(), TimeUnit.SECONDS))
			.withMessageContaining("closed");
	}

	@Test
	void whatFailsForWantOfAThreadIsNotStoredWithTheNextOne() throws Exception {
		willThrow(new OutOfMemoryError("unable to create native thread")).given(this.loop).signal();
		List<Append> written = storing();
		try (AppendPipeline pipeline = pipelineWithoutThread()) {
			assertThatCode(() -> assertThat(pipeline.appendAsync(append("a"))).isCompletedExceptionally())
				.doesNotThrowAnyException();
			CompletableFuture<Long> writing = Background.supply(() -> pipeline.append(append("a")));
			await(this.inFlight);
			assertThatIllegalStateException().isThrownBy(() -> pipeline.append(append("b")));
			assertThat(pipeline.isAppending("b")).isFalse();
			this.release.complete(null);
			Eventually.get(writing);
			willDoNothing().given(this.loop).signal();
			Append next = append("b");
			CompletableFuture<Long> stored = pipeline.appendAsync(next);
			this.steps.get("durable-notify-append").run();
			assertThat(stored).isCompleted();
			assertThat(written).hasSize(2).last().isSameAs(next);
		}
	}

	@Test
	void whatIsStoredDoesNotFailForWantOfAThreadForTheOthers() throws Exception {
		willDoNothing().willThrow(new OutOfMemoryError("unable to create native thread")).given(this.loop).signal();
		List<Append> written = storing();
		try (AppendPipeline pipeline = pipelineWithoutThread()) {
			CompletableFuture<Long> writing = Background.supply(() -> pipeline.append(append("a")));
			await(this.inFlight);
			CompletableFuture<Long> other = pipeline.appendAsync(append("b"));
			this.release.complete(null);
			assertThat(Eventually.get(writing)).isZero();
			this.steps.get("durable-notify-append").run();
			assertThat(other).isCompleted();
			assertThat(written).hasSize(2);
		}
	}

	@Test
	void anAppendToALockedStreamFailsForWantOfAThreadAndIsNotStoredLater() throws Exception {
		willThrow(new OutOfMemoryError("unable to create native thread")).given(this.loop).signal();
		try (AppendPipeline pipeline = pipelineWithoutThread()) {
			assertThatIllegalStateException().isThrownBy(() -> pipeline.append(append("a")));
			assertThat(pipeline.isAppending("a")).isFalse();
			this.steps.get("durable-notify-append-muted").run();
			then(this.locked).should(never()).writeUnlocked(any());
		}
	}

	/**
	 * Have appends stored, the first one once it is released.
	 */
	private List<Append> storing() {
		List<Append> written = Collections.synchronizedList(new ArrayList<>());
		willAnswer((call) -> {
			List<AppendGroup> groups = call.getArgument(0);
			groups.forEach((group) -> written.addAll(group.appends()));
			held().answer(call);
			groups.forEach((group) -> group.complete(new Stored(1, 0, 1)));
			return null;
		}).given(this.locked).write(any());
		return written;
	}

	private AppendPipeline pipelineWithoutThread() {
		return new AppendPipeline(this.locked, new Limits(Duration.ZERO, 1_000_000), Runnable::run, (append) -> {
			Assert.state(append.outcome() instanceof Stored, () -> "not stored: " + append.outcome());
			return 0;
		}, new AppendMeasures(), LogFactory.getLog(AppendPipelineTests.class), (name, step) -> {
			this.steps.put(name, step);
			return this.loop;
		});
	}

	private AppendPipeline pipeline(Duration timeout) {
		return new AppendPipeline(this.locked, new Limits(timeout, 1_000_000), Runnable::run, (append) -> {
			throw new IllegalStateException((append.outcome() instanceof Closed) ? "closed" : "not closed");
		}, new AppendMeasures(), LogFactory.getLog(AppendPipelineTests.class), (name, step) -> new BackgroundLoop(name,
				new FailureLog(LogFactory.getLog(AppendPipelineTests.class), "Failed", "Works again"), step));
	}

	private static Append append() {
		return append("in-flight");
	}

	private static Append append(String stream) {
		return new Append(stream, AppendConditions.NONE, List.of(new byte[0]));
	}

}
