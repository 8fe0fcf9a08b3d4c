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

import java.sql.SQLException;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

import javax.sql.DataSource;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.schema.SchemaException.Problem;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.output.MigrateResult;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * Migrates by a separate Flyway run with its own schema, history table and location. Its
 * connections are unpooled: Flyway needs two, and the pool may have one. It is never
 * exposed as a {@code Flyway} bean, since that would turn off the application's own
 * migrations.
 */
final class FlywaySchemaMigrator implements SchemaMigrator {

	private static final Log logger = LogFactory.getLog(SchemaMigrator.class);

	private static final String LOCATION = "classpath:io/durablenotify/schema/migration";

	private static final String HISTORY_TABLE = "schema_history";

	private final ApplicationDatabase database;

	private final SchemaProperties properties;

	FlywaySchemaMigrator(ApplicationDatabase database, SchemaProperties properties) {
		this.database = database;
		this.properties = properties;
	}

	@Override
	public Schema migrate() {
		return new TemporaryRefusals(this.database).outlast(this::attempt);
	}

	private Schema attempt() {
		String version;
		try (MigrationConnections connections = physicalConnections()) {
			if (connections != null) {
				version = run(connections);
				restoreSearchPaths(connections);
			}
			else {
				version = run(this.database.getDataSource());
			}
		}
		return new Schema(this.properties.schemaName(), version);
	}

	/**
	 * Flyway needs two connections, which a pool of one does not have. Where no physical
	 * ones can do what the pool's can, the pool has to do.
	 */
	private @Nullable MigrationConnections physicalConnections() {
		MigrationConnections connections;
		try {
			connections = new MigrationConnections(this.database.getPhysicalDataSource());
		}
		catch (IllegalStateException ex) {
			logger.debug("Failed to open an unpooled connection; migrating over pooled ones", ex);
			return null;
		}
		boolean equivalent = false;
		try {
			equivalent = this.database.isEquivalent(connections);
			return (equivalent) ? connections : null;
		}
		catch (SQLException | DataAccessException ex) {
			throw failure(ex);
		}
		finally {
			if (!equivalent) {
				connections.close();
			}
		}
	}

	/**
	 * Return the version that there is afterwards.
	 */
	private @Nullable String run(DataSource dataSource) {
		Flyway flyway = flyway(dataSource);
		try {
			if (this.properties.migrate()) {
				MigrateResult result = flyway.migrate();
				// The target is what the last migration has led to, if there was one
				return (result.targetSchemaVersion != null) ? result.targetSchemaVersion : result.initialSchemaVersion;
			}
			return requireMigrated(flyway);
		}
		catch (FlywayException ex) {
			throw failure(ex);
		}
	}

	private void restoreSearchPaths(MigrationConnections connections) {
		try {
			connections.restoreSearchPaths();
		}
		catch (SQLException ex) {
			logger.debug("Failed to restore the search path", ex);
		}
	}

	private Flyway flyway(DataSource dataSource) {
		String name = this.properties.schemaName().value();
		return Flyway.configure(getClass().getClassLoader())
			.dataSource(dataSource)
			.schemas(name)
			.defaultSchema(name)
			.table(HISTORY_TABLE)
			.locations(LOCATION)
			.failOnMissingLocations(true)
			.initSql((dataSource != this.database.getDataSource()) ? MigrationSettings.SET_FOR_SESSION : null)
			.callbacks(new MigrationSettings())
			.placeholders(Map.of("schema", '"' + name + '"', "wakeup_channel",
					this.properties.schemaName().channel("wakeup")))
			.load();
	}

	private @Nullable String requireMigrated(Flyway flyway) {
		MigrationInfoService info = flyway.info();
		MigrationInfo[] pending = info.pending();
		if (pending.length > 0) {
			throw new SchemaException(Problem.MISSING, this.properties.schemaName(),
					"Schema '%s' lacks the migrations %s and durable-notify.schema.migrate=false forbids to run them."
						.formatted(this.properties.schemaName(),
								Arrays.stream(pending)
									.map((migration) -> migration.getScript())
									.collect(Collectors.joining(", "))));
		}
		MigrationInfo current = info.current();
		return (current != null) ? String.valueOf(current.getVersion()) : null;
	}

	private SchemaException failure(Exception exception) {
		if (SqlErrors.isConnectFailure(exception)) {
			return SchemaException.unreachable(this.properties.schemaName(), this.database.getTarget(), exception);
		}
		if (SqlErrors.isInsufficientPrivilege(exception)) {
			return new SchemaException(Problem.RIGHTS, this.properties.schemaName(),
					((this.properties.migrate())
							? "The application's role may not create schema '%s' or tables in it: %s"
							: "The application's role may not read what is in schema '%s': %s")
						.formatted(this.properties.schemaName(), SqlErrors.reason(exception)),
					exception);
		}
		return new SchemaException(Problem.FAILED, this.properties.schemaName(),
				"Schema '%s' could not be migrated: %s".formatted(this.properties.schemaName(), exception.getMessage()),
				exception);
	}

}
