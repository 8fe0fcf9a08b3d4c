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

import java.util.Map;

import jakarta.persistence.EntityManager;
import jakarta.persistence.EntityManagerFactory;
import org.hibernate.FlushMode;
import org.hibernate.Session;

import org.springframework.dao.support.DataAccessUtils;
import org.springframework.orm.jpa.EntityManagerFactoryInfo;
import org.springframework.orm.jpa.EntityManagerFactoryUtils;
import org.springframework.orm.jpa.EntityManagerHolder;
import org.springframework.orm.jpa.JpaDialect;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.ClassUtils;

/**
 * The JPA persistence contexts of the current transaction, which flush at its commit,
 * after all callbacks.
 */
final class PersistenceContexts {

	private static final boolean PRESENT = isPresent("org.springframework.orm.jpa.EntityManagerHolder")
			&& isPresent("jakarta.persistence.EntityManager");

	private PersistenceContexts() {
	}

	/**
	 * Write what the commit would write. What the commit would leave in memory stays
	 * there.
	 * @throws RuntimeException as the commit would throw it
	 */
	static void flush() {
		if (PRESENT) {
			Jpa.flush();
		}
	}

	private static boolean isPresent(String className) {
		return ClassUtils.isPresent(className, PersistenceContexts.class.getClassLoader());
	}

	/**
	 * Touches JPA only where it is there.
	 */
	private static final class Jpa {

		private static void flush() {
			Map.copyOf(TransactionSynchronizationManager.getResourceMap()).forEach((key, resource) -> {
				// An extended persistence context, which has a separate transaction,
				// has another key
				if (key instanceof EntityManagerFactory factory && resource instanceof EntityManagerHolder holder) {
					flush(factory, holder.getEntityManager());
				}
			});
		}

		private static void flush(EntityManagerFactory factory, EntityManager entityManager) {
			if (!entityManager.isOpen() || !entityManager.isJoinedToTransaction()
					|| Hibernate.isManual(entityManager)) {
				return;
			}
			try {
				entityManager.flush();
			}
			catch (RuntimeException ex) {
				JpaDialect dialect = (factory instanceof EntityManagerFactoryInfo info) ? info.getJpaDialect() : null;
				throw DataAccessUtils.translateIfNecessary(ex,
						(dialect != null) ? dialect : EntityManagerFactoryUtils::convertJpaAccessExceptionIfPossible);
			}
		}

	}

	/**
	 * Touches Hibernate only where it is there.
	 */
	private static final class Hibernate {

		private static final boolean PRESENT = isPresent("org.hibernate.Session");

		/**
		 * Return whether a commit flushes nothing, which JPA knows no mode for.
		 */
		private static boolean isManual(EntityManager entityManager) {
			return PRESENT && entityManager instanceof Session session
					&& session.getHibernateFlushMode() == FlushMode.MANUAL;
		}

	}

}
