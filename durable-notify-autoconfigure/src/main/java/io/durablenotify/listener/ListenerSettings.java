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

package io.durablenotify.listener;

import java.time.Duration;

/**
 * Settings of the listener.
 *
 * @param enabled whether to listen at all
 * @param failFast whether the first connect must succeed
 * @param promptSocket whether to use {@link PromptSocketFactory}
 * @param applicationName the connection's {@code application_name}
 * @param connectTimeout how long a connect, and each statement on the connection, may
 * take
 * @param backoff the delays between connects
 * @param probe the probe's times
 */
public record ListenerSettings(boolean enabled, boolean failFast, boolean promptSocket, String applicationName,
		Duration connectTimeout, Backoff backoff, Probe probe) {

	/**
	 * Delays between connects.
	 *
	 * @param delay the first delay
	 * @param multiplier what each delay is multiplied with to give the next
	 * @param maxDelay the largest delay
	 * @param jitter the jitter of the first delay, which grows with it
	 */
	public record Backoff(Duration delay, double multiplier, Duration maxDelay, Duration jitter) {
	}

	/**
	 * Times of the probe.
	 *
	 * @param interval how long nothing may be heard before a probe
	 * @param timeout how long a probe's token may take
	 */
	public record Probe(Duration interval, Duration timeout) {
	}

}
