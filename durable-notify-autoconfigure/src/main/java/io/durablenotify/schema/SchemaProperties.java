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

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Schema properties.
 *
 * @param name Name of the schema that holds the tables. Lower-case letters, digits and
 * underscores.
 * @param migrate Whether to create and migrate the schema on startup, before the
 * application's own migrations. If not, it must be there after them.
 */
@ConfigurationProperties(SchemaProperties.PREFIX)
public record SchemaProperties(@DefaultValue("durable_notify") String name,
		@DefaultValue("true") boolean migrate) implements InitializingBean {

	static final String PREFIX = "durable-notify.schema";

	@Override
	public void afterPropertiesSet() {
		new PropertyRules(PREFIX).check(SchemaName.isValid(this.name), "name", this.name,
				"Must have " + SchemaName.RULE + ".");
	}

	SchemaName schemaName() {
		return new SchemaName(this.name);
	}

}
