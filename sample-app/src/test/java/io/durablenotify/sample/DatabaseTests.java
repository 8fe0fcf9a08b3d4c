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

package io.durablenotify.sample;

import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.jdbc.core.simple.JdbcClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the application's database.
 */
@SampleTest
class DatabaseTests {

	@Autowired
	JdbcClient jdbc;

	@Test
	void theApplicationsFlywayAndTheOneOfDurableNotifyEachHaveTheirSchema() {
		assertThat(this.jdbc.sql("""
				select table_schema || '.' || table_name from information_schema.tables
				where table_schema in ('public', 'durable_notify') and table_name like '%schema_history'
				""").query(String.class).list()).containsExactlyInAnyOrder("public.flyway_schema_history",
				"durable_notify.schema_history");
		assertThat(this.jdbc.sql("select script from flyway_schema_history order by installed_rank")
			.query(String.class)
			.list()).containsExactly("V1__answers.sql", "V2__settings.sql", "V3__step_results.sql", "V4__orders.sql",
					"V5__received_events.sql");
	}

}
