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
package io.durablenotify.work;

import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Tests for the SQL of work: in a database that an instance has migrated, with two
 * holders, each of which has a connection and a lease.
 */
abstract class AbstractWorkSqlTests {

	@Fixture
	static TestDatabase database;

	/**
	 * Does not take over from the holders.
	 */
	@Fixture(properties = "durable-notify.streams.lease=1h")
	static Instance instance;

	WorkTables work;

	WorkTables other;

	@BeforeEach
	void open() {
		this.work = WorkTables.open(database);
		this.other = WorkTables.open(database);
	}

	@AfterEach
	void close() {
		this.work.close();
		this.other.close();
	}

}
