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

package io.durablenotify.instance;

import java.time.Duration;

import io.durablenotify.properties.PropertyRules;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The properties of this instance's lease. Streams are what users know it by.
 *
 * @param lease Time without a sign of life from an instance after which streams that it
 * is writing with an appender fail, and its consumers are taken over. From 1s to 1d.
 */
@ConfigurationProperties(LeaseProperties.PREFIX)
public record LeaseProperties(@DefaultValue("30s") Duration lease) implements InitializingBean {

	static final String PREFIX = "durable-notify.streams";

	/**
	 * The shortest lease: renewed three times in it.
	 */
	public static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);

	/**
	 * The longest lease.
	 */
	public static final Duration LONGEST_LEASE = Duration.ofDays(1);

	@Override
	public void afterPropertiesSet() {
		new PropertyRules(PREFIX).between("lease", this.lease, SHORTEST_LEASE, LONGEST_LEASE);
	}

	/**
	 * Return whether a lease can have a length.
	 * @param lease the length
	 * @return whether it can
	 */
	public static boolean isValidLease(Duration lease) {
		return lease.compareTo(SHORTEST_LEASE) >= 0 && lease.compareTo(LONGEST_LEASE) <= 0;
	}

}
