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
 * Whether one reader has to look at its log, so that no wake-up is lost and none costs
 * more than a look: a wake-up that comes while the reader looks, when its statement may
 * or may not have seen what the wake-up is about, makes it look again. Lock-free.
 * <p>
 * Methods that return {@code true} oblige the caller to queue the reader for a look; of
 * any number of callers exactly one is told to.
 */
final class FetchState {

	private enum State {

		/** Nothing to look for. */
		IDLE,

		/** Queued for a look that has not begun. */
		QUEUED,

		/** A look is under way. */
		LOOKING,

		/** A look is under way, and another one is due after it. */
		LOOKING_AGAIN,

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
			case LOOKING -> State.LOOKING_AGAIN;
			case QUEUED, LOOKING_AGAIN, FULL -> state;
		});
		return previous == State.IDLE;
	}

	/**
	 * Begin a look without a turn in the queue, if there is nothing to look for: what is
	 * found is at hand already.
	 */
	boolean tryBegin() {
		return this.state.compareAndSet(State.IDLE, State.LOOKING);
	}

	/**
	 * The queued look begins: what is woken for from now on needs another.
	 */
	void begin() {
		this.state.set(State.LOOKING);
	}

	/**
	 * The look is over.
	 * @param again whether it is known already that there is more
	 */
	boolean end(boolean again) {
		State previous = this.state
			.getAndUpdate((state) -> (again || state == State.LOOKING_AGAIN) ? State.QUEUED : State.IDLE);
		return again || previous == State.LOOKING_AGAIN;
	}

	/**
	 * The look is over, there may be more, and no room for it.
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

	boolean isIdle() {
		return this.state.get() == State.IDLE;
	}

	@Override
	public String toString() {
		return this.state.toString();
	}

}
