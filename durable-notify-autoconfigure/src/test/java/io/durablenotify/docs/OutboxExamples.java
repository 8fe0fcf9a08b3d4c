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

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.docs.WorkExampleTests.Order;
import io.durablenotify.docs.WorkExampleTests.OrderRepository;
import io.durablenotify.outbox.Externalized;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxHttpCustomizer;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.RetryLaterException;
import io.durablenotify.work.WorkAdmin;

import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/**
 * The examples of docs/outbox.md.
 */
final class OutboxExamples {

	private OutboxExamples() {
	}

	// tag::externalized[]
	@Externalized(sender = "billing", type = "order.cancelled", orderingKey = "customer()")
	record OrderCancelled(String id, String customer) {
	}
	// end::externalized[]

	@Service
	static class Orders {

		private final OrderRepository orders;

		private final Outbox outbox;

		private final ApplicationEventPublisher events;

		Orders(OrderRepository orders, Outbox outbox, ApplicationEventPublisher events) {
			this.orders = orders;
			this.outbox = outbox;
			this.events = events;
		}

		// tag::publish[]
		@Transactional
		void order(Order order) {
			this.orders.save(order);
			this.outbox.publish(OutboxEvent.of("order.placed", order)
				.sender("billing")
				.subject("orders/" + order.id())
				.orderingKey(order.customer()));
		}
		// end::publish[]

		// tag::event[]
		@Transactional
		void cancel(Order order) {
			this.orders.save(order);
			this.events.publishEvent(new OrderCancelled(order.id(), order.customer()));
		}
		// end::event[]

	}

	// tag::dead[]
	static int sendAgain(WorkAdmin admin) {
		return admin.requeue(DeadQuery.of("outbox/billing"));
	}
	// end::dead[]

	@Configuration(proxyBeanMethods = false)
	static class Credentials {

		// tag::customizer[]
		@Bean
		OutboxHttpCustomizer credentials() {
			return (sender, builder) -> builder.defaultHeaders((headers) -> headers.setBearerAuth(token(sender)));
		}
		// end::customizer[]

		private static String token(String sender) {
			return "token-of-" + sender;
		}

	}

	// tag::sender[]
	@Service
	static class AuditSender implements OutboxSender {

		private final AuditTrail trail;

		AuditSender(AuditTrail trail) {
			this.trail = trail;
		}

		@Override
		public String name() {
			return "audit";
		}

		@Override
		public void send(OutboxMessage message) {
			if (this.trail.isFull()) {
				throw new RetryLaterException("The audit trail is full", Duration.ofMinutes(10));
			}
			this.trail.append(message.id(), message.type(), message.data());
		}

	}
	// end::sender[]

	/**
	 * What the example sends to.
	 */
	static class AuditTrail {

		private final List<String> entries = new CopyOnWriteArrayList<>();

		boolean isFull() {
			return this.entries.size() > 1_000;
		}

		void append(String id, String type, byte[] data) {
			this.entries.add(type + " " + new String(data));
		}

		List<String> entries() {
			return this.entries;
		}

	}

}
