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

package io.durablenotify.testsupport;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * A role of a test, without any right at first, whose sessions can have settings of their
 * own.
 */
public final class TestRole implements AutoCloseable {

	private static final AtomicInteger roles = new AtomicInteger();

	private final TestDatabase database;

	private final String name;

	private TestRole(TestDatabase database, String name) {
		this.database = database;
		this.name = name;
	}

	/**
	 * Create a role.
	 * @param settings as in {@code ALTER ROLE … SET}: name and value
	 */
	public static TestRole create(TestDatabase database, String... settings) {
		String name = "role_%d_%d".formatted(ProcessHandle.current().pid(), roles.incrementAndGet());
		database.jdbc().execute("CREATE ROLE %s LOGIN PASSWORD 'secret'".formatted(name));
		for (String setting : settings) {
			database.jdbc().execute("ALTER ROLE %s SET %s".formatted(name, setting));
		}
		return new TestRole(database, name);
	}

	/**
	 * Let it create a schema.
	 */
	public void grantCreate() {
		this.database.jdbc()
			.execute("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %%I TO %s', current_database()); END $$"
				.formatted(this.name));
	}

	/**
	 * Grant what docs/operations.md says a role needs that does not migrate.
	 */
	public void grantUse() {
		this.database.jdbc().execute("GRANT USAGE ON SCHEMA durable_notify TO " + this.name);
		this.database.jdbc()
			.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA durable_notify TO " + this.name);
	}

	/**
	 * Return the database's URL, with which this role connects.
	 */
	public String url() {
		return "%s?user=%s&password=secret".formatted(address(), this.name);
	}

	private String address() {
		String url = this.database.url();
		return (url.contains("?")) ? url.substring(0, url.indexOf('?')) : url;
	}

	/**
	 * Return the properties of an instance that connects as this role.
	 */
	public String[] properties(String... others) {
		return Stream.concat(Stream.of("spring.datasource.url=" + address(), "spring.datasource.username=" + this.name,
				"spring.datasource.password=secret"), Stream.of(others))
			.toArray(String[]::new);
	}

	@Override
	public void close() {
		this.database.jdbc().execute("DROP OWNED BY " + this.name + " CASCADE");
		this.database.jdbc().execute("DROP ROLE " + this.name);
	}

}
