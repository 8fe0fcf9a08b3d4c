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

import javax.sql.DataSource;

import io.durablenotify.testsupport.ForeignTransactionManager;

import jakarta.persistence.EntityManagerFactory;
import org.junit.jupiter.api.Test;

import org.springframework.aop.framework.ProxyFactory;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link HandlerTransactions}.
 */
class HandlerTransactionsTests {

	private final DefaultListableBeanFactory beanFactory = new DefaultListableBeanFactory();

	private final DataSource ours = new DriverManagerDataSource();

	private final DataSource other = new DriverManagerDataSource();

	private final HandlerTransactions transactions = new HandlerTransactions(this.beanFactory,
			new ApplicationDatabase(this.ours, () -> null), TransactionDefinition.ISOLATION_READ_COMMITTED);

	@Test
	void withoutATransactionManagerOneMustBeDefined() {
		assertThatIllegalStateException().isThrownBy(this::require)
			.withMessage("A handler needs a PlatformTransactionManager: define one, or do without");
	}

	@Test
	void severalTransactionManagersAreNamed() {
		register("orders", new ForeignTransactionManager());
		register("invoices", new ForeignTransactionManager());
		register("others", new JdbcTransactionManager(this.other));
		assertThatMustBePrimary("'orders', 'invoices'");
		register("first", new JdbcTransactionManager(this.ours));
		register("second", new JdbcTransactionManager(this.ours));
		assertThatMustBePrimary("'first', 'second'");
	}

	private void assertThatMustBePrimary(String names) {
		assertThatIllegalStateException().isThrownBy(this::require)
			.withMessage(
					"A handler needs one of the transaction managers %s as the primary one: mark it with @Primary, "
							+ "or do without",
					names);
	}

	@Test
	void thePrimaryTransactionManagerIsTaken() {
		register("orders", new JdbcTransactionManager(this.ours));
		register("invoices", new JdbcTransactionManager(this.ours)).setPrimary(true);
		assertThatIsTaken("invoices");
	}

	@Test
	void theTransactionManagerOfOurDataSourceIsTakenAlsoWhereAnotherOneIsPrimary() {
		register("orders", new JdbcTransactionManager(this.other)).setPrimary(true);
		register("messages", new JdbcTransactionManager(this.ours)).setDefaultCandidate(false);
		assertThatIsTaken("messages");
	}

	@Test
	void aDataSourceIsFoundInProxies() {
		ProxyFactory proxy = new ProxyFactory(
				new JdbcTransactionManager(new TransactionAwareDataSourceProxy(this.ours)));
		proxy.setInterfaces(PlatformTransactionManager.class);
		register("orders", new JdbcTransactionManager(this.other)).setPrimary(true);
		register("messages", (PlatformTransactionManager) proxy.getProxy());
		assertThatIsTaken("messages");
	}

	@Test
	void theTransactionManagerOfJpaHasADataSource() {
		JpaTransactionManager manager = new JpaTransactionManager(mock(EntityManagerFactory.class));
		manager.setDataSource(this.ours);
		register("orders", new JdbcTransactionManager(this.other)).setPrimary(true);
		register("messages", manager);
		assertThatIsTaken("messages");
	}

	@Test
	void aTransactionManagerThatIsNotKnownToHaveAnotherDataSourceIsTaken() {
		register("global", new ForeignTransactionManager());
		assertThatIsTaken("global");
	}

	@Test
	void theTransactionManagerOfAnotherDataSourceIsRefused() {
		register("orders", new JdbcTransactionManager(this.other));
		assertThatOneMustBeDefined();
		// Its transactions bind no connection where we look for it
		register("wrapped", new JdbcTransactionManager(new LazyConnectionDataSourceProxy(this.ours))).setPrimary(true);
		assertThatOneMustBeDefined();
	}

	@Test
	void theTransactionManagerOfAnotherResourceIsRefused() {
		register("entities", new JpaTransactionManager(mock(EntityManagerFactory.class)));
		assertThatOneMustBeDefined();
	}

	private void assertThatOneMustBeDefined() {
		assertThatIllegalStateException().isThrownBy(this::require)
			.withMessage(
					"A handler needs a PlatformTransactionManager of the DataSource that durable-notify uses: define "
							+ "one, or do without");
	}

	private void assertThatIsTaken(String name) {
		TransactionTemplate template = (TransactionTemplate) require();
		assertThat(template.getTransactionManager()).isSameAs(this.beanFactory.getBean(name));
		assertThat(template.getIsolationLevel()).isEqualTo(TransactionDefinition.ISOLATION_READ_COMMITTED);
	}

	private RootBeanDefinition register(String name, PlatformTransactionManager manager) {
		RootBeanDefinition definition = new RootBeanDefinition(PlatformTransactionManager.class, () -> manager);
		this.beanFactory.registerBeanDefinition(name, definition);
		return definition;
	}

	private Object require() {
		return this.transactions.require("A handler", "do without");
	}

}
