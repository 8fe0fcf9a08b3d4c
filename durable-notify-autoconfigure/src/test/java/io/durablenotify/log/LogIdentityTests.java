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

import java.time.Instant;
import java.util.Set;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link LogIdentity}.
 */
class LogIdentityTests {

	private static final Instant CREATED = Instant.parse("2026-11-29T10:15:30.123456Z");

	@Test
	void theTextHasTheIdAndTheCreationToTheMicrosecond() {
		String text = new LogIdentity(71, CREATED).text();
		assertThat(text).isEqualTo("1z-holytadayo");
		Set<String> others = Set.of(new LogIdentity(72, CREATED).text(),
				new LogIdentity(71, CREATED.plusNanos(1000)).text(), new LogIdentity(71, Instant.EPOCH).text());
		assertThat(others).hasSize(3).doesNotContain(text);
	}

}
