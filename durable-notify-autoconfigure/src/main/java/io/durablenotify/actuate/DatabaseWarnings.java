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

package io.durablenotify.actuate;

import org.apache.commons.logging.Log;

/**
 * Logs what a sample shows that needs attention, once until it is over. Not thread-safe.
 */
final class DatabaseWarnings {

	private static final double QUEUE = 0.1;

	private static final double CLOCK_SECONDS = 30;

	private final Log logger;

	private boolean queueLogged;

	private boolean clockLogged;

	DatabaseWarnings(Log logger) {
		this.logger = logger;
	}

	void check(DatabaseSample sample) {
		double queue = sample.notificationQueue();
		if (queue > QUEUE && !this.queueLogged) {
			this.queueLogged = true;
			this.logger
				.warn(("The server's queue of notifications is %d%% full: a session that listens does not read, or "
						+ "has an old transaction. When it is full, no notifications can be sent")
					.formatted(Math.round(queue * 100)));
		}
		else if (queue < QUEUE / 2 && this.queueLogged) {
			this.queueLogged = false;
			this.logger.info("The server's queue of notifications is nearly empty again");
		}
		double clock = Math.abs(sample.clockDifference());
		if (clock > CLOCK_SECONDS && !this.clockLogged) {
			this.clockLogged = true;
			this.logger.warn(("The database's clock differs from this machine's by %ds: times that the database has "
					+ "stored are wrong here by that much")
				.formatted(Math.round(clock)));
		}
		else if (clock < CLOCK_SECONDS / 2 && this.clockLogged) {
			this.clockLogged = false;
			this.logger.info("The database's clock agrees with this machine's again");
		}
	}

}
