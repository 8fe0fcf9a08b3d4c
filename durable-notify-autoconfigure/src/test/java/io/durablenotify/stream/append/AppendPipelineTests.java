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
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import io.durablenotify.stream.append.AppendOutcome.Closed;
import io.durablenotify.stream.append.AppendPipeline.Limits;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.mockito.stubbing.Answer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.willAnswer;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link AppendPipeline}, with a writer that finds every stream locked and does
 * not return.
 */
class AppendPipelineTests {

	private final CountDownLatch inFlight = new CountDownLatch(1);

	private final CompletableFuture<Void> release = new CompletableFuture<>();

	private final BatchWriter locked = mock();

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

	private AppendPipeline pipeline(Duration timeout) {
		return new AppendPipeline(this.locked, new Limits(timeout, 1_000_000), Runnable::run, (append) -> {
			throw new IllegalStateException((append.outcome() instanceof Closed) ? "closed" : "not closed");
		}, new AppendMeasures(), LogFactory.getLog(AppendPipelineTests.class));
	}

	private static Append append() {
		return new Append("in-flight", AppendConditions.NONE, List.of(new byte[0]));
	}

}
