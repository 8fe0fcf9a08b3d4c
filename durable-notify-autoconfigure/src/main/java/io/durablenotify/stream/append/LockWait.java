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

package io.durablenotify.stream.append;

import java.time.Duration;

/**
 * The way in which an append treats streams that another transaction has locked.
 *
 * @param timeout how long it waits for each lock
 * @param skip whether it appends to the others after that time, instead of failing
 */
record LockWait(Duration timeout, boolean skip) {

	/**
	 * Wait, then fail.
	 * @param timeout how long to wait
	 * @return the wait
	 */
	static LockWait upTo(Duration timeout) {
		return new LockWait(timeout, false);
	}

	/**
	 * Do not wait for a stream, and leave out what is locked. Wait only a moment for a
	 * create of the same name.
	 */
	static LockWait skipLocked() {
		return new LockWait(Duration.ofMillis(5), true);
	}

}
