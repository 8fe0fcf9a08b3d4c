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

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PollFindings}.
 */
class PollFindingsTests {

	private final PollFindings findings = new PollFindings();

	@Test
	void whatIsFoundCountsWithTheNextPoll() {
		this.findings.beginRound();
		this.findings.found(1, 1);
		this.findings.found(2, 3);
		assertThat(this.findings.found().sum()).isZero();
		this.findings.beginRound();
		assertThat(this.findings.found().sum()).isEqualTo(4);
		this.findings.beginRound();
		assertThat(this.findings.found().sum()).isEqualTo(4);
		assertThat(this.findings.rounds().sum()).isEqualTo(3);
	}

	@Test
	void whatAWakeupTellsOfUntilThenDoesNotCount() {
		this.findings.found(1, 1);
		this.findings.found(2, 1);
		this.findings.announced(1);
		this.findings.beginRound();
		assertThat(this.findings.found().sum()).isEqualTo(1);
	}

	@Test
	void aResyncTellsOfEverything() {
		this.findings.found(1, 1);
		this.findings.announcedAll();
		this.findings.beginRound();
		assertThat(this.findings.found().sum()).isZero();
	}

	@Test
	void whatAnotherPollFindsWaitsForItsOwnNext() {
		PollFindings other = this.findings.ofAnother();
		this.findings.found(1, 1);
		other.found(1, 2);
		other.beginRound();
		assertThat(this.findings.found().sum()).isEqualTo(2);
		this.findings.beginRound();
		assertThat(this.findings.found().sum()).isEqualTo(3);
		assertThat(other.found()).isSameAs(this.findings.found());
		assertThat(other.rounds().sum()).isEqualTo(2);
	}

}
