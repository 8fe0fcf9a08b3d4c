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

import java.util.List;
import java.util.UUID;

import io.durablenotify.event.EventLog;
import io.durablenotify.event.NewEvent;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQuery;

import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;

/**
 * Sends the receipts of orders, which are work of their own. One that has no address to
 * go to is dead at once, and is kept until it is requeued.
 */
@Service
class Receipts {

	static final String QUEUE = "receipts";

	private static final int LIMIT = 10;

	private final EventLog log;

	private final JdbcClient jdbc;

	private final WorkAdmin admin;

	private final InstanceName instance;

	Receipts(EventLog log, JdbcClient jdbc, WorkAdmin admin, InstanceName instance) {
		this.log = log;
		this.jdbc = jdbc;
		this.admin = admin;
		this.instance = instance;
	}

	/**
	 * Send a receipt. Here it ends in the log of its order, in the transaction that
	 * completes the item: exactly once. (A mail server can be no part of that: give it
	 * the order's id, so that it can leave out the second of two.)
	 */
	@WorkListener(queue = QUEUE, transactional = true)
	WorkOutcome send(String order) {
		String address = this.jdbc.sql("select address from orders where id = ?")
			.param(UUID.fromString(order))
			.query(String.class)
			.single();
		if (!address.contains("@")) {
			return WorkOutcome.failPermanently("The address has no @");
		}
		this.log.appendAll(order, List.of(event(order, "receipt_sent"), event(order, "run_completed")));
		return WorkOutcome.done();
	}

	private NewEvent event(String order, String type) {
		return NewEvent.of(order, type).payload(this.instance.payload());
	}

	/**
	 * Return the receipts that were not sent, those that have waited longest first.
	 */
	List<DeadReceipt> dead() {
		return this.admin.page(WorkQuery.of(QUEUE).dead().limit(LIMIT))
			.items()
			.stream()
			.map((item) -> new DeadReceipt(item.id(), item.key(), item.lastError(), item.at()))
			.toList();
	}

	/**
	 * Send a receipt after all.
	 * @return whether it was dead
	 */
	boolean requeue(long id) {
		return this.admin.requeue(DeadQuery.of(QUEUE).item(id, false)) == 1;
	}

}
