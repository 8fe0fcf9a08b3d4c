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

import java.time.Duration;

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Changes properties.
 *
 * @param retention Time for which a change is kept after its commit. An instance that was
 * away for less gets it when it is back. From 1s to 36500d.
 */
@ConfigurationProperties(ChangeProperties.PREFIX)
public record ChangeProperties(@DefaultValue("1h") Duration retention) implements InitializingBean {

	static final String PREFIX = "durable-notify.changes";

	@Override
	public void afterPropertiesSet() {
		new PropertyRules(PREFIX).retention("retention", this.retention);
	}

}
