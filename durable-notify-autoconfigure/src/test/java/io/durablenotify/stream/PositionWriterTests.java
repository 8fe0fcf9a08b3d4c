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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PositionWriter}.
 */
class PositionWriterTests {

	private static final int LOCKED = 1_500;

	private static final int FREE = 500;

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static Instance instance;

	@Fixture
	private static StreamReader reader;

	@Test
	void positionsThatAreLockedDoNotKeepOthersFromBeingStored() {
		StoredStreams.store(database, "locked/", LOCKED, 1, 1);
		StoredStreams.store(database, "free/", FREE, 1, 1);
		Blocked locked = new Blocked();
		Blocked free = new Blocked();
		reader.prefixConsumer("locked/", "locked").subscribe(locked);
		reader.prefixConsumer("free/", "free").subscribe(free);
		Eventually.await(() -> positions("locked", 0) == LOCKED && positions("free", 0) == FREE,
				() -> positions("locked", 0) + " and " + positions("free", 0));
		instance.transaction().executeWithoutResult((status) -> {
			instance.jdbc()
				.queryForList("SELECT 1 FROM durable_notify.stream_consumers WHERE name = 'locked' FOR UPDATE");
			locked.release.countDown();
			Eventually.await(() -> locked.handled.get() == LOCKED, locked.handled::toString);
			free.release.countDown();
			Eventually.await(() -> positions("free", 1) == FREE, () -> positions("free", 1));
			assertThat(positions("locked", 0)).isEqualTo(LOCKED);
		});
		Eventually.await(() -> positions("locked", 1) == LOCKED, () -> positions("locked", 1));
	}

	private static int positions(String consumer, int next) {
		return instance.jdbc()
			.queryForObject(
					"SELECT count(*) FROM durable_notify.stream_consumer_positions JOIN durable_notify.stream_consumers "
							+ "USING (consumer_id) WHERE name = ? AND next_index = ?",
					Integer.class, consumer, next);
	}

	private static final class Blocked implements ConsumerHandler {

		private final CountDownLatch release = new CountDownLatch(1);

		private final AtomicInteger handled = new AtomicInteger();

		@Override
		public void onChunk(ConsumedChunk chunk) throws Exception {
			this.release.await();
			this.handled.incrementAndGet();
		}

	}

}
