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

package io.durablenotify.sample;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

import io.durablenotify.workflow.DurableTimers;
import io.durablenotify.workflow.Timer;
import io.durablenotify.workflow.TimerHandler;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * A reminder, which all instances share. Any of them may set it, set it again or cancel
 * it, and any of them sends it.
 * <p>
 * The timer is changed in the transaction that changes the row, and expires in one that
 * marks the row as sent. Each of them has the row first, so that they take turns.
 */
@Service
class Reminders implements TimerHandler {

	private static final String INSTANCE = "sample";

	private static final String REMINDER = "tea";

	private final DurableTimers timers;

	private final TransactionTemplate transaction;

	private final JdbcClient jdbc;

	private final InstanceName instance;

	Reminders(DurableTimers timers, TransactionTemplate transaction, JdbcClient jdbc, InstanceName instance) {
		this.timers = timers;
		this.transaction = transaction;
		this.jdbc = jdbc;
		this.instance = instance;
	}

	/**
	 * Set the reminder, or set it to another time.
	 */
	void set(Duration delay) {
		Instant dueAt = Instant.now().plus(delay).truncatedTo(ChronoUnit.MILLIS);
		this.transaction.executeWithoutResult((status) -> {
			this.jdbc.sql("""
					insert into reminders (name, due_at) values (?, ?)
					on conflict (name) do update set due_at = excluded.due_at, sent_at = null, sent_by = null
					""").params(REMINDER, dueAt.atOffset(ZoneOffset.UTC)).update();
			this.timers.set(name(), INSTANCE, REMINDER, dueAt);
		});
	}

	/**
	 * Cancel the reminder.
	 * @return whether it was set, and not sent yet
	 */
	boolean cancel() {
		return this.transaction.execute((status) -> {
			int cancelled = this.jdbc.sql("delete from reminders where name = ? and sent_at is null")
				.param(REMINDER)
				.update();
			if (cancelled > 0) {
				this.timers.cancel(name(), INSTANCE, REMINDER);
			}
			return cancelled > 0;
		});
	}

	Optional<Reminder> find() {
		return this.jdbc.sql("select due_at, sent_at, sent_by from reminders where name = ?")
			.param(REMINDER)
			.query(Reminder.class)
			.optional();
	}

	@Override
	public String name() {
		return "reminder";
	}

	@Override
	public boolean transactional() {
		return true;
	}

	/**
	 * Send the reminder, unless it has another time by now.
	 */
	@Override
	public void onTimer(Timer timer) {
		this.jdbc.sql("""
				update reminders set sent_at = clock_timestamp(), sent_by = ?
				where name = ? and due_at = ?
				""")
			.params(this.instance.toString(), timer.timerId(), timer.expiresAt().atOffset(ZoneOffset.UTC))
			.update();
	}

}
