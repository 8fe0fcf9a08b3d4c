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

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

import io.durablenotify.instance.Lease;
import io.durablenotify.stream.ConsumerPositionSql.Stored;
import io.durablenotify.stream.ConsumerSql.Held;
import io.durablenotify.testsupport.Background;
import io.durablenotify.testsupport.Eventually;
import org.junit.jupiter.api.Test;

import static org.mockito.BDDMockito.given;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ConsumerRun}.
 */
class ConsumerRunTests {

	@Test
	@SuppressWarnings("serial")
	void aMessageToATurnThatFailsComesToTheNext() {
		OpenConsumers consumers = mock();
		given(consumers.isOpen()).willReturn(true);
		ConsumerRun run = new ConsumerRun(mock(ConsumerSpec.class), mock(), consumers, mock(), Background::run);
		AtomicInteger opened = new AtomicInteger();
		List<Stored> positions = new ArrayList<>() {

			@Override
			public void forEach(Consumer<? super Stored> action) {
				if (opened.incrementAndGet() == 1) {
					throw new OutOfMemoryError("once");
				}
			}

		};
		Lease lease = mock();
		given(lease.isHeld()).willReturn(true);
		run.own(new ConsumerOwner(new Held(1, 1), lease), positions);
		Eventually.await(() -> opened.get() == 2, opened::get);
	}

}
