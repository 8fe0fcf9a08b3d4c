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

import io.durablenotify.schema.SchemaException;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * A {@link AbstractFailureAnalyzer} for {@link SchemaException}.
 */
final class SchemaFailureAnalyzer extends AbstractFailureAnalyzer<SchemaException> {

	private final ConfigurableListableBeanFactory beanFactory;

	SchemaFailureAnalyzer(BeanFactory beanFactory) {
		this.beanFactory = (ConfigurableListableBeanFactory) beanFactory;
	}

	@Override
	protected FailureAnalysis analyze(Throwable rootFailure, SchemaException cause) {
		String schema = cause.getSchema().value();
		String action = switch (cause.getProblem()) {
			case MISSING -> "Start one instance with durable-notify.schema.migrate=true and a role that may create "
					+ "schema '%s', or set durable-notify.schema.name to the schema that has the tables."
						.formatted(schema);
			case RIGHTS -> """
					Let a DBA run this, with the application's role in place of app_role:

					    GRANT app_role TO CURRENT_USER; -- needed unless the DBA is a superuser
					    CREATE SCHEMA IF NOT EXISTS "%1$s" AUTHORIZATION app_role;

					or migrate with another role and give the application's role what it needs:

					    GRANT USAGE ON SCHEMA "%1$s" TO app_role;
					    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "%1$s" TO app_role;

					and set durable-notify.schema.migrate=false.""".formatted(schema);
			case UNREACHABLE -> ConnectAction.ofDataSource(cause, this.beanFactory,
					"Make sure that the application's DataSource leads to a server that accepts connections.")
					+ " The schema is needed at start-up, also with durable-notify.listener.fail-fast=false.";
			case FAILED ->
				"Remove the cause and start again: nothing was lost. If schema '%s' holds something else, set "
					.formatted(schema) + "durable-notify.schema.name to another one.";
		};
		return new FailureAnalysis(cause.getMessage(), action, cause);
	}

}
