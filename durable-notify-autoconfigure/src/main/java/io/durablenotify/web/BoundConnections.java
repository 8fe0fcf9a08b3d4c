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

package io.durablenotify.web;

import java.util.concurrent.atomic.AtomicBoolean;

import jakarta.persistence.EntityManager;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.hibernate.Session;
import org.hibernate.engine.spi.SharedSessionContractImplementor;

import org.springframework.orm.jpa.EntityManagerHolder;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.ClassUtils;

/**
 * Warns of a connection that a request keeps while its response is open.
 */
final class BoundConnections {

	private static final Log logger = LogFactory.getLog(SseStreams.class);

	private static final boolean HIBERNATE_PRESENT = isPresent("org.springframework.orm.jpa.EntityManagerHolder")
			&& isPresent("org.hibernate.engine.spi.SharedSessionContractImplementor");

	private final AtomicBoolean warned = new AtomicBoolean();

	private static boolean isPresent(String className) {
		return ClassUtils.isPresent(className, BoundConnections.class.getClassLoader());
	}

	/**
	 * Return whether something is bound to the request's thread that is closed by the
	 * dispatch after asynchronous processing. That is an entity manager, by open-in-view.
	 */
	static boolean areResourcesBound() {
		return !TransactionSynchronizationManager.getResourceMap().isEmpty();
	}

	/**
	 * Warn, once, if the request has an entity manager that holds a connection.
	 */
	void warnIfHeld() {
		if (HIBERNATE_PRESENT && !this.warned.get() && Hibernate.isConnectionHeld()
				&& this.warned.compareAndSet(false, true)) {
			logger.warn("The request holds a connection of the pool while its server-sent events are written: "
					+ "Hibernate has used one and keeps it until the response ends. When as many responses are open "
					+ "as the pool has connections, every other request waits for one. Set "
					+ "spring.jpa.open-in-view=false");
		}
	}

	/**
	 * Touches Hibernate only where it is there.
	 */
	private static final class Hibernate {

		private static boolean isConnectionHeld() {
			return TransactionSynchronizationManager.getResourceMap()
				.values()
				.stream()
				.anyMatch((resource) -> resource instanceof EntityManagerHolder holder
						&& isConnectionHeld(holder.getEntityManager()));
		}

		private static boolean isConnectionHeld(EntityManager entityManager) {
			// Spring gives a proxy
			return entityManager.isOpen() && entityManager instanceof Session
					&& entityManager.unwrap(SharedSessionContractImplementor.class)
						.getJdbcCoordinator()
						.getLogicalConnection()
						.isPhysicallyConnected();
		}

	}

}
