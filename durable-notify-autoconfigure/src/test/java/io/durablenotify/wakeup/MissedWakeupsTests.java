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

package io.durablenotify.wakeup;

import java.util.concurrent.atomic.AtomicLong;

import org.apache.commons.logging.LogFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link MissedWakeups}.
 */
@ExtendWith(OutputCaptureExtension.class)
class MissedWakeupsTests {

	private final AtomicLong now = new AtomicLong();

	private final PollFindings findings = new PollFindings();

	private final MissedWakeups missed = new MissedWakeups(LogFactory.getLog(MissedWakeupsTests.class), this.now::get);

	MissedWakeupsTests() {
		this.missed.watch(this.findings);
	}

	@Test
	void whatThePollFindsWhileListeningHasOneLineInTenMinutes(CapturedOutput output) {
		this.missed.check(true);
		assertThat(output).doesNotContain("WARN");
		this.findings.found().add(2);
		this.missed.check(true);
		this.findings.found().add(5);
		this.missed.check(true);
		assertThat(output).containsOnlyOnce("WARN").contains("The poll has found 2 new entries or changes");
		this.now.addAndGet(MissedWakeups.REPEAT.toNanos());
		this.missed.check(true);
		this.missed.check(true);
		assertThat(output).containsOnlyOnce("The poll has found 5 new entries or changes");
	}

	@Test
	void whatThePollFindsWhileNothingIsHeardIsAsItShouldBe(CapturedOutput output) {
		this.findings.found().add(2);
		this.missed.check(false);
		this.missed.check(true);
		assertThat(output).doesNotContain("WARN");
	}

}
