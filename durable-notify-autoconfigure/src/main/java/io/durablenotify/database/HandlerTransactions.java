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

import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionOperations;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * The transactions in which handlers are called. They are those of the application's
 * transaction manager, which is looked up when the first handler needs it.
 */
public final class HandlerTransactions {

	private final ListableBeanFactory beanFactory;

	private final int isolationLevel;

	/**
	 * Create for transactions of the default isolation level.
	 * @param beanFactory has the transaction manager
	 */
	public HandlerTransactions(ListableBeanFactory beanFactory) {
		this(beanFactory, TransactionDefinition.ISOLATION_DEFAULT);
	}

	/**
	 * Create for transactions of an isolation level.
	 * @param beanFactory has the transaction manager
	 * @param isolationLevel one of {@link TransactionDefinition}
	 */
	public HandlerTransactions(ListableBeanFactory beanFactory, int isolationLevel) {
		this.beanFactory = beanFactory;
		this.isolationLevel = isolationLevel;
	}

	/**
	 * Return the transactions.
	 * @param user what needs them, for the message
	 * @param alternative what the application can do without, for the message
	 * @return the transactions
	 * @throws IllegalStateException if there is no transaction manager, or none of
	 * several is the primary one
	 */
	public TransactionOperations require(String user, String alternative) {
		PlatformTransactionManager manager = this.beanFactory.getBeanProvider(PlatformTransactionManager.class)
			.getIfUnique();
		if (manager == null) {
			String[] names = BeanFactoryUtils.beanNamesForTypeIncludingAncestors(this.beanFactory,
					PlatformTransactionManager.class);
			throw new IllegalStateException(
					"%s needs %s, or %s".formatted(user,
							(names.length > 0)
									? "one of the transaction managers '%s' as the primary one: mark it with @Primary"
										.formatted(String.join("', '", names))
									: "a PlatformTransactionManager: define one",
							alternative));
		}
		TransactionTemplate transactions = new TransactionTemplate(manager);
		transactions.setIsolationLevel(this.isolationLevel);
		return transactions;
	}

}
