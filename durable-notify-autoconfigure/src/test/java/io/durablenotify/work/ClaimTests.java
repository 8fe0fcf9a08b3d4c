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

import java.util.List;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ClaimSql}: what is claimed, in which order, and by whom.
 */
class ClaimTests {

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	private WorkTables work;

	@BeforeEach
	void open() {
		this.work = WorkTables.open(database);
	}

	@AfterEach
	void close() {
		this.work.close();
	}

	@Test
	void itemsAreClaimedInTheOrderOfTheirDueTimesAndThenOfTheList() {
		int queue = this.work.queue("order");
		this.work.insert("order", "a", "b", "c");
		this.work.insert("order", "d");
		Claimed first = this.work.claim(queue, 3);
		assertThat(WorkTables.texts(first)).containsExactly("a", "b", "c");
		assertThat(first.more()).isTrue();
		Claimed second = this.work.claim(queue, 3);
		assertThat(WorkTables.texts(second)).containsExactly("d");
		assertThat(second.more()).isFalse();
		assertThat(second.claim().claimId()).isGreaterThan(first.claim().claimId());
		assertThat(this.work.claim(queue, 3).claim()).isNull();
		assertThat(this.work.complete(first)).hasSize(3);
		assertThat(this.work.complete(second)).hasSize(1);
		List<Claim> left = this.work
			.run((connection, joined) -> this.work.claims().claims(connection, this.work.instanceId()));
		assertThat(left).isEmpty();
	}

}
