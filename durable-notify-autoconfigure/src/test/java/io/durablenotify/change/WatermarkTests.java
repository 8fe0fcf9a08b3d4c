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

package io.durablenotify.change;

import java.time.Instant;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Watermark}.
 */
class WatermarkTests {

	@ParameterizedTest
	@CsvSource({ "8, 3, 12, 3, 12, 3", "8, 3, 8, 5, 8, 5", "8, 3, 7, 3, 8, 3", "8, 3, , 3, 8, 3", "8, 3, , 8, , 8",
			"8, 3, 7, 9, 7, 9", ", 3, , 2, , 3", ", 3, 5, 3, 5, 3" })
	void isTheLastChangeThatStillProvesSomething(@Nullable Long last, long deleted, @Nullable Long lastLater,
			long deletedLater, @Nullable Long expected, long expectedDeleted) {
		assertThat(watermark(last, deleted).and(watermark(lastLater, deletedLater)))
			.isEqualTo(watermark(expected, expectedDeleted));
	}

	@ParameterizedTest
	@CsvSource({ "8, 3, 8", "3, 8, 8", ", 3, 3" })
	void noNumberUpToItsLastOrDeletedOneIsAssignedAgain(@Nullable Long last, long deleted, long durable) {
		assertThat(watermark(last, deleted).durable()).isEqualTo(durable);
	}

	private static Watermark watermark(@Nullable Long last, long deleted) {
		return new Watermark((last != null) ? new ChangeIdentity(last, 1, Instant.EPOCH) : null, deleted);
	}

}
