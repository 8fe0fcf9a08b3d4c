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

package io.durablenotify.channel;

import java.time.Duration;

import io.durablenotify.properties.PropertyRules;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Channel properties.
 *
 * @param pollInterval Interval at which addresses that are waited for are polled
 * regardless of notifications. From 50ms to 1d.
 * @param directRetention Time after which a message of a direct channel that was not
 * received is deleted. Without it, such messages are kept. From 1s to 36500d.
 * @param subscriberLimit Time without activity after which a durable subscriber no longer
 * holds up retention: when it comes back, it gets a gap. From 1s to 36500d.
 */
@ConfigurationProperties(ChannelProperties.PREFIX)
public record ChannelProperties(@DefaultValue("1s") Duration pollInterval, @Nullable Duration directRetention,
		@DefaultValue("7d") Duration subscriberLimit) implements InitializingBean {

	static final String PREFIX = "durable-notify.channels";

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.interval("poll-interval", this.pollInterval);
		rules.retention("direct-retention", this.directRetention);
		rules.between("subscriber-limit", this.subscriberLimit, Duration.ofSeconds(1), Duration.ofDays(36_500));
	}

}
