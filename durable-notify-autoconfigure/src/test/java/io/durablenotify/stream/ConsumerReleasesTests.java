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
package io.durablenotify.stream;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SessionWork;
import io.durablenotify.stream.ConsumerSql.Held;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import org.springframework.dao.CannotAcquireLockException;
import org.springframework.dao.DataAccessResourceFailureException;

import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.clearInvocations;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.verify;

/**
 * Tests for {@link ConsumerReleases}.
 */
class ConsumerReleasesTests {

	private static final Held FIRST = new Held(1, 1);

	private static final Held SECOND = new Held(2, 2);

	private final ApplicationDatabase database = mock();

	private final ConsumerSql sql = mock();

	private final ConsumerReleases releases = new ConsumerReleases(this.database, this.sql, mock(), mock());

	@BeforeEach
	void runStatements() {
		given(this.database.executeSeparately(any(), any(), any())).willAnswer((invocation) -> {
			SessionWork<?> work = invocation.getArgument(2);
			return work.run(mock(Connection.class), false);
		});
	}

	@AfterEach
	void stop() {
		this.releases.stop(Duration.ZERO);
	}

	@Test
	void aConsumerThatIsLockedDoesNotKeepOthersFromBeingGivenUp() throws Exception {
		CannotAcquireLockException locked = new CannotAcquireLockException("locked", new SQLException(null, "55P03"));
		given(this.sql.release(any(), eq(FIRST), any())).willThrow(locked);
		given(this.sql.release(any(), eq(SECOND), any())).willThrow(locked).willReturn(true);
		this.releases.release(FIRST, List.of());
		this.releases.release(SECOND, List.of());
		verify(this.sql, timeout(Eventually.TIMEOUT.toMillis()).atLeast(2)).release(any(), eq(SECOND), any());
	}

	@Test
	void aConsumerIsGivenUpAfterAnError() throws Exception {
		given(this.sql.release(any(), eq(FIRST), any())).willThrow(new StackOverflowError("once")).willReturn(true);
		this.releases.release(FIRST, List.of());
		verify(this.sql, timeout(Eventually.TIMEOUT.toMillis()).times(2)).release(any(), eq(FIRST), any());
	}

	@Test
	void whatIsLeftAtAStopIsGivenUpAfterTheNextStart() throws Exception {
		given(this.sql.release(any(), eq(FIRST), any()))
			.willThrow(new DataAccessResourceFailureException("no connection"));
		this.releases.release(FIRST, List.of());
		this.releases.stop(Eventually.TIMEOUT);
		clearInvocations(this.sql);
		this.releases.start();
		verify(this.sql, timeout(Eventually.TIMEOUT.toMillis()).atLeastOnce()).release(any(), eq(FIRST), any());
	}

}
