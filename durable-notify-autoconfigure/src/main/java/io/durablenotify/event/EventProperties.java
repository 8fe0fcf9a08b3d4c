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

package io.durablenotify.event;

import java.time.Duration;
import java.util.List;

import io.durablenotify.database.Texts;
import io.durablenotify.properties.PropertyRules;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * Events properties.
 *
 * @param maxPayloadSize Maximum size of an event's payload. From 1B to 512MB.
 * @param appendTimeout Time that an append waits for a run that another transaction has
 * locked. From 10ms to 1h.
 * @param terminalTypes Types of the events that end a run.
 * @param retention Time after its end at which a run is deleted. Without it, runs are
 * kept. From 1s to 36500d.
 */
@ConfigurationProperties(EventProperties.PREFIX)
public record EventProperties(@DefaultValue("1MB") DataSize maxPayloadSize, @DefaultValue("10s") Duration appendTimeout,
		@DefaultValue( {
				"run_completed", "run_failed", "run_cancelled" }) List<String> terminalTypes,
		@Nullable Duration retention) implements InitializingBean{

	static final String PREFIX = "durable-notify.events";

	/**
	 * Create the properties.
	 * @param maxPayloadSize the maximum size of a payload
	 * @param appendTimeout how long an append waits for a locked run
	 * @param terminalTypes the types of the events that end a run
	 * @param retention the time after which an ended run is deleted, or {@code null}
	 */
	public EventProperties {
		terminalTypes = List.copyOf(terminalTypes);
	}

	@Override
	public void afterPropertiesSet() {
		PropertyRules rules = new PropertyRules(PREFIX);
		rules.valueSize("max-payload-size", this.maxPayloadSize);
		rules.lockTimeout("append-timeout", this.appendTimeout);
		rules.retention("retention", this.retention);
		rules.check(!this.terminalTypes.isEmpty(), "terminal-types", "",
				"Must have at least one type: without one no run would ever end.");
		this.terminalTypes.forEach((type) -> rules.check(Texts.isStorable(type, EventTexts.MAX_TYPE_LENGTH),
				"terminal-types", Texts.shown(type),
				"Must be types that have 1 to %d characters, none of them NUL or half a surrogate pair."
					.formatted(EventTexts.MAX_TYPE_LENGTH)));
	}

}
