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

package io.durablenotify.benchmarks.harness;

import java.util.List;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Target}.
 */
class TargetTests {

	@Test
	void isMetByTheMedianRatio() {
		Spread ratio = Spread.of(List.of(0.5, 0.8, 2.0));
		assertThat(Target.atLeast(0.8).isMetBy(ratio, null)).isTrue();
		assertThat(Target.atLeast(0.81).isMetBy(ratio, null)).isFalse();
		assertThat(Target.atMost(0.79).isMetBy(ratio, null)).isFalse();
	}

	@Test
	void withABoundOfTheDifferenceIsMetByBoth() {
		Target target = Target.atMost(1.5).andAtMostMore(200);
		assertThat(target).hasToString("≤ 1.5, ≤ +200 µs");
		assertThat(target.isMetBy(Spread.of(List.of(1.5)), 200.0)).isTrue();
		assertThat(target.isMetBy(Spread.of(List.of(1.5)), 201.0)).isFalse();
		assertThat(target.isMetBy(Spread.of(List.of(1.6)), 100.0)).isFalse();
	}

}
