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

package io.durablenotify.autoconfigure;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.schema.SchemaProperties;

import org.springframework.beans.factory.BeanFactory;

/**
 * Thrown at the start of an application context that would use another database than its
 * parent, whose beans it shares.
 */
@SuppressWarnings("serial")
final class ParentDatabaseException extends IllegalStateException {

	private ParentDatabaseException(String message) {
		super(message);
	}

	/**
	 * Require that a context has the DataSource and the schema of its ancestors.
	 * @param parent the beans of the parent, if any of durable-notify
	 */
	static void check(ApplicationDatabase database, SchemaProperties schema, BeanFactory parent) {
		ApplicationDatabase other = parent.getBeanProvider(ApplicationDatabase.class).getIfAvailable();
		SchemaProperties otherSchema = parent.getBeanProvider(SchemaProperties.class).getIfAvailable();
		if (other == null || otherSchema == null) {
			return;
		}
		if (other.getDataSource() != database.getDataSource() || !otherSchema.name().equals(schema.name())) {
			throw new ParentDatabaseException(
					("This application context would use a DataSource of %s with the schema '%s', and its parent uses one "
							+ "of %s with the schema '%s'. Both must be the same: a child uses durable-notify's beans of "
							+ "its parent.")
						.formatted(database.getTarget(), schema.name(), other.getTarget(), otherSchema.name()));
		}
	}

}
