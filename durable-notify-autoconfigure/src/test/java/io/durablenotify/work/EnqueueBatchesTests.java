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

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link EnqueueBatches}.
 */
class EnqueueBatchesTests {

	private static NewItem item(String queue, @Nullable String key, boolean replacing, @Nullable String orderingKey) {
		return new NewItem(queue, key, replacing, orderingKey, null, Duration.ZERO, null, new byte[1]);
	}

	private static NewItem plain(String queue) {
		return item(queue, null, false, null);
	}

	private static NewItem keyed(String queue, String key) {
		return item(queue, key, false, null);
	}

	@Test
	void plainItemsOfAllQueuesComeFirstTogether() {
		assertThat(EnqueueBatches.of(List.of(keyed("a", "k"), plain("b"), plain("a")))).containsExactly(List.of(1, 2),
				List.of(0));
	}

	@Test
	void keysAreLockedInOneOrder() {
		assertThat(EnqueueBatches.of(List.of(keyed("b", "x"), keyed("b", "k"), item("a", null, false, "z"),
				item("a", null, false, "y"), keyed("a", "l"))))
			.containsExactly(List.of(4), List.of(3, 2), List.of(1, 0));
	}

	@Test
	void keysAreComparedAsTheServerDoes() {
		assertThat(EnqueueBatches.of(List.of(keyed("a", "\ud83d\ude00"), keyed("a", "\uff21"))))
			.containsExactly(List.of(1, 0));
	}

	@Test
	void aKeyComesOnceInABatchOfItsQueue() {
		assertThat(EnqueueBatches.of(List.of(keyed("a", "k"), keyed("a", "j"), keyed("a", "k"), keyed("a", "k"))))
			.containsExactly(List.of(1, 0), List.of(2), List.of(3));
	}

	@Test
	void anOrderingKeyComesAsOftenAsItHasItems() {
		NewItem item = item("a", null, false, "o");
		assertThat(EnqueueBatches.of(List.of(item, item, item))).containsExactly(List.of(0, 1, 2));
	}

	@Test
	void requestsThatReplaceAreApart() {
		assertThat(EnqueueBatches
			.of(List.of(item("a", "k", true, null), keyed("a", "j"), keyed("a", "l"), item("a", "m", true, null))))
			.containsExactly(List.of(1), List.of(0), List.of(2), List.of(3));
	}

	@Test
	void whatIsTooMuchForAStatementIsDivided() {
		assertThat(EnqueueBatches.of(IntStream.range(0, 12_000).mapToObj((i) -> plain("a")).toList()))
			.extracting(List::size)
			.containsExactly(5_000, 5_000, 2_000);
	}

}
