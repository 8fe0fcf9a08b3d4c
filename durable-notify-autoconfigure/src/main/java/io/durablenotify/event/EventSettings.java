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

import org.jspecify.annotations.Nullable;

/**
 * Settings of events.
 *
 * @param maxPayloadSize the largest payload, in bytes
 * @param appendTimeout how long an append waits for a run that another transaction holds
 * @param terminalTypes the types of events that end a run
 * @param retention how long runs are kept after their end, or {@code null} for ever
 */
public record EventSettings(int maxPayloadSize, Duration appendTimeout, List<String> terminalTypes,
		@Nullable Duration retention) {

	public EventSettings {
		terminalTypes = List.copyOf(terminalTypes);
	}

	/**
	 * Return whether a text can be the type of an event.
	 * @param type the text
	 * @return whether it can
	 */
	public static boolean isType(String type) {
		return !type.isEmpty() && type.length() <= EventTexts.MAX_TYPE_LENGTH;
	}

}
