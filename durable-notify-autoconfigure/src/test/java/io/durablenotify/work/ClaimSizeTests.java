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

package io.durablenotify.work;

import java.util.Collections;
import java.util.List;

import io.durablenotify.work.WorkInvoker.FirstItems;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ClaimSize}.
 */
class ClaimSizeTests {

	private final ClaimSize size = new ClaimSize(8);

	private void claimed(int items, int keys, boolean more) {
		this.size.claimed(items, Collections.nCopies(keys, new FirstItems(List.of(), more)));
	}

	@Test
	void whatThereIsRoomForIsClaimedUpToALimit() {
		assertThat(this.size.of(100)).isEqualTo(100);
		assertThat(this.size.of(10_000)).isEqualTo(ClaimSize.MAX_CLAIM);
		claimed(100, 0, false);
		assertThat(this.size.of(10_000)).isEqualTo(ClaimSize.MAX_CLAIM);
	}

	@Test
	void fewerKeysAreClaimedAsLongAsMostHaveMoreThanTheirShareButEnoughForAllHandlers() {
		claimed(100, 100, true);
		assertThat(this.size.of(100)).isEqualTo(50);
		claimed(50, 50, true);
		claimed(25, 25, true);
		claimed(16, 16, true);
		assertThat(this.size.of(100)).isEqualTo(16);
		assertThat(this.size.of(3)).isEqualTo(3);
		claimed(16, 16, false);
		assertThat(this.size.of(100)).isEqualTo(32);
		claimed(30, 0, false);
		assertThat(this.size.of(100)).isEqualTo(64);
	}

	@Test
	void aFewKeysAmongOtherItemsMakeNoDifference() {
		claimed(100, 50, true);
		assertThat(this.size.of(100)).isEqualTo(100);
	}

	@Test
	void theItemsOfKeysAreSharedOutEquallyAndOneItemOfAKeyIsNotMore() {
		assertThat(ClaimSize.share(1)).isEqualTo(WorkInvoker.MAX_LANE_ITEMS);
		assertThat(ClaimSize.share(16)).isEqualTo(31);
		assertThat(ClaimSize.share(500)).isEqualTo(2);
	}

}
