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

package io.durablenotify.log;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Validate;
import org.junit.jupiter.api.Test;

import org.springframework.util.ClassUtils;

/**
 * Tests {@link FetchState} in the orders in which its callers may come: a writer that
 * wakes, or hands over, the fetching thread, and the consumer that makes room. In each
 * order, the reader is queued once at most, and when all is over nothing that was written
 * is left.
 */
class FetchStateConcurrencyTests {

	/**
	 * The model checker tries interleavings one by one, which suffices: all state of the
	 * machine is one atomic reference, so that there is nothing to reorder.
	 */
	@Test
	void noWakeupIsLostInAnyInterleaving() {
		new ModelCheckingOptions().iterations(0)
			.invocationsPerIteration(1_000)
			// A wake-up for a reader that fetches
			.addCustomScenario(after("take").beside("fetch").beside("write").scenario())
			// Room that is made for a reader that is full, or about to be
			.addCustomScenario(after().beside("fetch").beside("take").beside("write").scenario())
			// More to fetch than there was room for, and room made in between
			.addCustomScenario(after("take", "write").beside("fetch").beside("take").scenario())
			// Wake-ups for a reader that is idle
			.addCustomScenario(
					after("take", "fetch", "take").beside("write").beside("write").beside("fetch").scenario())
			// Chunks at hand for a reader that is idle, or about to be
			.addCustomScenario(after("take", "fetch", "take").beside("writeAndHandOver")
				.beside("writeAndHandOver")
				.beside("take")
				.scenario())
			.addCustomScenario(after("take").beside("fetch").beside("writeAndHandOver").beside("write").scenario())
			.addCustomScenario(after("take", "fetch", "take").beside("writeAndHandOver")
				.beside("write")
				.beside("fetch")
				.scenario())
			// All of it
			.addCustomScenario(after("take").beside("fetch", "fetch")
				.beside("write", "writeAndHandOver")
				.beside("take", "take")
				.scenario())
			.check(OneReader.class);
	}

	private static Calls after(String... methods) {
		return new Calls(actors(methods), List.of());
	}

	private static List<Actor> actors(String... methods) {
		return Arrays.stream(methods).map(FetchStateConcurrencyTests::actor).toList();
	}

	private static Actor actor(String method) {
		return new Actor(ClassUtils.getMethod(OneReader.class, method), List.of());
	}

	/**
	 * What is called before, and what by each of some threads at the same time.
	 */
	private record Calls(List<Actor> before, List<List<Actor>> beside) {

		Calls beside(String... methods) {
			return new Calls(this.before, Stream.concat(this.beside.stream(), Stream.of(actors(methods))).toList());
		}

		ExecutionScenario scenario() {
			return new ExecutionScenario(this.before, this.beside, List.of(), actor("nothingIsLeftBehind"));
		}

	}

	/**
	 * One reader with room for one chunk, as {@link LogFetcher} and
	 * {@link LogSubscription} treat it. It begins with its hands full: one chunk that was
	 * not taken yet, and queued for the fetch of another.
	 */
	public static class OneReader {

		private final FetchState state = new FetchState();

		private final AtomicInteger queued = new AtomicInteger();

		private final AtomicInteger written = new AtomicInteger(1);

		private final AtomicInteger buffered = new AtomicInteger(1);

		/**
		 * Owned by the fetching thread.
		 */
		private final AtomicInteger fetched = new AtomicInteger(1);

		public OneReader() {
			write();
		}

		@Operation
		public void write() {
			this.written.incrementAndGet();
			wake();
		}

		/**
		 * A write of this instance, whose chunk is at hand.
		 */
		@Operation
		public void writeAndHandOver() {
			int index = this.written.incrementAndGet();
			if (this.state.tryBegin() && this.state.end(!acceptNext(index))) {
				enqueue();
			}
			if (this.fetched.get() < index) {
				wake();
			}
		}

		private boolean acceptNext(int index) {
			if (this.fetched.get() != index - 1 || !hasRoom()) {
				return false;
			}
			this.fetched.set(index);
			this.buffered.incrementAndGet();
			return true;
		}

		/**
		 * A wake-up about nothing new.
		 */
		@Operation
		public void wake() {
			if (this.state.wake()) {
				enqueue();
			}
		}

		@Operation(nonParallelGroup = "fetching thread")
		public void fetch() {
			if (this.queued.get() == 0) {
				return;
			}
			this.queued.decrementAndGet();
			this.state.begin();
			if (!hasRoom()) {
				waitForRoom();
				return;
			}
			int found = this.written.get();
			int next = this.fetched.get();
			if (next < found) {
				// Not incremented: a second fetching thread must show
				this.fetched.set(++next);
				this.buffered.incrementAndGet();
			}
			boolean more = next < found;
			if (more && !hasRoom()) {
				waitForRoom();
			}
			else if (this.state.end(more)) {
				enqueue();
			}
		}

		private void waitForRoom() {
			if (this.state.full(this::hasRoom)) {
				enqueue();
			}
		}

		@Operation(nonParallelGroup = "consumer")
		public void take() {
			if (this.buffered.get() == 0) {
				return;
			}
			this.buffered.decrementAndGet();
			if (hasRoom() && this.state.room()) {
				enqueue();
			}
		}

		private boolean hasRoom() {
			return this.buffered.get() == 0;
		}

		/**
		 * Fails the operation: no sequence of them, one after the other, does.
		 */
		private void enqueue() {
			if (this.queued.getAndIncrement() != 0) {
				throw new IllegalStateException("Queued twice");
			}
		}

		/**
		 * What is queued and buffered when all calls have returned suffices to get the
		 * rest.
		 */
		@Validate
		public void nothingIsLeftBehind() {
			while (this.queued.get() > 0 || this.buffered.get() > 0) {
				fetch();
				take();
			}
			if (this.fetched.get() != this.written.get()) {
				throw new IllegalStateException(
						"%d of %d were fetched, %s".formatted(this.fetched.get(), this.written.get(), this.state));
			}
		}

	}

}
