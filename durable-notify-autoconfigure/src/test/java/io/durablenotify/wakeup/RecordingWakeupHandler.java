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

package io.durablenotify.wakeup;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import io.durablenotify.testsupport.Eventually;

/**
 * Keeps the wake-ups of a topic.
 */
class RecordingWakeupHandler implements WakeupHandler {

	private final List<Wakeup> wakeups = Collections.synchronizedList(new ArrayList<>());

	private final AtomicInteger resyncs = new AtomicInteger();

	@Override
	public void onWakeup(Wakeup wakeup) {
		this.wakeups.add(wakeup);
	}

	@Override
	public void onResync() {
		this.resyncs.incrementAndGet();
	}

	List<Wakeup> wakeups() {
		synchronized (this.wakeups) {
			return List.copyOf(this.wakeups);
		}
	}

	int resyncs() {
		return this.resyncs.get();
	}

	void await(Wakeup wakeup) {
		Eventually.await(() -> this.wakeups.contains(wakeup), this::toString);
	}

	void awaitResyncs(int count) {
		Eventually.await(() -> this.resyncs.get() >= count, this::toString);
	}

	@Override
	public String toString() {
		return wakeups() + " and " + this.resyncs + " resyncs";
	}

}
