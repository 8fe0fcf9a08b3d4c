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

package io.durablenotify.wakeup;

import java.time.Duration;

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Poll properties.
 *
 * @param interval Interval at which tables are polled regardless of notifications. From
 * 50ms to 1d. Zero to turn polling off.
 * @param degradedInterval Interval at which tables are polled while the listener is not
 * known to receive. From 50ms to 1d. Zero to use the regular interval.
 */
@ConfigurationProperties(PollProperties.PREFIX)
public record PollProperties(@DefaultValue("5s") Duration interval,
		@DefaultValue("1s") Duration degradedInterval) implements InitializingBean {

	static final String PREFIX = "durable-notify.poll";

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.intervalOrZero("interval", this.interval);
		rules.intervalOrZero("degraded-interval", this.degradedInterval);
	}

}
