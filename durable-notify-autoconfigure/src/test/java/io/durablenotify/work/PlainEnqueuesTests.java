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
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link PlainEnqueues} without a server.
 */
class PlainEnqueuesTests {

	private final WorkWrites writes = mock(WorkWrites.class);

	@Test
	void aBatchWhoseOutcomesCannotBeToldIsStoredOnce() {
		List<NewItem> stored = Collections.synchronizedList(new ArrayList<>());
		given(this.writes.storePlain(any())).willAnswer((call) -> {
			List<NewItem> items = call.getArgument(0);
			stored.addAll(items);
			return items.stream()
				.map((item) -> (item.queue().equals("missing")) ? null : new StoredItem(1, 1, false, 0))
				.collect(ArrayList::new, ArrayList::add, ArrayList::addAll);
		});
		AtomicInteger told = new AtomicInteger();
		List<PendingEnqueue> missing = Collections.synchronizedList(new ArrayList<>());
		try (PlainEnqueues enqueues = new PlainEnqueues(this.writes, 10, (completed) -> {
			if (told.incrementAndGet() == 1) {
				throw new OutOfMemoryError("expected");
			}
		}, missing::add)) {
			enqueues.offer(pending("queue"));
			enqueues.offer(pending("missing"));
			Eventually.await(() -> told.get() > 1 && missing.size() > 0 && enqueues.size() == 0, told::toString);
		}
		assertThat(stored).extracting(NewItem::queue).containsExactly("queue", "missing");
		assertThat(missing).hasSize(1);
	}

	private static PendingEnqueue pending(String queue) {
		return new PendingEnqueue(new NewItem(queue, null, false, null, null, Duration.ZERO, null, new byte[0]),
				new CompletableFuture<>());
	}

}
