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

import java.util.List;

import io.durablenotify.work.WorkListenerSpec.Backoff;
import io.durablenotify.work.WorkListenerSpec.OnDead;

/**
 * A listener's specification with nothing left open.
 *
 * @param queues the queues, in the order in which they are claimed
 * @param concurrency how many handlers run at once
 * @param prefetch how many items are claimed beyond that
 * @param transactional whether the handler is called in a transaction
 * @param maxAttempts after how many failed attempts an item is dead
 * @param backoff the delays between attempts
 * @param onDead what becomes of the later items of an ordering key
 * @param dontRetryOn the exceptions after which an item is dead at once
 */
record ListenerSettings(List<String> queues, int concurrency, int prefetch, boolean transactional, int maxAttempts,
		Backoff backoff, OnDead onDead, List<Class<? extends Throwable>> dontRetryOn) {
}
