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

package io.durablenotify.schema;

import org.jspecify.annotations.Nullable;

/**
 * The migrated schema: a bean that is handed one may use its tables.
 *
 * @param name the schema's name
 * @param version the version that its tables have, or {@code null} if that is not known
 */
public record Schema(SchemaName name, @Nullable String version) {

	/**
	 * Create for a schema whose version is not known.
	 * @param name the schema's name
	 */
	public Schema(SchemaName name) {
		this(name, null);
	}

}
