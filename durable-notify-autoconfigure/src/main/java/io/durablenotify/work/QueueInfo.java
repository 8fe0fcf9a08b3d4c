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

import java.time.Duration;

import org.jspecify.annotations.Nullable;

/**
 * A queue as {@link WorkAdmin} shows it.
 *
 * @param name the queue's name
 * @param pending how many items wait, an ordering key's counted as one; no more than
 * {@value #MAX_COUNT} are counted
 * @param running how many items and ordering keys are claimed, over all instances
 * @param dead how many items are dead; no more than {@value #MAX_COUNT} are counted
 * @param oldestDue for how long the item that is due first has been due, {@code null} if
 * none is due
 * @param paused whether it is paused
 * @param maxRunning how many items may run at once over all instances, {@code null}
 * without a limit
 */
public record QueueInfo(String name, long pending, long running, long dead, @Nullable Duration oldestDue,
		boolean paused, @Nullable Integer maxRunning) {

	/**
	 * Up to where items are counted.
	 */
	public static final int MAX_COUNT = 100_000;

}
