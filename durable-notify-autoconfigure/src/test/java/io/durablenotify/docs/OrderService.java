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

package io.durablenotify.docs;

import io.durablenotify.docs.WorkExampleTests.Ledger;
import io.durablenotify.docs.WorkExampleTests.Mail;
import io.durablenotify.docs.WorkExampleTests.Order;
import io.durablenotify.docs.WorkExampleTests.OrderRepository;
import io.durablenotify.work.WorkListener;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

// tag::class[]
@Service
class OrderService {

	private final OrderRepository orders;

	private final Ledger ledger;

	private final WorkQueue work;

	OrderService(OrderRepository orders, Ledger ledger, WorkQueue work) {
		this.orders = orders;
		this.ledger = ledger;
		this.work = work;
	}

	// tag::work[]
	@Transactional
	void order(Order order) {
		this.orders.save(order);
		this.work.enqueue(WorkRequest.of("mail", new Mail(order.id())).orderingKey(order.customer()));
	}

	@WorkListener(queue = "mail", transactional = true)
	void book(Mail mail) {
		this.ledger.book(mail); // once: the item is completed in the same transaction
	}
	// end::work[]

}
// end::class[]
