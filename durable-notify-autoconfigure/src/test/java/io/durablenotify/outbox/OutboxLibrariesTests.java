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

package io.durablenotify.outbox;

import io.durablenotify.autoconfigure.DurableNotifyAutoConfiguration;
import io.durablenotify.testsupport.Fixture;
import io.durablenotify.testsupport.TestDatabase;
import org.junit.jupiter.api.Test;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for the outbox without the libraries of its senders, and with them.
 */
class OutboxLibrariesTests {

	@Fixture
	private static TestDatabase database;

	private final ApplicationContextRunner contextRunner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class,
				DataSourceTransactionManagerAutoConfiguration.class, DurableNotifyAutoConfiguration.class))
		.withPropertyValues("spring.datasource.url=" + database.url(), "spring.datasource.hikari.minimum-idle=1");

	@Test
	void anApplicationNeedsNoneOfThem() {
		this.contextRunner
			.withClassLoader(new FilteredClassLoader("org.springframework.web", "org.springframework.http",
					"org.springframework.kafka", "org.apache.kafka"))
			.run((context) -> assertThat(context).hasSingleBean(Outbox.class).doesNotHaveBean(SenderSource.class));
	}

	@Test
	void eachIsUsedWhereItIsThere() {
		this.contextRunner.run((context) -> assertThat(context).hasSingleBean(Outbox.class)
			.hasSingleBean(HttpSenders.class)
			.hasSingleBean(KafkaSenders.class));
	}

}
