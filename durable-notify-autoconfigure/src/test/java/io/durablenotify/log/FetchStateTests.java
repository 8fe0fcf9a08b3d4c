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

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link FetchState}.
 */
class FetchStateTests {

	private final FetchState state = new FetchState();

	@Test
	void oneOfManyWakeupsQueuesTheReader() {
		assertThat(this.state.wake()).isTrue();
		assertThat(this.state.wake()).isFalse();
	}

	@Test
	void aWakeupDuringAFetchHasAnotherOneFollow() {
		this.state.wake();
		this.state.begin();
		assertThat(this.state.wake()).isFalse();
		assertThat(this.state.end(false)).isTrue();
		this.state.begin();
		assertThat(this.state.end(false)).isFalse();
		assertThat(this.state.isIdle()).isTrue();
	}

	@Test
	void aFetchThatFoundMoreIsFollowedByAnother() {
		this.state.wake();
		this.state.begin();
		assertThat(this.state.end(true)).isTrue();
		assertThat(this.state.wake()).isFalse();
	}

	@Test
	void aFullReaderIsQueuedByRoomAndNotByWakeups() {
		this.state.wake();
		this.state.begin();
		assertThat(this.state.full(() -> false)).isFalse();
		assertThat(this.state.wake()).isFalse();
		assertThat(this.state.room()).isTrue();
		assertThat(this.state.room()).isFalse();
	}

	@Test
	void roomThatWasMadeBeforeTheReaderWasFullCounts() {
		this.state.wake();
		this.state.begin();
		assertThat(this.state.room()).isFalse();
		assertThat(this.state.full(() -> true)).isTrue();
		assertThat(this.state.room()).isFalse();
	}

	@Test
	void roomIsNothingToAReaderThatIsNotFull() {
		assertThat(this.state.room()).isFalse();
		this.state.wake();
		assertThat(this.state.room()).isFalse();
	}

}
