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

package io.durablenotify;

/**
 * A registration that goes on until it ends or is cancelled. One type for all features.
 */
public interface Subscription {

	/**
	 * Cancel the subscription. Idempotent, and may be called from within a callback. Does
	 * not wait for handlers; that of a listener of work waits for a claim under way, up
	 * to 5 s, except in a transaction. No callback is begun after it returns; one that
	 * another thread had begun by then, if only just, may still run.
	 */
	void cancel();

	/**
	 * Return whether callbacks may still come.
	 * @return {@code false} once the subscription was cancelled or has ended
	 */
	boolean isActive();

}
