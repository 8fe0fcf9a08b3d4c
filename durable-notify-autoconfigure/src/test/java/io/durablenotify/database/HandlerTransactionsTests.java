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

package io.durablenotify.database;

import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link HandlerTransactions}.
 */
class HandlerTransactionsTests {

	private final DefaultListableBeanFactory beanFactory = new DefaultListableBeanFactory();

	private final HandlerTransactions transactions = new HandlerTransactions(this.beanFactory,
			TransactionDefinition.ISOLATION_READ_COMMITTED);

	@Test
	void withoutATransactionManagerOneMustBeDefined() {
		assertThatIllegalStateException().isThrownBy(this::require)
			.withMessage("A handler needs a PlatformTransactionManager: define one, or do without");
	}

	@Test
	void severalTransactionManagersAreNamed() {
		register("orders");
		register("invoices");
		assertThatIllegalStateException().isThrownBy(this::require)
			.withMessage("A handler needs one of the transaction managers 'orders', 'invoices' as the primary one: "
					+ "mark it with @Primary, or do without");
	}

	@Test
	void thePrimaryTransactionManagerIsTaken() {
		register("orders");
		register("invoices").setPrimary(true);
		TransactionTemplate template = (TransactionTemplate) require();
		assertThat(template.getTransactionManager()).isSameAs(this.beanFactory.getBean("invoices"));
		assertThat(template.getIsolationLevel()).isEqualTo(TransactionDefinition.ISOLATION_READ_COMMITTED);
	}

	private RootBeanDefinition register(String name) {
		RootBeanDefinition definition = new RootBeanDefinition(JdbcTransactionManager.class,
				() -> new JdbcTransactionManager(new DriverManagerDataSource()));
		this.beanFactory.registerBeanDefinition(name, definition);
		return definition;
	}

	private Object require() {
		return this.transactions.require("A handler", "do without");
	}

}
