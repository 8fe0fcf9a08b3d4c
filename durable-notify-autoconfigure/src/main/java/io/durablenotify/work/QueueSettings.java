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
 * What is stored of a queue's settings, so that every instance goes by them.
 *
 * @param name the queue's name
 * @param maxAttempts after how many failed attempts an item is dead
 * @param blockOnDead whether the later items of an ordering key wait for one that is dead
 * @param retention how long completed items are listed, {@code null} if they are not
 */
record QueueSettings(String name, int maxAttempts, boolean blockOnDead, @Nullable Duration retention) {
}
