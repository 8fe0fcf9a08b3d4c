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

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.sql.init.dependency.DatabaseInitializerDetector;
import org.springframework.core.Ordered;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;

/**
 * Makes the application's Flyway, Liquibase, scripts and JPA, and beans that use the
 * database, wait until our schema is migrated. Where we do not migrate it, one of these
 * may bring it: then our beans come after them.
 */
final class SchemaInitializerDetector implements DatabaseInitializerDetector {

	static final String INITIALIZER = "durableNotifySchemaInitializer";

	private static final String SCHEMA = "durableNotifySchema";

	private static final String MIGRATOR = "durableNotifySchemaMigrator";

	/**
	 * Boot knows these only where its modules for them are there.
	 */
	private static final List<String> MIGRATIONS = List.of("org.flywaydb.core.Flyway",
			"org.springframework.boot.flyway.autoconfigure.FlywayMigrationInitializer",
			"liquibase.integration.spring.SpringLiquibase");

	private static final String ENTITY_MANAGER_FACTORY = "jakarta.persistence.EntityManagerFactory";

	private final Environment environment;

	SchemaInitializerDetector(Environment environment) {
		this.environment = environment;
	}

	/**
	 * Boot's own are at 0 or after it.
	 */
	@Override
	public int getOrder() {
		return Ordered.HIGHEST_PRECEDENCE + 100;
	}

	@Override
	public Set<String> detect(ConfigurableListableBeanFactory beanFactory) {
		return (isFirst(beanFactory)) ? Set.of(INITIALIZER) : Set.of();
	}

	@Override
	public void detectionComplete(ConfigurableListableBeanFactory beanFactory, Set<String> initializers) {
		Set<String> migrations = names(beanFactory, MIGRATIONS);
		if (isFirst(beanFactory)) {
			migrations.addAll(names(beanFactory, List.of(ENTITY_MANAGER_FACTORY)));
			migrations.removeAll(initializers);
			migrations.forEach((name) -> addDependencies(beanFactory, name, Set.of(INITIALIZER)));
		}
		else if (beanFactory.containsBeanDefinition(SCHEMA)) {
			migrations.addAll(initializers);
			addDependencies(beanFactory, SCHEMA, migrations);
		}
	}

	/**
	 * Return whether we migrate, and not a migrator of the application's, which may need
	 * what is initialized before. A DataSource may need it too.
	 */
	private boolean isFirst(ConfigurableListableBeanFactory beanFactory) {
		return beanFactory.containsBeanDefinition(INITIALIZER) && beanFactory.containsBeanDefinition(MIGRATOR)
				&& PostgresBeans.isOne(beanFactory, MIGRATOR)
				&& Binder.get(this.environment).bind("durable-notify.schema.migrate", Boolean.class).orElse(true)
				&& !isMigratedBefore(beanFactory);
	}

	/**
	 * Return whether a DataSource depends on a migration, which creates its role for
	 * example.
	 */
	private static boolean isMigratedBefore(ConfigurableListableBeanFactory beanFactory) {
		Set<String> dependencies = new LinkedHashSet<>();
		for (String name : names(beanFactory, List.of("javax.sql.DataSource"))) {
			addDependenciesOf(beanFactory, name, dependencies);
		}
		return names(beanFactory, MIGRATIONS).stream().anyMatch(dependencies::contains);
	}

	private static void addDependenciesOf(ConfigurableListableBeanFactory beanFactory, String name,
			Set<String> dependencies) {
		for (String dependency : dependencies(beanFactory, name)) {
			if (dependencies.add(dependency)) {
				addDependenciesOf(beanFactory, dependency, dependencies);
			}
		}
	}

	private static List<String> dependencies(ConfigurableListableBeanFactory beanFactory, String name) {
		String[] dependencies = (beanFactory.containsBeanDefinition(name))
				? beanFactory.getBeanDefinition(name).getDependsOn() : null;
		return (dependencies != null) ? List.of(dependencies) : List.of();
	}

	private static Set<String> names(ConfigurableListableBeanFactory beanFactory, List<String> types) {
		Set<String> names = new LinkedHashSet<>();
		for (String type : types) {
			ClassLoader classLoader = beanFactory.getBeanClassLoader();
			if (ClassUtils.isPresent(type, classLoader)) {
				names.addAll(List
					.of(beanFactory.getBeanNamesForType(ClassUtils.resolveClassName(type, classLoader), true, false)));
			}
		}
		return names;
	}

	private static void addDependencies(ConfigurableListableBeanFactory beanFactory, String name,
			Set<String> dependencies) {
		if (beanFactory.containsBeanDefinition(name)) {
			BeanDefinition definition = beanFactory.getBeanDefinition(name);
			Set<String> all = new LinkedHashSet<>(dependencies(beanFactory, name));
			all.addAll(dependencies);
			definition.setDependsOn(StringUtils.toStringArray(all));
		}
	}

}
