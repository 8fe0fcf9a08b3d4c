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

package io.durablenotify.event;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;

import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.event.PostgresEventAppends.Found;
import io.durablenotify.event.PostgresEventAppends.Lookup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.Wakeups;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.util.unit.DataSize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link EventAppends} to a run that comes into being during the append.
 */
class EventAppendsTests {

	private final Connection connection = mock();

	private final PostgresEventAppends store = mock();

	private final EventAppends appends = new EventAppends(this.store, new PublishingWrites(mock(Wakeups.class)),
			new EventProperties(DataSize.ofBytes(1000), Duration.ofSeconds(10), List.of("run_completed"), null),
			new EventMeasures());

	@BeforeEach
	void storeAndFail() throws SQLException {
		given(this.store.appendOnly(any(), anyBoolean(), any(), any(), any(), any(), anyLong())).willAnswer((call) -> {
			UUID eventId = call.getArgument(5);
			return new Lookup(OptionalLong.empty(), null, null, new Found(eventId.toString(), 1, true));
		});
		given(this.store.find(any(), any())).willThrow(new SQLException("Failed by the test"));
	}

	@Test
	void anEventThatIsStoredDoesNotFailSinceNoReaderCanBeWoken() throws SQLException {
		given(this.connection.getAutoCommit()).willReturn(true);
		AppendResult result = append();
		assertThat(result.outcome()).isEqualTo(Outcome.APPENDED);
		assertThat(result.sequence()).isOne();
	}

	@Test
	void anEventThatIsNotCommittedFails() {
		assertThatExceptionOfType(SQLException.class).isThrownBy(this::append);
	}

	private AppendResult append() throws SQLException {
		return this.appends.append(this.connection, false, NewEvent.of("run", "type"), null, EventAppends.ANYWHERE);
	}

}
