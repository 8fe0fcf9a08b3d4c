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

import java.sql.Connection;
import java.sql.SQLException;

import javax.sql.DataSource;

import reactor.core.scheduler.Schedulers;

import org.springframework.jdbc.datasource.DelegatingDataSource;

/**
 * Fails if it is asked for a connection on a thread that must not block, such as those of
 * Reactor Netty.
 */
final class NonBlockingDataSource extends DelegatingDataSource {

	NonBlockingDataSource(DataSource dataSource) {
		super(dataSource);
	}

	@Override
	public Connection getConnection() throws SQLException {
		if (Schedulers.isInNonBlockingThread()) {
			throw new IllegalStateException("The database is asked on " + Thread.currentThread().getName());
		}
		return super.getConnection();
	}

}
