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

package io.durablenotify.web;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

@Timeout(30)
class SignalsTests {

	@Test
	void theTaskRunsOnTheThreadThatSignals() {
		List<Thread> threads = new ArrayList<>();
		Signals signals = new Signals(() -> threads.add(Thread.currentThread()));
		signals.signal();
		signals.signal();
		assertThat(threads).containsExactly(Thread.currentThread(), Thread.currentThread());
	}

	@Test
	void signalsThatComeDuringARunAreServedTogetherByTheNext() {
		AtomicInteger runs = new AtomicInteger();
		Signals[] signals = new Signals[1];
		signals[0] = new Signals(() -> {
			int run = runs.incrementAndGet();
			if (run == 1) {
				signals[0].signal();
				signals[0].signal();
				signals[0].signal();
			}
			assertThat(runs).as("runs within a run").hasValue(run);
		});
		signals[0].signal();
		assertThat(runs).hasValue(2);
	}

	@Test
	void noSignalIsLostAndNoTwoRunsAreBesideEachOther() throws InterruptedException {
		int perThread = 100_000;
		AtomicInteger asked = new AtomicInteger();
		AtomicInteger served = new AtomicInteger();
		AtomicInteger running = new AtomicInteger();
		AtomicInteger besideEachOther = new AtomicInteger();
		Signals signals = new Signals(() -> {
			if (running.incrementAndGet() > 1) {
				besideEachOther.incrementAndGet();
			}
			served.set(asked.get());
			running.decrementAndGet();
		});
		CountDownLatch start = new CountDownLatch(1);
		List<Thread> threads = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			Thread thread = new Thread(() -> {
				try {
					start.await();
				}
				catch (InterruptedException ex) {
					return;
				}
				for (int j = 0; j < perThread; j++) {
					asked.incrementAndGet();
					signals.signal();
				}
			});
			thread.start();
			threads.add(thread);
		}
		start.countDown();
		for (Thread thread : threads) {
			thread.join();
		}
		assertThat(served).hasValue(2 * perThread);
		assertThat(besideEachOther).hasValue(0);
	}

}
