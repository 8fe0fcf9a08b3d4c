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

import org.springframework.beans.factory.InitializingBean;
import org.springframework.beans.factory.ObjectProvider;

/**
 * Migrates or checks the schema where the database is PostgreSQL.
 */
final class SchemaInitializer implements InitializingBean {

	private final DatabaseProduct product;

	private final ObjectProvider<Schema> schema;

	SchemaInitializer(DatabaseProduct product, ObjectProvider<Schema> schema) {
		this.product = product;
		this.schema = schema;
	}

	@Override
	public void afterPropertiesSet() {
		if (this.product.isPostgres()) {
			this.schema.getObject();
		}
	}

}
