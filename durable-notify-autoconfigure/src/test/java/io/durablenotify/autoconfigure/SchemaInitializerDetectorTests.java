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

import java.util.Set;

import io.durablenotify.schema.RequiresPostgres;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import org.springframework.mock.env.MockEnvironment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link SchemaInitializerDetector}. What comes of it is tested with the
 * schema.
 */
class SchemaInitializerDetectorTests {

	private static final String INITIALIZER = "durableNotifySchemaInitializer";

	private static final String SCHEMA = "durableNotifySchema";

	private final DefaultListableBeanFactory beanFactory = new DefaultListableBeanFactory();

	private final MockEnvironment environment = new MockEnvironment();

	private void register(String... names) {
		for (String name : names) {
			RootBeanDefinition definition = new RootBeanDefinition(SchemaInitializerDetectorTests.class);
			definition.setFactoryMethodName("create");
			this.beanFactory.registerBeanDefinition(name, definition);
		}
		this.beanFactory.registerBeanDefinition("flyway", new RootBeanDefinition(Flyway.class));
	}

	@RequiresPostgres
	static Object create() {
		return new Object();
	}

	private String[] dependencies(String name) {
		return this.beanFactory.getBeanDefinition(name).getDependsOn();
	}

	@Test
	void aFlywayThatBootDoesNotKnowComesAfterUs() {
		register(INITIALIZER, SCHEMA, "durableNotifySchemaMigrator");
		this.beanFactory.getBeanDefinition("flyway").setDependsOn("other");
		SchemaInitializerDetector detector = new SchemaInitializerDetector(this.environment);
		assertThat(detector.detect(this.beanFactory)).containsExactly(INITIALIZER);
		detector.detectionComplete(this.beanFactory, Set.of(INITIALIZER));
		assertThat(dependencies("flyway")).containsExactly("other", INITIALIZER);
		assertThat(dependencies(SCHEMA)).isNull();
	}

	@Test
	void aMigratorOfTheApplicationComesAfterFlywayWithAnyName() {
		register(INITIALIZER, SCHEMA);
		this.beanFactory.registerBeanDefinition("durableNotifySchemaMigrator", new RootBeanDefinition(Object.class));
		SchemaInitializerDetector detector = new SchemaInitializerDetector(this.environment);
		assertThat(detector.detect(this.beanFactory)).isEmpty();
		detector.detectionComplete(this.beanFactory, Set.of());
		assertThat(dependencies(SCHEMA)).containsExactly("flyway");
	}

	@Test
	void whatBootKnowsIsLeftToBoot() {
		register(INITIALIZER, SCHEMA, "durableNotifySchemaMigrator");
		new SchemaInitializerDetector(this.environment).detectionComplete(this.beanFactory,
				Set.of(INITIALIZER, "flyway"));
		assertThat(dependencies("flyway")).isNull();
	}

	@Test
	void whereWeDoNotMigrateWeComeAfterAll() {
		this.environment.setProperty("durable-notify.schema.migrate", "false");
		register(INITIALIZER, SCHEMA, "durableNotifySchemaMigrator");
		SchemaInitializerDetector detector = new SchemaInitializerDetector(this.environment);
		assertThat(detector.detect(this.beanFactory)).isEmpty();
		detector.detectionComplete(this.beanFactory, Set.of("scripts"));
		assertThat(dependencies(SCHEMA)).containsExactlyInAnyOrder("flyway", "scripts");
		assertThat(dependencies("flyway")).isNull();
	}

	@Test
	void whereADataSourceNeedsFlywayWeComeAfterIt() {
		register(INITIALIZER, SCHEMA, "durableNotifySchemaMigrator", "roles");
		this.beanFactory.registerBeanDefinition("dataSource", new RootBeanDefinition(SimpleDriverDataSource.class));
		this.beanFactory.getBeanDefinition("dataSource").setDependsOn("roles");
		this.beanFactory.getBeanDefinition("roles").setDependsOn("flyway");
		SchemaInitializerDetector detector = new SchemaInitializerDetector(this.environment);
		assertThat(detector.detect(this.beanFactory)).isEmpty();
		detector.detectionComplete(this.beanFactory, Set.of("flyway"));
		assertThat(dependencies(SCHEMA)).containsExactly("flyway");
		assertThat(dependencies("flyway")).isNull();
	}

	@Test
	void whereWeAreNotThereNothingChanges() {
		register();
		SchemaInitializerDetector detector = new SchemaInitializerDetector(this.environment);
		assertThat(detector.detect(this.beanFactory)).isEmpty();
		detector.detectionComplete(this.beanFactory, Set.of("scripts"));
		assertThat(dependencies("flyway")).isNull();
	}

}
