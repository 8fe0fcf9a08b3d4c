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

/**
 * Chunks that a consumer cannot get any more.
 *
 * @param consumer the consumer's name
 * @param stream the stream's name
 * @param from the index of the first chunk that the consumer has not had
 * @param to the index with which it goes on: 0 if the stream was deleted. Lower than
 * {@code from} if the server has lost chunks that the consumer had, and gives their
 * indexes again
 * @param deleted whether the stream was deleted. Nothing says how many chunks it had from
 * {@code from} on, and a stream that takes its name is read from its start
 */
public record ConsumerGap(String consumer, String stream, long from, long to, boolean deleted) {
}
