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

import java.time.Duration;

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Server-sent events properties.
 *
 * @param heartbeatInterval Time without an event after which a comment is sent. From 50ms
 * to 1d.
 * @param writeTimeout Time after which a client that takes nothing is given up. From 50ms
 * to 1d.
 */
@ConfigurationProperties(SseProperties.PREFIX)
public record SseProperties(@DefaultValue("15s") Duration heartbeatInterval,
		@DefaultValue("30s") Duration writeTimeout) implements InitializingBean {

	static final String PREFIX = "durable-notify.sse";

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.interval("heartbeat-interval", this.heartbeatInterval);
		rules.interval("write-timeout", this.writeTimeout);
	}

}
