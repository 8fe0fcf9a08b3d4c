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

import io.durablenotify.log.LogStore.Head;
import org.jspecify.annotations.Nullable;

/**
 * The position at which a reader begins.
 *
 * @param fromEnd whether the log has to be asked for the index
 * @param value the index of the first entry; from the end, how many entries before it
 * @param identity the identity of the only log that may be read, whose entries before the
 * index are known to the caller, or {@code null} for any log of the name
 */
public record Start(boolean fromEnd, long value, @Nullable String identity) {

	/**
	 * Begin with an entry, which may be one to wait for.
	 * @param index the entry's index
	 * @return the start
	 */
	public static Start at(long index) {
		return new Start(false, index, null);
	}

	/**
	 * Begin so many entries before the end.
	 * @param count the number of entries
	 * @return the start
	 */
	public static Start last(long count) {
		return new Start(true, count, null);
	}

	/**
	 * Begin with the first entry that is left.
	 * @return the start
	 */
	public static Start earliest() {
		return last(Long.MAX_VALUE);
	}

	/**
	 * Begin there, in one log only.
	 * @param identity the log's identity, or {@code null} for any log of the name
	 * @return the start
	 */
	public Start in(@Nullable String identity) {
		return new Start(this.fromEnd, this.value, identity);
	}

	/**
	 * Return what is wrong with a log of the name.
	 * @param head the log's head
	 * @param kind what messages call the log
	 * @return what was found in place of the entry to begin with, or {@code null} if this
	 * is the log, and has all entries before that one
	 */
	public @Nullable String contradiction(Head head, LogKind kind) {
		if (this.identity == null) {
			return null;
		}
		if (!this.identity.equals(head.identity().text())) {
			return kind.replaced();
		}
		return (!this.fromEnd && this.value > head.nextIndex()) ? kind.endsAt(head.nextIndex()) : null;
	}

	/**
	 * Return the index of the first entry to read.
	 * @param asked what the log was asked for, if this is from its end
	 * @return the index
	 */
	public long resolve(long asked) {
		return (this.fromEnd) ? asked : this.value;
	}

	@Override
	public String toString() {
		String position = (this.fromEnd && this.value == Long.MAX_VALUE) ? "earliest()"
				: "%s(%d)".formatted((this.fromEnd) ? "last" : "at", this.value);
		return (this.identity != null) ? "%s.in(%s)".formatted(position, this.identity) : position;
	}

}
