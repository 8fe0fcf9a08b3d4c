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
 * The storage of chunks, internal to streams. An
 * {@link io.durablenotify.stream.append.Append Append} goes from the caller through the
 * {@link io.durablenotify.stream.append.AppendPipeline AppendPipeline} (queue, batch,
 * SQL, completion), or by {@link io.durablenotify.stream.append.AppendWrite AppendWrite}
 * alone in the caller's transaction, and carries its
 * {@link io.durablenotify.stream.append.AppendOutcome AppendOutcome} back. This package
 * knows neither readers nor the exceptions of callers.
 */
@NullMarked
package io.durablenotify.stream.append;

import org.jspecify.annotations.NullMarked;
