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

/**
 * The state of the wake-ups between instances.
 *
 * @param pause how long a wake-up waits at most until it is sent, zero while nothing is
 * to be sent
 * @param instances how many other instances have sent a wake-up in the last minute
 */
public record WakeupState(Duration pause, int instances) {

	/**
	 * The state where no instance sends to others.
	 */
	public static final WakeupState NONE = new WakeupState(Duration.ZERO, 0);

}
