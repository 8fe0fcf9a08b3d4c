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
 * What a live reader reads.
 *
 * @param stream the stream's full name, for the database and in messages
 * @param name the name by which the reader's caller knows it, for the caller to use
 * @param bufferSize how many chunks the reader holds at most
 */
record ReaderTarget(String stream, String name, int bufferSize) {
}
