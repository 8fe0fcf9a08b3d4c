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

package io.durablenotify.log;

import java.util.ArrayList;
import java.util.List;

import io.durablenotify.log.HandlerMeasures.Result;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link CallTimer}.
 */
class CallTimerTests {

	private final HandlerMeasures measures = new HandlerMeasures();

	private final CallTimer timer = new CallTimer(this.measures);

	private final List<Long> handled = new ArrayList<>();

	private final List<Long> failed = new ArrayList<>();

	@Test
	void slowCallsAreRecordedOneByOne() {
		record();
		this.timer.begin();
		for (int i = 0; i < 5; i++) {
			call(2_000);
			assertThat(this.handled).hasSize(i + 1).allMatch((nanos) -> nanos >= 2_000);
		}
		this.timer.end();
		assertThat(this.handled).hasSize(5);
	}

	@Test
	void quickCallsAreRecordedTogether() {
		record();
		long start = System.nanoTime();
		this.timer.begin();
		for (int i = 0; i < 10_000; i++) {
			this.timer.returned();
		}
		this.timer.end();
		long nanos = System.nanoTime() - start;
		assertThat(this.handled).hasSizeBetween(10_000 / CallTimer.MOST_AT_ONCE, 1_000);
		assertThat(this.handled.stream().mapToLong(Long::longValue).sum()).isBetween(1L, nanos);
	}

	@Test
	void aSlowCallAfterQuickOnesHasThoseThatFollowRecordedOneByOne() {
		record();
		this.timer.begin();
		for (int i = 0; i < 1_000; i++) {
			this.timer.returned();
		}
		int calls = 0;
		for (int recorded = this.handled.size(); this.handled.size() == recorded; calls++) {
			call(200_000);
		}
		assertThat(calls).isLessThanOrEqualTo(CallTimer.MOST_AT_ONCE);
		int recorded = this.handled.size();
		call(200_000);
		assertThat(this.handled).hasSize(recorded + 1);
	}

	@Test
	void aRowOfSlowCallsThatIsShortHasThoseThatFollowRecordedOneByOne() {
		record();
		this.timer.begin();
		for (int i = 0; i < 1_000; i++) {
			this.timer.returned();
		}
		this.timer.end();
		this.timer.begin();
		call(200_000);
		call(200_000);
		this.timer.end();
		int recorded = this.handled.size();
		this.timer.begin();
		call(200_000);
		assertThat(this.handled).hasSize(recorded + 1);
	}

	@Test
	void aRowOfCallsEndsWithARecording() {
		record();
		this.timer.begin();
		this.timer.end();
		assertThat(this.handled).isEmpty();
		// The second row is the one whose recording would have two calls
		for (int row = 1; row <= 5; row++) {
			this.timer.begin();
			this.timer.returned();
			this.timer.end();
			assertThat(this.handled).hasSize(row);
		}
	}

	@Test
	void aCallThatFailsIsARecordingOfItsOwnOutcome() {
		record();
		this.timer.begin();
		this.timer.returned();
		this.timer.failed();
		this.timer.end();
		assertThat(this.handled).hasSize(1);
		assertThat(this.failed).hasSize(1);
	}

	@Test
	void withoutARecorderNothingIsMeasured() {
		this.timer.begin();
		record();
		this.timer.returned();
		this.timer.returned();
		this.timer.end();
		assertThat(this.handled).isEmpty();
	}

	private void record() {
		this.measures.calls().of(Result.HANDLED).recordBy(this.handled::add);
		this.measures.calls().of(Result.FAILED).recordBy(this.failed::add);
	}

	private void call(long nanos) {
		long start = System.nanoTime();
		while (System.nanoTime() - start < nanos) {
			Thread.onSpinWait();
		}
		this.timer.returned();
	}

}
