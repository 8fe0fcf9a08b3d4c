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

import java.util.Set;

import io.durablenotify.log.NumberedLogs.Entry;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link LogChecks}.
 */
class LogChecksTests {

	private final LogRegistry<Entry> registry = mock();

	private final LogChecks<Entry> checks = new LogChecks<>(NumberedLogs.KIND, mock(), mock(), this.registry,
			(reader) -> false);

	@Test
	void aNameIsCheckedThatIsRequestedWhileNoReaderWaitsForItAnyMore() {
		Set<String> names = mock();
		given(this.registry.names()).willReturn(names);
		given(names.contains("name")).willAnswer((call) -> {
			// The next reader comes when this was found out
			this.checks.requestName("name");
			return false;
		});
		this.checks.requestName("name");
		this.checks.check();
		assertThat(this.checks.isPending()).isTrue();
	}

	@Test
	void aNameIsForgottenThatNoReaderWaitsFor() {
		given(this.registry.names()).willReturn(Set.of());
		this.checks.requestName("name");
		this.checks.check();
		assertThat(this.checks.isPending()).isFalse();
	}

}
