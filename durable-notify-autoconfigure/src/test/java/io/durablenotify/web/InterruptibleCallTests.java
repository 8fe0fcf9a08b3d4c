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

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

@Timeout(30)
class InterruptibleCallTests {

	private final InterruptibleCall call = new InterruptibleCall();

	@Test
	void aCallIsInterruptedAndNothingIsLeftOfThat() throws InterruptedException {
		CountDownLatch begun = new CountDownLatch(1);
		AtomicBoolean interrupted = new AtomicBoolean();
		AtomicBoolean left = new AtomicBoolean(true);
		Thread caller = new Thread(() -> {
			this.call.begin();
			begun.countDown();
			while (!Thread.currentThread().isInterrupted()) {
				LockSupport.park();
			}
			interrupted.set(true);
			this.call.end();
			left.set(Thread.currentThread().isInterrupted());
		});
		caller.start();
		begun.await();
		this.call.interrupt();
		caller.join();
		assertThat(interrupted).isTrue();
		assertThat(left).isFalse();
	}

	@Test
	void noThreadIsInterruptedThatIsInNoCall() {
		this.call.interrupt();
		this.call.begin();
		this.call.end();
		this.call.interrupt();
		assertThat(Thread.interrupted()).isFalse();
	}

	@Test
	void anInterruptByAnotherIsKept() {
		this.call.begin();
		Thread.currentThread().interrupt();
		this.call.end();
		assertThat(Thread.interrupted()).isTrue();
	}

}
