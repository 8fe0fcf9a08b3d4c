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
 * Auto-configuration: properties, conditions and failure analysis.
 * <p>
 * <b>Databases other than PostgreSQL.</b> A condition is too early to ask a DataSource
 * what it leads to, so that the bean definitions are the same everywhere. Those marked
 * with {@link io.durablenotify.schema.RequiresPostgres} are lazy, and on other databases
 * {@link io.durablenotify.autoconfigure.OtherDatabaseProcessor} makes them {@code null}:
 * there, an application starts unless it needs one of them. On PostgreSQL
 * {@link io.durablenotify.autoconfigure.PostgresBeans} creates them all at start-up.
 * Spring itself would create lazy beans that are declared as a {@code SmartLifecycle}:
 * their methods return less than that.
 */
@NullMarked
package io.durablenotify.autoconfigure;

import org.jspecify.annotations.NullMarked;
