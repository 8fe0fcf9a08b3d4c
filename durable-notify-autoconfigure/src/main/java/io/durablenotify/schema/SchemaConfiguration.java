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
import java.time.Clock;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.ServerWatch;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.dao.DataAccessException;

/**
 * The beans of the schema, and of what is asked of the server.
 */
@Configuration(proxyBeanMethods = false)
public class SchemaConfiguration {

	private static final Log logger = LogFactory.getLog(SchemaMigrator.class);

	@Bean
	DatabaseProduct durableNotifyDatabaseProduct(ApplicationDatabase database, SchemaProperties properties) {
		try {
			return new TemporaryRefusals(database).outlast(() -> product(database));
		}
		catch (DataAccessException ex) {
			throw SchemaException.unreachable(properties.schemaName(), database.getTarget(), ex);
		}
	}

	private static DatabaseProduct product(ApplicationDatabase database) {
		return database.executeSeparately("look up the database product", (connection, joined) -> {
			DatabaseProduct driver = DatabaseProduct.of(connection.getMetaData());
			return (driver.isPostgres()) ? DatabaseFlavour.of(driver, connection) : driver;
		});
	}

	@Bean
	@RequiresPostgres
	ServerWatch durableNotifyServerWatch() {
		return new ServerWatch(Clock.systemUTC());
	}

	@Bean
	@RequiresPostgres
	@ConditionalOnMissingBean
	SchemaMigrator durableNotifySchemaMigrator(ApplicationDatabase database, SchemaProperties properties) {
		return new FlywaySchemaMigrator(database, properties);
	}

	@Bean
	@RequiresPostgres
	Schema durableNotifySchema(DatabaseProduct product, SchemaMigrator migrator, ApplicationDatabase database) {
		if (!product.isPostgres()) {
			throw new PostgresRequiredException(product);
		}
		Schema schema = migrator.migrate();
		if (!(migrator instanceof FlywaySchemaMigrator)) {
			comparePhysicalConnections(database);
		}
		new SchemaCheck(database, schema.name()).run();
		return schema;
	}

	/**
	 * Leases must know whether physical connections can do what the pool's can.
	 */
	private static void comparePhysicalConnections(ApplicationDatabase database) {
		try {
			database.isEquivalent(database.getPhysicalDataSource());
		}
		catch (IllegalStateException | SQLException ex) {
			logger.debug("Failed to open an unpooled connection", ex);
		}
	}

	/**
	 * What others depend on that need the schema, on any database.
	 */
	@Bean
	@Lazy(false)
	SchemaInitializer durableNotifySchemaInitializer(DatabaseProduct product, ObjectProvider<Schema> schema) {
		return new SchemaInitializer(product, schema);
	}

}
