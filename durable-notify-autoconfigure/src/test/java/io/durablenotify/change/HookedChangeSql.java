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

package io.durablenotify.change;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Collection;
import java.util.concurrent.Executor;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.Delays;
import io.durablenotify.observation.Observations;
import io.durablenotify.schema.Schema;
import io.durablenotify.testsupport.Instance;
import io.durablenotify.wakeup.Poll;
import io.durablenotify.wakeup.Wakeups;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of changes, with a hook before each read.
 */
class HookedChangeSql extends ChangeSql {

	private final Instance instance;

	private final Hook beforeRead;

	HookedChangeSql(Instance instance, Hook beforeRead) {
		super(instance.bean(Schema.class).name());
		this.instance = instance;
		this.beforeRead = beforeRead;
	}

	@Override
	ChangePage read(Connection connection, ChangePosition position, Watermark watermark, @Nullable String target,
			Collection<String> topics, int limit) throws SQLException {
		this.beforeRead.run(connection, position);
		return super.read(connection, position, watermark, target, topics, limit);
	}

	/**
	 * Return a reader in addition to the instance's own.
	 */
	ChangeReader reader(Executor executor) {
		return new ChangeReader(this.instance.bean(ApplicationDatabase.class), this, executor,
				this.instance.bean(Wakeups.class), this.instance.bean(Poll.class), Clock.systemUTC(), Observations.NONE,
				Delays.ofJvm());
	}

	/**
	 * What comes before a read.
	 */
	@FunctionalInterface
	interface Hook {

		void run(Connection connection, ChangePosition position) throws SQLException;

	}

}
