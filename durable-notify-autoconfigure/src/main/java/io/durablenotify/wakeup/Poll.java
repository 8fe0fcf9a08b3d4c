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

import java.time.Duration;

import io.durablenotify.Subscription;

/**
 * The shared poll, the fallback for wake-ups: each feature registers one check, however
 * many readers it serves.
 */
public interface Poll {

	/**
	 * Register a check.
	 * @param check called once per interval on the poll's thread; must not block
	 * @return the registration
	 */
	Subscription register(Runnable check);

	/**
	 * Register a check that finds what wake-ups should have announced.
	 * @param check as for {@link #register(Runnable)}
	 * @param findings what it has found: while the listener is proven to receive, that is
	 * logged
	 * @return the registration
	 */
	default Subscription register(Runnable check, PollFindings findings) {
		return register(check);
	}

	/**
	 * Return the interval in force: short while the listener is not proven to receive.
	 * @return the interval, or zero if there is no poll
	 */
	Duration intervalInForce();

}
