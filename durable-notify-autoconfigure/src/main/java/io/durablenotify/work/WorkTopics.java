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

import io.durablenotify.wakeup.Wakeup;
import org.jspecify.annotations.Nullable;

/**
 * The topics of work's wake-ups.
 */
final class WorkTopics {

	/**
	 * A queue has an item. The wake-up has the queue's id, and the negative due time as
	 * its position, so that the earliest of several is kept.
	 */
	static final String QUEUES = "work";

	/**
	 * An item that was claimed was cancelled. The wake-up has the item's id.
	 */
	static final String CANCELLED = "work-cancel";

	/**
	 * An item that was claimed was set to a later time. The wake-up has the item's id. A
	 * topic of its own, which instances of versions before do not take for a
	 * cancellation.
	 */
	static final String MOVED = "work-move";

	private WorkTopics() {
	}

	/**
	 * Return the wake-up for an item.
	 * @param queueId the queue
	 * @param dueMicros when the item is due, by the database's clock
	 */
	static Wakeup due(int queueId, long dueMicros) {
		return Wakeup.moved(queueId, -dueMicros);
	}

	/**
	 * Return the wake-up for a queue that was paused, resumed or limited, which is for
	 * all instances.
	 */
	static Wakeup changed(int queueId, long nowMicros) {
		return new Wakeup(queueId, -nowMicros, true, false, null);
	}

	/**
	 * Return whether a queue was paused, resumed or limited.
	 */
	static boolean isChanged(Wakeup wakeup) {
		return wakeup.ended();
	}

	/**
	 * Return when the item of a wake-up is due.
	 */
	static long dueMicros(Wakeup wakeup) {
		return -wakeup.position();
	}

	/**
	 * Return the wake-up for an item that was cancelled.
	 */
	static Wakeup cancelled(long itemId) {
		return Wakeup.deleted(itemId);
	}

	/**
	 * Return the wake-up for an item that was set to a later time.
	 */
	static Wakeup moved(long itemId) {
		return Wakeup.moved(itemId, 0);
	}

	/**
	 * Return the wake-up for what is due again: an item, or an ordering key one of whose
	 * items is dead.
	 */
	static @Nullable Wakeup wakeup(Returned returned) {
		return (returned.dueMicros() != DatabaseMicros.NEVER) ? due(returned.queueId(), returned.dueMicros()) : null;
	}

}
