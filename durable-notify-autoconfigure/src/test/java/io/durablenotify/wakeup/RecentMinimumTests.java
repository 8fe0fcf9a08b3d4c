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
 * Tests for {@link RecentMinimum}.
 */
class RecentMinimumTests {

	private final RecentMinimum minimum = new RecentMinimum();

	@Test
	void nothingIsKnownAtFirst() {
		assertThat(this.minimum.get()).isZero();
	}

	@Test
	void aBusyMomentDoesNotCount() {
		this.minimum.add(100);
		this.minimum.add(90_000);
		assertThat(this.minimum.get()).isEqualTo(100);
	}

	@Test
	void whatIsLongAgoIsForgotten() {
		this.minimum.add(100);
		for (int i = 0; i < 16; i++) {
			this.minimum.add(500 + i);
		}
		assertThat(this.minimum.get()).isEqualTo(500);
	}

}
