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

import io.durablenotify.work.HeldItem.Completion;
import io.durablenotify.work.SettleSql.Lane;
import io.durablenotify.work.Settlement.Complete;
import io.durablenotify.work.Settlement.ReleaseLane;
import org.jspecify.annotations.Nullable;

/**
 * A settlement that is to be written. Accessed by the thread that writes it.
 */
final class SettlementEntry {

	private final Settlement settlement;

	private final @Nullable Runnable whenOver;

	/**
	 * How long to pause if it is locked, in milliseconds.
	 */
	private final long pause;

	private boolean over;

	/**
	 * Whether another entry has taken its place.
	 */
	private boolean moved;

	/**
	 * Whether the answer was lost of a statement that may have written it.
	 */
	private boolean inDoubt;

	/**
	 * Whether it was refused while others could be written.
	 */
	private boolean refused;

	/**
	 * Create a new instance.
	 * @param settlement what is to be written
	 * @param whenOver runs once it is, or is given up
	 */
	SettlementEntry(Settlement settlement, @Nullable Runnable whenOver) {
		this(settlement, whenOver, 0);
	}

	private SettlementEntry(Settlement settlement, @Nullable Runnable whenOver, long pause) {
		this.settlement = settlement;
		this.whenOver = whenOver;
		this.pause = pause;
	}

	/**
	 * Return the entry that takes the place of this one, with another settlement.
	 */
	SettlementEntry replacedBy(Settlement settlement) {
		this.moved = true;
		return new SettlementEntry(settlement, this.whenOver, 0);
	}

	/**
	 * Return the entry that takes the place of this one, to be written later.
	 * @param pause how long it pauses if it is locked then
	 */
	SettlementEntry repeated(long pause) {
		this.moved = true;
		SettlementEntry next = new SettlementEntry(this.settlement, this.whenOver, pause);
		next.inDoubt = this.inDoubt;
		next.refused = this.refused;
		return next;
	}

	Settlement settlement() {
		return this.settlement;
	}

	long pause() {
		return this.pause;
	}

	/**
	 * Return whether nothing is left to write of it.
	 */
	boolean isOver() {
		return this.over || this.moved;
	}

	void over() {
		this.over = true;
	}

	void runWhenOver() {
		if (this.whenOver != null) {
			this.whenOver.run();
		}
	}

	void inDoubt() {
		this.inDoubt = true;
	}

	void refused() {
		this.refused = true;
	}

	boolean isRefused() {
		return this.refused;
	}

	/**
	 * Return whether it was refused since it is stored: it was written before, or a
	 * transaction of the handler has committed, and the answer was lost.
	 */
	boolean isStoredAlready(HeldItem item) {
		return (this.inDoubt || item.completion() == Completion.UNKNOWN) && !item.cancelRequested();
	}

	boolean isComplete() {
		return this.settlement instanceof Complete;
	}

	boolean isSettledLane() {
		return this.settlement instanceof ReleaseLane release && release.visit().isSettled()
				&& release.visit().refused() == null;
	}

	Done done() {
		return ((Complete) this.settlement).item().done();
	}

	Lane lane() {
		ReleaseLane release = (ReleaseLane) this.settlement;
		return new Lane(release.claim().claim(), release.lane().itemId(), release.lane().token());
	}

}
