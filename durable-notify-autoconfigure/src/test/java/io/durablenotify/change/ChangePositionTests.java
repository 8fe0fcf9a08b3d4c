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

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ChangePosition}.
 */
class ChangePositionTests {

	private static final ServerRun BEFORE = new ServerRun(1, "00000001", "1", "a");

	private static final ServerRun AFTER = new ServerRun(1, "00000001", "2", "b");

	@ParameterizedTest
	@CsvSource(textBlock = """
			'5:20:7,12,15', 30, '5:20:7,12,15'
			'5:20:7,12,15', 12, '5:13:7,12'
			'5:20:7,12,15', 11, '5:12:7'
			'5:20:7,12,15', 3,  '4:4:'
			'20:20:',       10, '11:11:'
			""")
	void aCrashTakesAwayWhatIsNotKnownToBeOnDisk(String snapshot, long durable, String expected) {
		assertThat(ChangePosition.at(BEFORE, snapshot).afterCrash(AFTER, durable))
			.isEqualTo(ChangePosition.at(AFTER, expected));
		assertThat(new ChangePosition(BEFORE, "1:2:", snapshot, 2, 3).afterCrash(AFTER, durable))
			.isEqualTo(new ChangePosition(AFTER, "1:2:", expected, 2, 3));
	}

	@ParameterizedTest
	@CsvSource(textBlock = """
			'5:20:7,12,15', 13, '5:20:7,12,13,15'
			'5:20:7,12,15', 3,  '3:20:3,7,12,15'
			'5:20:7,12,15', 19, '5:20:7,12,15,19'
			'5:20:7,12,15', 20, '5:20:7,12,15'
			'5:20:7,12,15', 25, '5:20:7,12,15'
			'5:20:',        5,  '5:20:5'
			""")
	void whatATransactionPublishesItselfComesAfterItsPosition(String snapshot, long own, String expected) {
		assertThat(ChangePosition.at(BEFORE, snapshot).before(own)).isEqualTo(ChangePosition.at(BEFORE, expected));
	}

}
