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
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link WorkMeasures}.
 */
class WorkMeasuresTests {

	@Test
	void queuesThatAreTooManyAreOther() {
		WorkMeasures measures = WorkMeasures.create(Duration.ZERO);
		List<String> labels = new ArrayList<>();
		measures.queues().forEach((label, queue) -> labels.add(label));
		assertThat(labels).containsExactlyInAnyOrder("other", "workflow", "timer", "channel", "outbox");
		for (int i = 0; i < 150; i++) {
			measures.of("queue-" + i);
		}
		assertThat(labels).hasSizeLessThanOrEqualTo(101).contains("queue-0");
		assertThat(measures.knownLabel("queue-149")).isEqualTo("other");
		assertThat(measures.of("queue-149")).isSameAs(measures.of("queue-148"));
	}

}
