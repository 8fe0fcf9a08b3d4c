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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.List;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link FailureLog}.
 */
@ExtendWith(OutputCaptureExtension.class)
class FailureLogTests {

	private long now;

	private final FailureLog failures = new FailureLog(LogFactory.getLog(FailureLogTests.class), "It fails",
			"It succeeds again");

	@Test
	void aFailureThatCannotSayItsMessageIsLoggedByItsClass(CapturedOutput output) {
		Exception failure = new Exception("shown", new IllegalStateException("cause")) {

			@Override
			public String getMessage() {
				throw new IllegalArgumentException("no message");
			}

		};
		assertThat(this.failures.handlerFailed("The handler fails", failure)).isPositive();
		assertThat(this.failures.failed(failure)).isPositive();
		this.failures.succeeded();
		assertThat(this.failures.failed(failure)).isGreaterThan(Duration.ZERO);
		assertThat(output).contains("The handler fails: " + failure.getClass().getName() + ". Retrying")
			.containsOnlyOnce("It fails: cause. Retrying")
			.containsOnlyOnce("It succeeds again");
	}

	@Test
	void laterReasonsAreLoggedAtDebug(CapturedOutput output) {
		Logger logger = (Logger) LoggerFactory.getLogger(FailureLogTests.class);
		logger.setLevel(Level.DEBUG);
		try {
			this.failures.handlerFailed("Attempt 1 fails", "busy.");
			this.failures.handlerFailed("Attempt 2 fails", "busy.");
		}
		finally {
			logger.setLevel(null);
		}
		assertThat(output.toString()).containsPattern("WARN .*Attempt 1 fails: busy. Retrying")
			.containsPattern("DEBUG .*Attempt 2 fails: busy.")
			.doesNotContain("Attempt 2 fails: busy. Retrying");
	}

	@Test
	void whatFailsAgainAndAgainHasThreePairsOfLinesAMinuteAndTheOthersAtDebug(CapturedOutput output) {
		FailureLog flapping = new FailureLog(LogFactory.getLog(FailureLogTests.class), "It fails", "It succeeds again",
				Duration.ofSeconds(5), () -> this.now);
		Logger logger = (Logger) LoggerFactory.getLogger(FailureLogTests.class);
		logger.setLevel(Level.DEBUG);
		try {
			for (int i = 0; i < 100; i++) {
				flapping.handlerFailed("Attempt %d fails".formatted(i), new IllegalStateException("cut " + i));
				assertThat(flapping.isLogged()).isEqualTo(i < 3);
				flapping.succeeded();
			}
			assertThat(lines(output, "WARN ")).hasSize(3);
			assertThat(lines(output, "INFO ")).hasSize(3);
			assertThat(lines(output, "DEBUG ")).filteredOn((line) -> line.endsWith(" fails")).hasSize(100);
			assertThat(lines(output, "DEBUG ")).filteredOn((line) -> line.endsWith("It succeeds again")).hasSize(97);
			this.now = Duration.ofMinutes(1).toNanos() - 1;
			flapping.handlerFailed("Attempt 100 fails", new IllegalStateException("for long"));
			assertThat(lines(output, "WARN ")).hasSize(3);
			this.now++;
			flapping.handlerFailed("Attempt 101 fails", new IllegalStateException("for long"));
			flapping.handlerFailed("Attempt 102 fails", new IllegalStateException("for long"));
		}
		finally {
			logger.setLevel(null);
		}
		assertThat(lines(output, "WARN ")).hasSize(4);
		assertThat(output.toString()).containsPattern("WARN .*Attempt 101 fails: for long. Retrying. 97 others shortly "
				+ "before were not logged\\R+java.lang.IllegalStateException: for long");
	}

	private static List<String> lines(CapturedOutput output, String level) {
		return output.toString()
			.lines()
			.filter((line) -> line.contains(level) && line.contains("FailureLogTests"))
			.toList();
	}

}
