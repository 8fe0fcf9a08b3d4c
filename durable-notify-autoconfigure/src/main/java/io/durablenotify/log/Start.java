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

/**
 * The position at which a reader begins.
 *
 * @param fromEnd whether the log's end has to be known to know the index
 * @param value the index of the first entry; from the end, how many entries before it, in
 * a log that begins with index 0
 */
public record Start(boolean fromEnd, long value) {

	/**
	 * Begin with an entry, which may be one to wait for.
	 * @param index the entry's index
	 * @return the start
	 */
	public static Start at(long index) {
		return new Start(false, index);
	}

	/**
	 * Return the index of the first entry to read.
	 * @param nextIndex the index that the log's next entry will have
	 * @return the index
	 */
	public long resolve(long nextIndex) {
		return (this.fromEnd) ? Math.max(0, nextIndex - this.value) : this.value;
	}

}
