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
package io.durablenotify.outbox;

/**
 * Publishes events to receivers outside of the database, as part of the caller's
 * transaction. An event is sent if that commits, and only then. It is sent at least once,
 * by an {@link OutboxSender}, however long the receiver is away. Receivers recognize what
 * they get twice by the event's id.
 * <p>
 * An event is an item of work in the queue {@code outbox/<sender>}, which other writers
 * may enqueue too. Thread-safe.
 */
public interface Outbox {

	/**
	 * Publish an event with the caller's transaction. It is stored just before that
	 * commits.
	 * @param event the event
	 * @return the event's id
	 * @throws IllegalStateException if there is no transaction of the DataSource that
	 * durable-notify uses, or the event names no sender and there is not exactly one
	 * @throws IllegalArgumentException if the event cannot be written as JSON, or is
	 * larger than {@code durable-notify.work.max-payload-size}
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException in a read-only
	 * transaction
	 * @throws org.springframework.core.task.TaskRejectedException if the transaction has
	 * published more than {@code durable-notify.work.enqueue-buffer} events
	 */
	String publish(OutboxEvent event);

}
