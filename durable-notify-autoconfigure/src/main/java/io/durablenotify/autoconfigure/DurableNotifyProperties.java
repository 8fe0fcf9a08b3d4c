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

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;

/**
 * Configuration properties of durable-notify that belong to no feature.
 *
 * @param enabled Whether to enable durable-notify.
 * @param dataSource DataSource properties.
 */
@ConfigurationProperties("durable-notify")
record DurableNotifyProperties(@DefaultValue("true") boolean enabled, @DefaultValue DataSource dataSource) {

	/**
	 * DataSource properties.
	 *
	 * @param singleDatabase Whether a DataSource that routes leads to one database only,
	 * such as a primary and its replicas, and to the primary outside of read-only
	 * transactions.
	 */
	record DataSource(@DefaultValue("false") boolean singleDatabase) {

		/**
		 * Background threads, such as that of a group commit, cannot know which of
		 * several databases the caller meant.
		 */
		void requireSingleDatabase(javax.sql.@Nullable DataSource routing) {
			if (routing != null && !this.singleDatabase) {
				throw new InvalidConfigurationPropertyValueException("durable-notify.data-source.single-database",
						false,
						("The DataSource chooses among several databases by what the calling thread does (%s). "
								+ "durable-notify also writes and reads on background threads, and would reach another "
								+ "database there than the caller. Annotate the DataSource that leads to durable-notify's "
								+ "database with @DurableNotifyDataSource. Or, if this one leads to a primary and its "
								+ "replicas only and to the primary on threads outside of read-only transactions, set "
								+ "durable-notify.data-source.single-database=true.")
							.formatted(routing.getClass().getName()));
			}
		}

	}

}
