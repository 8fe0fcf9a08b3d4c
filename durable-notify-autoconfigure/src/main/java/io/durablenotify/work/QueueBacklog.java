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
 * What is stored of a queue. An ordering key counts as one item. Nothing is counted
 * further than {@value #MAX_COUNT}.
 *
 * @param queue the queue's name
 * @param pending how many items wait, due or not
 * @param due how many of them are due
 * @param running how many are claimed, over all instances
 * @param dead how many are dead
 * @param oldestDue for how long the item that is due first has been due, {@code null} if
 * none is due that is not claimed
 * @param oldest how long ago the oldest of them was requested, {@code null} if there is
 * none
 * @param probed whether its items are tried one at a time, since their handler fails
 */
public record QueueBacklog(String queue, long pending, long due, long running, long dead, @Nullable Duration oldestDue,
		@Nullable Duration oldest, boolean probed) {

	/**
	 * Up to where items are counted.
	 */
	public static final int MAX_COUNT = 10_000;

}
