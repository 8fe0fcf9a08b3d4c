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
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

import io.durablenotify.Subscription;
import io.durablenotify.channel.ChannelGap;
import io.durablenotify.channel.ChannelMessage;
import io.durablenotify.channel.ChannelMode;
import io.durablenotify.channel.ChannelSubscriber;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;
import io.durablenotify.channel.MessageHandler;
import io.durablenotify.docs.ChannelExampleTests.Order;
import io.durablenotify.docs.ChannelExampleTests.Price;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/**
 * The examples of docs/channels.md. What they show is {@link #seen}.
 */
@Component
class ChannelExamples {

	private final DurableChannels channels;

	private final JdbcTemplate jdbc;

	private final List<String> seen = new CopyOnWriteArrayList<>();

	ChannelExamples(DurableChannels channels, JdbcTemplate jdbc) {
		this.channels = channels;
		this.jdbc = jdbc;
	}

	List<String> seen() {
		return this.seen;
	}

	// tag::competing[]
	Subscription packers() { // in each instance: one of them gets each message
		return this.channels.compete("orders", (spec) -> spec.inTransaction().concurrency(4), (message) -> {
			Order order = message.payload(Order.class);
			this.jdbc.update("INSERT INTO packed VALUES (?)", order.id()); // once
		});
	}

	@Transactional
	void place(Order order) {
		this.jdbc.update("INSERT INTO placed VALUES (?)", order.id());
		this.channels.publish("orders", order);
	}
	// end::competing[]

	// tag::create[]
	void create() {
		this.channels.create("orders", ChannelMode.COMPETING);
		this.channels.create("prices", ChannelMode.BROADCAST);
	}
	// end::create[]

	// tag::broadcast[]
	Subscription prices(String shop) { // each shop gets each price, also after an absence
		return this.channels.subscribe("prices", shop, (consumer) -> consumer.inTransaction(), new MessageHandler() {

			@Override
			public void onMessage(Message message) {
				Price price = message.payload(Price.class);
				ChannelExamples.this.jdbc.update("INSERT INTO labels VALUES (?, ?, ?)", shop, price.article(),
						price.cents()); // once
			}

			@Override
			public void onGap(ChannelGap gap) { // away for longer than the limit
				ChannelExamples.this.seen.add(shop + " must fetch all prices");
			}

		});
	}
	// end::broadcast[]

	void publishPrice(Price price) {
		// tag::publish[]
		this.channels.publish("prices", ChannelMessage.of(price).header("currency", "EUR"));
		// end::publish[]
	}

	void removeIdle() {
		// tag::subscribers[]
		for (ChannelSubscriber subscriber : this.channels.subscribers("prices")) {
			if (subscriber.owner() == null && subscriber.lag() > 1_000_000) {
				this.channels.removeSubscriber("prices", subscriber.name());
			}
		}
		// end::subscribers[]
	}

	// tag::direct[]
	String ask(String question) {
		String address = "reply/" + question; // any text that you choose
		this.channels.send("questions", "oracle", ChannelMessage.of(question).header("reply-to", address));
		Optional<Message> reply = this.channels.receive("replies", address, Duration.ofSeconds(30));
		return reply.map(Message::text).orElse("no answer");
	}

	Subscription oracle() { // of all addresses of the channel: one at a time for each
		return this.channels.handle("questions", (spec) -> spec.inTransaction(), (message) -> {
			String answer = "42";
			this.channels.send("replies", message.headers().get("reply-to"), answer);
		});
	}
	// end::direct[]

	void receive() throws Exception {
		// tag::receive[]
		boolean paid = this.channels.receive("payments", "order/7", Duration.ofSeconds(10),
				(message) -> this.jdbc.update("INSERT INTO paid VALUES (?)", message.text()));
		// end::receive[]
		this.seen.add("paid " + paid);
	}

}
