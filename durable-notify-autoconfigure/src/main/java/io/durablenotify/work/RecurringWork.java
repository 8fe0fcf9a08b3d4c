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
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.PeriodicTask;
import io.durablenotify.wakeup.PublishingWrites;
import org.apache.commons.logging.LogFactory;

/**
 * Creates the items of recurring work that are missing. That is after the start, and once
 * a minute, since an item can be cancelled, purged, or dead with the instances that have
 * tried it. A changed schedule moves the item after the start only, or after the run that
 * the item was in then, so that two versions of an application do not move it back and
 * forth.
 */
final class RecurringWork extends PeriodicTask implements Recurrences {

	private static final Duration INTERVAL = Duration.ofMinutes(1);

	private final ApplicationDatabase database;

	private final RecurringSql sql;

	private final PublishingWrites writes;

	private final List<Registration> registrations = new CopyOnWriteArrayList<>();

	/**
	 * Those whose schedules have not been compared with the stored ones.
	 */
	private final Queue<Registration> started = new ConcurrentLinkedQueue<>();

	RecurringWork(ApplicationDatabase database, RecurringSql sql, PublishingWrites writes) {
		super("recurring", "durable-notify-recurring-work", INTERVAL,
				new FailureLog(LogFactory.getLog(WorkListeners.class), "Failed to store recurring work",
						"Recurring work is stored again"));
		this.database = database;
		this.sql = sql;
		this.writes = writes;
	}

	@Override
	public Subscription add(Recurrence recurrence) {
		Registration registration = new Registration(recurrence);
		this.registrations.add(registration);
		this.started.add(registration);
		wake();
		return registration;
	}

	@Override
	public void start() {
		this.started.addAll(this.registrations);
		super.start();
		wake();
	}

	@Override
	protected boolean run() {
		for (Registration registration = this.started.peek(); registration != null; registration = this.started
			.peek()) {
			store(registration.recurrence, true);
			// Another thread may have taken it meanwhile
			this.started.remove(registration);
		}
		this.registrations.forEach((registration) -> store(registration.recurrence, false));
		return false;
	}

	private void store(Recurrence recurrence, boolean move) {
		this.database.executeSeparately("store recurring work", ApplicationDatabase.SOCKET_TIMEOUT,
				(connection, joined) -> this.writes.run(WorkTopics.QUEUES, connection, false,
						(session, inTransaction) -> this.sql.store(session, recurrence, move)));
	}

	/**
	 * Recurring work of a bean.
	 */
	private final class Registration implements Subscription {

		private final Recurrence recurrence;

		private Registration(Recurrence recurrence) {
			this.recurrence = recurrence;
		}

		@Override
		public void cancel() {
			RecurringWork.this.registrations.remove(this);
			RecurringWork.this.started.remove(this);
		}

		@Override
		public boolean isActive() {
			return RecurringWork.this.registrations.contains(this);
		}

		@Override
		public String toString() {
			return this.recurrence.toString();
		}

	}

}
