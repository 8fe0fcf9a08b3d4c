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
 * Changes: hints that something has changed, published by one instance and delivered to
 * all.
 * <p>
 * On PostgreSQL a change is a row. The position of an instance is a snapshot of the
 * database, and the next read takes the rows that are visible now and were not visible in
 * that snapshot: none is missed and none is delivered twice, in any order in which
 * transactions commit. A wake-up is a hint that there may be some. On other databases
 * changes stay in the JVM.
 *
 * @serial exclude
 */
@NullMarked
package io.durablenotify.change;

import org.jspecify.annotations.NullMarked;
