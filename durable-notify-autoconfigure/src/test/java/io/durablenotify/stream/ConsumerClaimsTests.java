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

import java.time.Duration;
import java.util.List;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.instance.Instances;
import io.durablenotify.instance.Lease;
import io.durablenotify.stream.ConsumerSql.Held;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

/**
 * Tests for {@link ConsumerClaims}.
 */
class ConsumerClaimsTests {

	@Test
	void whatOthersHaveDoneIsNoticedWhileAnotherConsumerWaitsForTheLease() {
		ApplicationDatabase database = mock();
		Instances instances = mock();
		Lease lease = mock();
		given(instances.lease(any())).willReturn(lease);
		ConsumerRun unowned = mock();
		given(unowned.isToBeClaimed()).willReturn(true);
		ConsumerRun owned = mock();
		Held held = new Held(1, 1);
		given(owned.isOwned()).willReturn(true);
		given(owned.held()).willReturn(held);
		given(database.executeSeparately(eq("check consumers of streams"), any(), any())).willReturn(List.of(held));
		ConsumerClaims claims = new ConsumerClaims(database, mock(), mock(), instances, Duration.ofSeconds(30));
		assertThat(claims.run(List.of(unowned, owned), true).due()).isTrue();
		verify(owned).lost(held);
		verify(database, never()).executeSeparately(eq("claim consumers of streams"), any(), any());
	}

}
