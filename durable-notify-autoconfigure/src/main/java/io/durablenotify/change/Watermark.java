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

import org.jspecify.annotations.Nullable;

/**
 * A bound up to which the server assigns no transaction number again, with its proof.
 *
 * @param last the visible change with the highest transaction, of any topic, or
 * {@code null} if there is none. While it exists, its number and all lower ones are not
 * assigned again
 * @param deleted up to which transaction changes may have been deleted because of their
 * age, or 0
 */
record Watermark(@Nullable ChangeIdentity last, long deleted) {

	/**
	 * For a position of which nothing else is known: it is not checked.
	 */
	static final Watermark UNKNOWN = new Watermark(null, Long.MAX_VALUE - 1);

	/**
	 * Return the bound. No change that was read has a higher transaction.
	 */
	long durable() {
		return (this.last != null) ? Math.max(this.last.xact(), this.deleted) : this.deleted;
	}

	/**
	 * Return the watermark after a later one was read.
	 */
	Watermark and(Watermark later) {
		long deleted = Math.max(this.deleted, later.deleted);
		ChangeIdentity last = this.last;
		// One that may have been deleted because of its age proves nothing any more
		boolean replaced = last == null || last.xact() <= deleted
				|| later.last != null && later.last.xact() >= last.xact();
		return new Watermark((replaced) ? later.last : last, deleted);
	}

}
