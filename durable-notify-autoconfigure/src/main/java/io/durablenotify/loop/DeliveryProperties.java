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

package io.durablenotify.loop;

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Delivery properties.
 *
 * @param maxThreads Maximum number of threads that call handlers. Has no effect if
 * virtual threads are enabled. From 1 to 10000.
 */
@ConfigurationProperties(DeliveryProperties.PREFIX)
public record DeliveryProperties(@DefaultValue("256") int maxThreads) implements InitializingBean {

	static final String PREFIX = "durable-notify.delivery";

	@Override
	public void afterPropertiesSet() {
		new PropertyRules(PREFIX).between("max-threads", this.maxThreads, 1, 10_000);
	}

}
