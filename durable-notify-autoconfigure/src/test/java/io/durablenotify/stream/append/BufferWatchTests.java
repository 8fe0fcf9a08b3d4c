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

import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link BufferWatch}.
 */
@ExtendWith(OutputCaptureExtension.class)
class BufferWatchTests {

	private static final long MEBIBYTE = 1024 * 1024;

	private Duration now = Duration.ZERO;

	private final BufferWatch watch = new BufferWatch(LogFactory.getLog(BufferWatchTests.class), 100 * MEBIBYTE,
			() -> this.now.toNanos());

	@Test
	void aBufferThatFillsHasOneLineAndOneWhenItIsEmptyAgain(CapturedOutput output) {
		this.watch.written(Duration.ofMillis(210));
		this.watch.update(80 * MEBIBYTE);
		assertThat(output).doesNotContain("Appends");
		for (int megabytes = 81; megabytes > 41; megabytes--) {
			this.watch.update(megabytes * MEBIBYTE);
		}
		this.watch.update(90 * MEBIBYTE);
		assertThat(output)
			.containsOnlyOnce("Appends of 81 MB of at most 100 MB wait for the database; the last batch took 210 ms");
		assertThat(output).doesNotContain("no more than usual");
		this.watch.update(40 * MEBIBYTE);
		this.watch.update(0);
		assertThat(output).containsOnlyOnce("Appends wait for the database no more than usual");
		this.watch.update(82 * MEBIBYTE);
		assertThat(output).containsOnlyOnce("Appends of 82 MB");
	}

	@Test
	void burstsHaveThreePairsOfLinesAMinuteAndOneThatLastsIsLoggedLater(CapturedOutput output) {
		for (int i = 0; i < 100; i++) {
			this.watch.update(81 * MEBIBYTE);
			this.watch.update(0);
		}
		this.watch.update(90 * MEBIBYTE);
		assertThat(output.toString().lines()).filteredOn((line) -> line.contains("Appends")).hasSize(3 + 3);
		this.now = Duration.ofMinutes(1);
		this.watch.update(60 * MEBIBYTE);
		this.watch.update(61 * MEBIBYTE);
		this.watch.update(0);
		assertThat(output.toString().lines()).filteredOn((line) -> line.contains("Appends")).hasSize(3 + 3 + 2);
		assertThat(output).containsOnlyOnce(
				"Appends of 60 MB of at most 100 MB wait for the database; the last batch took 0 ms. 97 others shortly "
						+ "before were not logged");
	}

}
