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

package io.durablenotify.stream;

import java.time.Instant;
import java.util.OptionalLong;

import org.jspecify.annotations.Nullable;

/**
 * A description of a {@link StreamConsumer}.
 *
 * @param name the consumer's name
 * @param stream the full name of its stream, or the full prefix of its streams' names
 * @param prefix whether {@code stream} is a prefix
 * @param position the index of the chunk that is next, empty for a prefix
 * @param lag how many chunks it is away from the ends of its streams, all together
 * @param owner the name and, in parentheses, the id of the instance that has it,
 * {@code null} if none has
 * @param createdAt when it was created, by the database's clock
 * @param lastActiveAt when it had an owner last; the current time if it has one
 */
public record ConsumerInfo(String name, String stream, boolean prefix, OptionalLong position, long lag,
		@Nullable String owner, Instant createdAt, Instant lastActiveAt) {
}
