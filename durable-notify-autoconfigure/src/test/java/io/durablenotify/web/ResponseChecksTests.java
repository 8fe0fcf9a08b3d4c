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

package io.durablenotify.web;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.loop.BackgroundLoop.Next;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class ResponseChecksTests {

	private static final Duration HEARTBEAT = Duration.ofMillis(60);

	private static final Duration INTERVAL = HEARTBEAT.dividedBy(3);

	private final ResponseChecks checks = new ResponseChecks(new SseProperties(HEARTBEAT, Duration.ofSeconds(30)),
			new SseMeasures());

	private final List<Duration> timeouts = new ArrayList<>();

	private final List<Boolean> stopping = new ArrayList<>();

	@AfterEach
	void close() {
		this.checks.close();
	}

	private void record(long now, long heartbeatNanos, long timeoutNanos, boolean stopping) {
		this.timeouts.add(Duration.ofNanos(timeoutNanos));
		this.stopping.add(stopping);
	}

	@Test
	void responsesAreCheckedRegularlyWhileThereAreSome() {
		for (int round = 0; round < 2; round++) {
			AtomicInteger count = new AtomicInteger();
			ResponseChecks.Checked response = (now, heartbeat, timeout, stopping) -> count.incrementAndGet();
			this.checks.add(response);
			Eventually.await(() -> count.get() > 3, count::get);
			this.checks.remove(response);
		}
	}

	/**
	 * So that the thread ends.
	 */
	@Test
	void noCheckIsScheduledWithoutAResponse() {
		this.checks.close();
		for (int round = 0; round < 2; round++) {
			this.checks.add(this::record);
			assertThat(this.checks.check()).isEqualTo(Next.after(INTERVAL));
			this.checks.count((response) -> {
				this.checks.remove(response);
				return true;
			});
			assertThat(this.checks.check()).isEqualTo(Next.IDLE);
		}
	}

	@Test
	void aStopWaitsASecondForAClient() {
		this.checks.close();
		this.checks.add(this::record);
		this.checks.check();
		this.checks.stop();
		assertThat(this.checks.isRunning()).isFalse();
		this.checks.check();
		this.checks.start();
		assertThat(this.checks.isRunning()).isTrue();
		this.checks.check();
		assertThat(this.stopping).containsExactly(false, true, false);
		assertThat(this.timeouts).containsExactly(Duration.ofSeconds(30), Duration.ofSeconds(1),
				Duration.ofSeconds(30));
	}

	@Test
	void aFailureKeepsNoOtherFromBeingChecked() {
		this.checks.close();
		this.checks.add((now, heartbeat, timeout, stopping) -> {
			throw new IllegalStateException("expected");
		});
		this.checks.add(this::record);
		this.checks.add((now, heartbeat, timeout, stopping) -> {
			throw new IllegalStateException("expected");
		});
		assertThat(this.checks.check()).isEqualTo(Next.after(INTERVAL));
		assertThat(this.stopping).containsExactly(false);
	}

}
