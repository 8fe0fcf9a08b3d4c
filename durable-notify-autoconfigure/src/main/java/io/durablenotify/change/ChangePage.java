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

package io.durablenotify.change;

import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * A page of changes, and whether the server has confirmed the watermark.
 *
 * @param startedAt which run of the server has answered
 * @param log the id of the row that says what was deleted, empty if that is gone
 * @param target the snapshot up to which changes were read
 * @param watermark the watermark now; without a last change if the target is not the
 * present
 * @param lost whether the last change of the watermark before is gone, and not because of
 * its age
 * @param expired whether changes after the position may have been deleted because of
 * their age
 * @param rows the changes, by transaction and id
 * @param end where the page was cut, or {@code null} if it reaches the target
 */
record ChangePage(String startedAt, String log, String target, Watermark watermark, boolean lost, boolean expired,
		List<ChangeRow> rows, @Nullable Place end) {

	/**
	 * Return whether a run of the server has answered, and no other.
	 */
	boolean isFrom(ServerRun server) {
		return this.startedAt.equals(server.startedAt()) && this.log.equals(server.log());
	}

	/**
	 * Return whether the watermark before still holds.
	 */
	boolean confirms(Watermark before) {
		return !this.lost && (before == Watermark.UNKNOWN || this.watermark.deleted() >= before.deleted());
	}

	/**
	 * The place of a change among all.
	 *
	 * @param xact the number of the transaction that committed it
	 * @param id its id
	 */
	record Place(long xact, long id) {
	}

}
