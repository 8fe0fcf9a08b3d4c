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

package io.durablenotify.workflow;

import java.time.Instant;

import io.durablenotify.work.CancelOutcome;

/**
 * Timers of workflows, which survive the instance that has set them. They expire in any
 * instance of the application that has their {@link TimerHandler}.
 * <p>
 * A timer is an item of work in the queue {@code timer/<handler>} with the key
 * {@code <instanceId>/<timerId>}, and a payload {@code {"instance_id": …, "timer_id": …,
 * "expires_at": …}}, which other writers may enqueue too. Thread-safe.
 */
public interface DurableTimers {

	/**
	 * Set a timer, or set one to another time, as part of the caller's transaction where
	 * there is one. If its handler is running, it runs once more at the new time. If an
	 * instance is claiming the timer at this moment, it may expire at the old time, too.
	 * @param handler the {@link TimerHandler#name() name} of the handler: 1 to 249
	 * characters without white space
	 * @param instanceId the instance of the workflow: 1 to 255 characters
	 * @param timerId the timer of that instance: 1 to 255 characters, none of them a
	 * slash
	 * @param expiresAt when it expires, by the database's clock; at once if that is past
	 * @throws IllegalArgumentException if a name is not valid
	 * @throws io.durablenotify.work.WorkLockedException if another transaction has locked
	 * the timer for longer than {@code durable-notify.work.enqueue-timeout}
	 * @throws io.durablenotify.work.EnqueueOutcomeUnknownException if the connection was
	 * lost outside a transaction: repeat the call
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	void set(String handler, String instanceId, String timerId, Instant expiresAt);

	/**
	 * Cancel a timer, as part of the caller's transaction where there is one.
	 * @param handler the name of the handler
	 * @param instanceId the instance of the workflow
	 * @param timerId the timer of that instance
	 * @return whether it was set, and whether an instance had claimed it
	 * @throws io.durablenotify.work.WorkLockedException as {@link #set} does
	 * @throws io.durablenotify.work.EnqueueOutcomeUnknownException as {@link #set} does
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	CancelOutcome cancel(String handler, String instanceId, String timerId);

}
