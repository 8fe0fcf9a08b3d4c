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

package io.durablenotify.work;

import java.time.Duration;

import io.durablenotify.database.Texts;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.PessimisticLockingFailureException;

/**
 * Thrown when another transaction held a key, or a queue that it has created or changed,
 * for longer than {@code durable-notify.work.enqueue-timeout}. Nothing was stored or
 * changed, and the request can be repeated; in a transaction of the caller's, that must
 * roll back first.
 */
public final class WorkLockedException extends PessimisticLockingFailureException {

	private static final String WITH_KEY = "Likely one that enqueued with it and has not committed yet: keep it short, "
			+ "or use enqueueOnCommit()";

	private static final String CREATING = "Likely one that creates the queue with its first item and has not committed "
			+ "yet: keep it short, use enqueueOnCommit(), or have the queue created before, by a listener or "
			+ "WorkAdmin.resume";

	private WorkLockedException(String message, @Nullable Throwable cause) {
		super(message, cause);
	}

	WorkLockedException(String queue, @Nullable String key, Duration waited, @Nullable Throwable cause) {
		this((key != null) ? "Key %s of queue '%s'".formatted(Texts.shown(key), queue)
				: "The row of queue '%s'".formatted(queue), waited, (key != null) ? WITH_KEY : CREATING, cause);
	}

	private WorkLockedException(String what, Duration waited, String likely, @Nullable Throwable cause) {
		this("%s was locked by another transaction for more than %d ms; nothing was stored. %s".formatted(what,
				waited.toMillis(), likely), cause);
	}

	/**
	 * One of several keys was locked.
	 */
	static WorkLockedException ofKeys(String queue, int keys, Duration waited, @Nullable Throwable cause) {
		return new WorkLockedException("One of %d keys of queue '%s'".formatted(keys, queue), waited, WITH_KEY, cause);
	}

	/**
	 * Create for a queue that was to be changed.
	 */
	static WorkLockedException ofQueue(String queue, Duration waited, @Nullable Throwable cause) {
		return new WorkLockedException(("Queue '%s' was locked by another transaction for more than %d ms; nothing was "
				+ "changed. Likely one that has changed the queue, or enqueued with one of its keys, and has not "
				+ "committed yet: keep it short")
			.formatted(queue, waited.toMillis()), cause);
	}

}
