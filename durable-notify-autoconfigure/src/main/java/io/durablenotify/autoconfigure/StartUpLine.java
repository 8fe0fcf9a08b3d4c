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

package io.durablenotify.autoconfigure;

import java.time.Duration;
import java.util.Locale;

import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.listener.ListenerProperties;
import io.durablenotify.schema.DatabaseProduct;
import io.durablenotify.schema.Schema;
import io.durablenotify.wakeup.PollProperties;
import io.durablenotify.wakeup.WakeupProperties;
import io.durablenotify.wakeup.Wakeups;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.core.env.Environment;

/**
 * Logs once at start-up what runs, where, and how it is set.
 *
 * @param product the database product
 * @param database the database
 * @param schema the schema
 * @param listener how it listens
 * @param poll how it polls
 * @param mode when it wakes others
 * @param wakeups what they know it by
 * @param environment the application's environment
 */
record StartUpLine(DatabaseProduct product, ApplicationDatabase database, Schema schema, ListenerProperties listener,
		PollProperties poll, WakeupProperties mode, Wakeups wakeups,
		Environment environment) implements InitializingBean {

	private static final Log logger = LogFactory.getLog(DurableNotifyAutoConfiguration.class);

	@Override
	public void afterPropertiesSet() {
		logger.info("durable-notify %sruns on %s at %s: schema %s%s, %s, %s, wake-ups %s%s".formatted(
				optional("%s ", StartUpLine.class.getPackage().getImplementationVersion()), this.product.description(),
				this.database.getTarget(), this.schema.name(), optional(" at version %s", this.schema.version()),
				(this.listener.enabled()) ? "listening as " + this.listener.applicationName(this.environment)
						: "not listening",
				(this.poll.interval().isZero()) ? "no poll" : "poll " + format(this.poll.interval()),
				this.mode.mode().name().toLowerCase(Locale.ROOT).replace('_', ' '),
				optional(", instance %s", this.wakeups.state().instance())));
	}

	private static String format(Duration duration) {
		return (duration.toMillisPart() == 0) ? duration.toSeconds() + "s" : duration.toMillis() + "ms";
	}

	private static String optional(String format, @Nullable String value) {
		return (value != null) ? format.formatted(value) : "";
	}

}
