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

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * A hint that something has changed, as it was published.
 *
 * @param topic the topic
 * @param key what has changed
 * @param originator who caused it, such as a client's id, or {@code null} if the
 * publisher did not say
 * @param local whether this instance published it
 * @param id a number by which it is known. Numbers grow as changes are published, not as
 * their transactions commit
 * @param createdAt when it was published, by the database's clock where there is one
 */
public record Change(String topic, String key, @Nullable String originator, boolean local, long id, Instant createdAt) {
}
