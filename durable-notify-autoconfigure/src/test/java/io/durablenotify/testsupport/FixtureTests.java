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

import java.util.HashSet;
import java.util.Set;

import io.durablenotify.stream.StreamWriter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Fixture}.
 */
class FixtureTests {

	private static final Set<Instance> instances = new HashSet<>();

	private static final Set<Instance> others = new HashSet<>();

	@Fixture(properties = "test.property=value", sources = Application.class)
	private static Instance instance;

	@Fixture
	private static TestDatabase database;

	@Fixture
	private static StreamWriter writer;

	@Fixture
	private Instance other;

	@Fixture
	private String string;

	@BeforeAll
	static void isSetBeforeAll() {
		assertThat(instance.context().isActive()).isTrue();
		assertThat(writer).isSameAs(instance.writer());
	}

	@AfterAll
	static void isNotClosedBeforeAfterAll() {
		assertThat(instances).containsExactly(instance);
		assertThat(instance.context().isActive()).isTrue();
		assertThat(others).hasSize(2);
	}

	@RepeatedTest(2)
	void instancesShareADatabaseAndLastAsLongAsTheirField() {
		assertThat(others).noneMatch((earlier) -> earlier.context().isActive());
		instances.add(instance);
		others.add(this.other);
		assertThat(this.other.context().isActive()).isTrue();
		assertThat(databaseOf(instance)).isEqualTo(databaseOf(this.other))
			.isEqualTo(database.jdbc().queryForObject("SELECT current_database()", String.class));
		assertThat(this.string).isEqualTo("value");
		assertThat(this.other.context().getEnvironment().getProperty("test.property")).isNull();
	}

	private static String databaseOf(Instance instance) {
		return instance.jdbc().queryForObject("SELECT current_database()", String.class);
	}

	@Configuration(proxyBeanMethods = false)
	static class Application {

		@Bean
		String property(Environment environment) {
			return environment.getRequiredProperty("test.property");
		}

	}

}
