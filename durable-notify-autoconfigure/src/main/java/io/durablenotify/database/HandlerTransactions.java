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

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

import javax.sql.DataSource;

import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.ResourceTransactionManager;
import org.springframework.transaction.support.TransactionOperations;
import org.springframework.transaction.support.TransactionSynchronizationUtils;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * The transactions in which handlers are called. They are those of the application's only
 * or primary transaction manager, unless it is known to be one of another DataSource, and
 * else those of the manager of ours. It is looked up when the first handler needs it.
 */
public final class HandlerTransactions {

	private final ListableBeanFactory beanFactory;

	private final ApplicationDatabase database;

	private final int isolationLevel;

	/**
	 * Create for transactions of the default isolation level.
	 * @param beanFactory has the transaction managers
	 * @param database the database
	 */
	public HandlerTransactions(ListableBeanFactory beanFactory, ApplicationDatabase database) {
		this(beanFactory, database, TransactionDefinition.ISOLATION_DEFAULT);
	}

	/**
	 * Create for transactions of an isolation level.
	 * @param beanFactory has the transaction managers
	 * @param database the database
	 * @param isolationLevel one of {@link TransactionDefinition}
	 */
	public HandlerTransactions(ListableBeanFactory beanFactory, ApplicationDatabase database, int isolationLevel) {
		this.beanFactory = beanFactory;
		this.database = database;
		this.isolationLevel = isolationLevel;
	}

	/**
	 * Return the transactions.
	 * @param user what needs them, for the message
	 * @param alternative what the application can do without, for the message
	 * @return the transactions
	 * @throws IllegalStateException if there is no transaction manager, or none of
	 * several is the primary one, or it is one of another DataSource
	 */
	public TransactionOperations require(String user, String alternative) {
		TransactionTemplate transactions = new TransactionTemplate(find(user, alternative));
		transactions.setIsolationLevel(this.isolationLevel);
		return transactions;
	}

	private PlatformTransactionManager find(String user, String alternative) {
		PlatformTransactionManager unique = this.beanFactory.getBeanProvider(PlatformTransactionManager.class)
			.getIfUnique();
		if (unique != null && mayBeOurs(unique)) {
			return unique;
		}
		Map<String, PlatformTransactionManager> all = BeanFactoryUtils.beansOfTypeIncludingAncestors(this.beanFactory,
				PlatformTransactionManager.class);
		Map<String, PlatformTransactionManager> ours = filter(all, this::isOurs);
		if (ours.size() == 1) {
			return ours.values().iterator().next();
		}
		String needed = needed(all.isEmpty(), ((ours.isEmpty()) ? filter(all, this::mayBeOurs) : ours).keySet());
		throw new IllegalStateException("%s needs %s, or %s".formatted(user, needed, alternative));
	}

	private static String needed(boolean none, Set<String> candidates) {
		if (none) {
			return "a PlatformTransactionManager: define one";
		}
		return (candidates.isEmpty())
				? "a PlatformTransactionManager of the DataSource that durable-notify uses: define one"
				: "one of the transaction managers '%s' as the primary one: mark it with @Primary"
					.formatted(String.join("', '", candidates));
	}

	private static Map<String, PlatformTransactionManager> filter(Map<String, PlatformTransactionManager> managers,
			Predicate<PlatformTransactionManager> condition) {
		Map<String, PlatformTransactionManager> filtered = new LinkedHashMap<>(managers);
		filtered.values().removeIf(condition.negate());
		return filtered;
	}

	/**
	 * Return whether transactions of a manager bind connections where we look for them.
	 */
	private boolean isOurs(PlatformTransactionManager manager) {
		DataSource dataSource = DataSources.managed(manager);
		return dataSource != null && TransactionSynchronizationUtils.unwrapResourceIfNecessary(dataSource)
			.equals(TransactionSynchronizationUtils.unwrapResourceIfNecessary(this.database.getDataSource()));
	}

	/**
	 * What a manager does that has neither a DataSource nor another resource, such as one
	 * of JTA, is not known.
	 */
	private boolean mayBeOurs(PlatformTransactionManager manager) {
		return isOurs(manager)
				|| DataSources.managed(manager) == null && !(manager instanceof ResourceTransactionManager);
	}

}
