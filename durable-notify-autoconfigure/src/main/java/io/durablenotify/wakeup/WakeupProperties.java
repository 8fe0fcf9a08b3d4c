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
 * Wake-up properties.
 *
 * @param mode When to notify other instances of what was written.
 * @param maxGap Maximum pause between two notifications of an instance. Up to 1m.
 */
@ConfigurationProperties(WakeupProperties.PREFIX)
public record WakeupProperties(@DefaultValue("after-commit") WakeupMode mode,
		@DefaultValue("100ms") Duration maxGap) implements InitializingBean {

	static final String PREFIX = "durable-notify.wakeup";

	@Override
	@SuppressWarnings("deprecation")
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.check(this.mode != WakeupMode.IN_TRANSACTION, "mode", "in-transaction",
				"Must be after-commit or none. The mode in-transaction has been removed: only instances of "
						+ "durable-notify understand its notifications. For other listeners, send a NOTIFY of your own.");
		rules.between("max-gap", this.maxGap, Duration.ZERO, Duration.ofMinutes(1));
	}

}
