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

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

/**
 * Tracks whether a reader needs a fetch. A wake-up during a fetch, whose statement may
 * have missed the new rows, schedules exactly one more. Lock-free.
 * <p>
 * Methods that return {@code true} oblige the caller to queue the reader for a fetch. Of
 * any number of callers exactly one gets {@code true}.
 */
final class FetchState {

	private enum State {

		/** Nothing to fetch. */
		IDLE,

		/** Queued for a fetch that has not begun. */
		QUEUED,

		/** A fetch is under way. */
		FETCHING,

		/** A fetch is under way, and another one is due after it. */
		FETCHING_AGAIN,

		/** There is more, and no room for it. */
		FULL

	}

	private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);

	/**
	 * Something may have moved.
	 */
	boolean wake() {
		State previous = this.state.getAndUpdate((state) -> switch (state) {
			case IDLE -> State.QUEUED;
			case FETCHING -> State.FETCHING_AGAIN;
			case QUEUED, FETCHING_AGAIN, FULL -> state;
		});
		return previous == State.IDLE;
	}

	/**
	 * Begin a fetch outside the queue, if the reader is idle: the entries are at hand
	 * already.
	 */
	boolean tryBegin() {
		return this.state.compareAndSet(State.IDLE, State.FETCHING);
	}

	/**
	 * The queued fetch begins: a wake-up from now on needs another.
	 */
	void begin() {
		this.state.set(State.FETCHING);
	}

	/**
	 * The fetch is over.
	 * @param again whether it is known already that there is more
	 */
	boolean end(boolean again) {
		State previous = this.state
			.getAndUpdate((state) -> (again || state == State.FETCHING_AGAIN) ? State.QUEUED : State.IDLE);
		return again || previous == State.FETCHING_AGAIN;
	}

	/**
	 * The fetch is over, there may be more, and no room for it.
	 * @param hasRoom asked once more, since room that was made before this state could be
	 * seen was made for nothing
	 */
	boolean full(BooleanSupplier hasRoom) {
		this.state.set(State.FULL);
		return hasRoom.getAsBoolean() && room();
	}

	/**
	 * There is room again.
	 */
	boolean room() {
		return this.state.compareAndSet(State.FULL, State.QUEUED);
	}

	boolean isFull() {
		return this.state.get() == State.FULL;
	}

	boolean isIdle() {
		return this.state.get() == State.IDLE;
	}

	@Override
	public String toString() {
		return this.state.toString();
	}

}
