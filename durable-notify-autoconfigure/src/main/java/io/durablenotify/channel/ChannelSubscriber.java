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

package io.durablenotify.channel;

import java.time.Instant;

import org.jspecify.annotations.Nullable;

/**
 * A durable subscriber of a broadcast channel.
 *
 * @param channel the channel
 * @param name the subscriber's name
 * @param lag how many messages it has not had
 * @param owner the instance in which it is active, or {@code null}
 * @param createdAt since when it exists, by the database's clock
 * @param lastActiveAt when it was active last, as far as that is known
 */
public record ChannelSubscriber(String channel, String name, long lag, @Nullable String owner, Instant createdAt,
		Instant lastActiveAt) {
}
