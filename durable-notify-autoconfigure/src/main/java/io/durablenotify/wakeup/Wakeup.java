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

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

/**
 * A hint that new rows may exist for an id. It may be lost, late, duplicated or spurious;
 * correctness never depends on it.
 *
 * @param id what moved
 * @param position up to where at least, so that a receiver that is there already need not
 * fetch
 * @param ended whether it ended, so that every receiver fetches
 * @param deleted whether it was deleted, so that every receiver fetches
 * @param createdName its name if it is new, for readers that wait for that name
 */
public record Wakeup(long id, long position, boolean ended, boolean deleted, @Nullable String createdName) {

	/**
	 * Something moved.
	 * @param id what moved
	 * @param position up to where at least
	 * @return the wake-up
	 */
	public static Wakeup moved(long id, long position) {
		return new Wakeup(id, position, false, false, null);
	}

	/**
	 * Something ended.
	 * @param id what ended
	 * @return the wake-up
	 */
	public static Wakeup ended(long id) {
		return new Wakeup(id, 0, true, false, null);
	}

	/**
	 * Something was deleted.
	 * @param id what was deleted
	 * @return the wake-up
	 */
	public static Wakeup deleted(long id) {
		return new Wakeup(id, 0, false, true, null);
	}

	/**
	 * Add that it was created.
	 * @param name its name, as {@link Texts#isName} allows
	 * @return a wake-up that says that too
	 */
	public Wakeup created(String name) {
		return new Wakeup(this.id, this.position, this.ended, this.deleted, name);
	}

	/**
	 * Return whether a receiver has to fetch, however far it is.
	 * @return whether this says more than a position
	 */
	public boolean isUnconditional() {
		return this.ended || this.deleted || this.createdName != null;
	}

	/**
	 * Join two wake-ups of one id into one that says what both say.
	 */
	Wakeup merge(Wakeup other) {
		return new Wakeup(this.id, Math.max(this.position, other.position), this.ended || other.ended,
				this.deleted || other.deleted, (this.createdName != null) ? this.createdName : other.createdName);
	}

}
