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

package io.durablenotify.actuate;

import java.util.Map;

import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link DatabaseWarnings}.
 */
@ExtendWith(OutputCaptureExtension.class)
class DatabaseWarningsTests {

	private final DatabaseWarnings warnings = new DatabaseWarnings(LogFactory.getLog(DatabaseWarningsTests.class));

	private void check(double queue, double clock) {
		this.warnings.check(new DatabaseSample(queue, 0, clock, 0, Map.of(), null));
	}

	@Test
	void nothingIsLoggedWhileAllIsWellOrUnknown(CapturedOutput output) {
		check(0.1, 29);
		check(Double.NaN, Double.NaN);
		this.warnings.check(DatabaseSample.NONE);
		assertThat(output).doesNotContain("WARN", "INFO");
	}

	@Test
	void aQueueThatFillsHasOneLineUntilItIsEmpty(CapturedOutput output) {
		check(0.12, 0);
		check(0.09, 0);
		check(0.5, 0);
		assertThat(output).containsOnlyOnce("WARN").contains("queue of notifications is 12% full");
		check(0.01, 0);
		assertThat(output).contains("nearly empty again");
		check(0.2, 0);
		assertThat(output).contains("is 20% full");
	}

	@Test
	void aClockThatDiffersHasOneLineUntilItAgrees(CapturedOutput output) {
		check(0, -31.4);
		check(0, 20);
		check(0, 40);
		assertThat(output).containsOnlyOnce("WARN").contains("differs from this machine's by 31s");
		check(0, 1);
		assertThat(output).contains("agrees with this machine's again");
	}

}
