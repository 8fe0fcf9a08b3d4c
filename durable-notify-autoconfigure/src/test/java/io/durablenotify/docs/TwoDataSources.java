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

package io.durablenotify.docs;

import javax.sql.DataSource;

import io.durablenotify.DurableNotifyDataSource;

import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;

/**
 * An application with two DataSources.
 */
@Configuration(proxyBeanMethods = false)
class TwoDataSources {

	private final Environment environment;

	TwoDataSources(Environment environment) {
		this.environment = environment;
	}

	// tag::beans[]
	@Bean
	@Primary
	DataSource orders() {
		return ordersPool();
	}

	@Bean
	@DurableNotifyDataSource
	DataSource messages() {
		return messagesPool(); // PostgreSQL
	}

	@Bean(defaultCandidate = false) // so that Boot makes one of orders as before
	PlatformTransactionManager messagesTransactions(@DurableNotifyDataSource DataSource messages) {
		return new JdbcTransactionManager(messages);
	}
	// end::beans[]

	private DataSource ordersPool() {
		return DataSourceBuilder.create().url("jdbc:h2:mem:orders").build();
	}

	private DataSource messagesPool() {
		return DataSourceBuilder.create().url(this.environment.getRequiredProperty("messages.url")).build();
	}

}
