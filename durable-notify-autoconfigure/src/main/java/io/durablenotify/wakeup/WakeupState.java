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
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The state of the wake-ups between instances.
 *
 * @param instance what the others know this instance by, or {@code null} where none sends
 * to others
 * @param pause how long a wake-up waits at most until it is sent, zero while nothing is
 * to be sent
 * @param others the other instances that have sent a wake-up in the last minute, the
 * latest first
 */
public record WakeupState(@Nullable String instance, Duration pause, List<Other> others) {

	/**
	 * The state where no instance sends to others.
	 */
	public static final WakeupState NONE = new WakeupState(null, Duration.ZERO, List.of());

	/**
	 * Another instance.
	 *
	 * @param id what it calls itself
	 * @param sinceWakeup how long ago its last wake-up was received
	 */
	public record Other(String id, Duration sinceWakeup) {
	}

}
