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
 * The sample application. It shows text that is written word by word and read live, in
 * any instance and also while the LISTEN connection is lost; settings that all instances
 * keep in memory; runs that two engines execute at once; orders whose steps any instance
 * executes, their receipts, and a reminder.
 */
@NullMarked
package io.durablenotify.sample;

import org.jspecify.annotations.NullMarked;
