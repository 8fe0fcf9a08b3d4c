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

package io.durablenotify.measure;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Timing}.
 */
class TimingTests {

	private final Timing timing = new Timing();

	private final List<Long> recorded = new ArrayList<>();

	@Test
	void withoutARecorderNothingIsMeasured() {
		long start = this.timing.start();
		assertThat(start).isEqualTo(Timing.UNMEASURED);
		this.timing.recordBy(this.recorded::add);
		this.timing.end(start);
		assertThat(this.timing.lap(start)).isEqualTo(Timing.UNMEASURED);
		assertThat(this.recorded).isEmpty();
	}

	@Test
	void eachRecorderIsGivenEachDuration() {
		List<Long> alsoRecorded = new ArrayList<>();
		this.timing.recordBy(this.recorded::add);
		this.timing.recordBy(alsoRecorded::add);
		this.timing.record(7);
		this.timing.record(-7);
		assertThat(this.recorded).containsExactly(7L, 0L).isEqualTo(alsoRecorded);
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void whatARecorderThrowsIsLoggedOnceAndTheOthersRecord(CapturedOutput output) {
		this.timing.recordBy((nanos) -> {
			throw new StackOverflowError("the meter's");
		});
		this.timing.recordBy(this.recorded::add);
		this.timing.record(1);
		this.timing.end(this.timing.lap(this.timing.start()));
		assertThat(this.recorded).hasSize(3);
		assertThat(output).containsOnlyOnce("the meter's");
	}

	@Test
	void aLapEndsOneMeasurementAndBeginsTheNext() {
		this.timing.recordBy(this.recorded::add);
		long start = this.timing.start();
		long next = this.timing.lap(start);
		this.timing.end(next);
		assertThat(this.recorded).hasSize(2);
		assertThat(this.recorded.get(0)).isEqualTo(next - start);
	}

}
