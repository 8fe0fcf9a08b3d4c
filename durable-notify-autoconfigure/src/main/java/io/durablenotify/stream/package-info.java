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

/**
 * Durable streams: append chunks, read them live from any position.
 * <p>
 * <b>Families.</b> {@code durable-notify.streams.families.answers.prefix=answers/} adds a
 * {@link io.durablenotify.stream.StreamReader StreamReader} and a
 * {@link io.durablenotify.stream.StreamWriter StreamWriter} with the qualifier
 * {@code answers}, which work below that prefix. Names that they are given, and that come
 * from them, are without it: in chunks, descriptions, queries and
 * {@link io.durablenotify.stream.StreamException#getStream()}, so that each can be passed
 * back. A stream with the prefix alone as its name is none of theirs. Messages show full
 * names, and the rules for names are about full ones. A family's buffer size and chunk
 * size hold for its reader and its writer; its retention for its streams, regardless of
 * the writer, and of several families the one with the longest prefix counts.
 *
 * @serial exclude
 */
@NullMarked
package io.durablenotify.stream;

import org.jspecify.annotations.NullMarked;
