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

import io.durablenotify.work.WorkItem;

/**
 * A timer that has expired.
 *
 * @param instanceId the instance of the workflow
 * @param timerId the timer of that instance
 * @param expiresAt when it was to expire
 * @param item the item of work: attempts, fencing token, whether the lease is lost
 */
public record Timer(String instanceId, String timerId, Instant expiresAt, WorkItem item) {

}
