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

package io.durablenotify.testsupport;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

import javax.sql.DataSource;

import io.durablenotify.Subscription;
import io.durablenotify.channel.DurableChannels;
import io.durablenotify.channel.Message;
import io.durablenotify.outbox.Outbox;
import io.durablenotify.outbox.OutboxEvent;
import io.durablenotify.outbox.OutboxMessage;
import io.durablenotify.outbox.OutboxSender;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.stream.StreamReader;
import io.durablenotify.stream.StreamWriter;
import io.durablenotify.work.DeadQuery;
import io.durablenotify.work.WorkAdmin;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkListeners;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQuery;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;

import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Uses work, channels, consumers and the outbox, in the ways that send different
 * statements.
 */
public final class WorkFeatures implements AutoCloseable {

	private static final int MAX_ATTEMPTS = 20;

	private final ApplicationContext context;

	private final String name;

	private final List<String> handled = new CopyOnWriteArrayList<>();

	private final List<Subscription> subscriptions = new ArrayList<>();

	private final List<Subscription> consumers = new ArrayList<>();

	private WorkFeatures(ApplicationContext context, String name) {
		this.context = context;
		this.name = name;
	}

	/**
	 * Register a handler for each.
	 * @param context the application, with {@link Sources}
	 * @param name the name of queue, channels, consumers, keys
	 */
	public static WorkFeatures listen(ApplicationContext context, String name) {
		WorkFeatures features = new WorkFeatures(context, name);
		features.listen();
		return features;
	}

	private void listen() {
		WorkListeners work = bean(WorkListeners.class);
		DurableChannels channels = bean(DurableChannels.class);
		this.subscriptions.add(work.register(WorkListenerSpec.of(this.name), (item) -> handle("work", item.payload())));
		this.subscriptions.add(work.register(WorkListenerSpec.of(this.name + "/joined").inTransaction(),
				(item) -> handle("joined", item.payload())));
		this.subscriptions.add(channels.compete(this.name + "/compete", (message) -> handle("compete", message)));
		this.subscriptions.add(channels.handle(this.name + "/direct", (message) -> handle("direct", message)));
		subscribe();
	}

	/**
	 * Subscribe again to what ends with the consumer's row.
	 */
	public void subscribe() {
		this.consumers.forEach(Subscription::cancel);
		this.consumers.clear();
		StreamReader reader = bean(StreamReader.class);
		this.consumers.add(bean(DurableChannels.class).subscribe(this.name + "/all", this.name.replace('/', '-'),
				(message) -> handle("all", message)));
		this.consumers.add(reader.consumer(this.name + "/consumed", this.name)
			.subscribe((chunk) -> handle("consumer", chunk.chunk().data())));
		this.consumers.add(reader.prefixConsumer(this.name + "/cons", this.name + "/prefix")
			.inTransaction()
			.subscribe((chunk) -> handle("prefix", chunk.chunk().data())));
	}

	private WorkOutcome handle(String kind, byte[] data) {
		this.handled.add(kind + " " + new String(data, StandardCharsets.UTF_8));
		return WorkOutcome.done();
	}

	private void handle(String kind, Message message) {
		this.handled.add(kind + " " + message.text());
	}

	/**
	 * Write in each way, and wait until all is handled.
	 * @param text what is written
	 */
	public void use(String text) {
		this.handled.clear();
		enqueue(text);
		send(text);
		bean(StreamWriter.class).append(this.name + "/consumed", text);
		inTransaction(() -> writeInTransaction(text));
		inTransaction(() -> new JdbcTemplate(bean(DataSource.class)).queryForObject(
				"SELECT durable_notify.enqueue(?, ?)", Long.class, this.name, text.getBytes(StandardCharsets.UTF_8)));
		awaitHandled(7, "work " + text);
		awaitHandled(3, "joined " + text);
		Stream.of("compete ", "all ", "direct ", "consumer ", "prefix ")
			.forEach((kind) -> awaitHandled(2, kind + text));
		awaitHandled(2, "sent " + text);
		administer();
	}

	/**
	 * Repeated as an application does whose isolation level is a stricter one.
	 */
	private void inTransaction(Runnable work) {
		TransactionTemplate transaction = new TransactionTemplate(bean(PlatformTransactionManager.class));
		for (int attempt = 0;; attempt++) {
			try {
				transaction.executeWithoutResult((status) -> work.run());
				return;
			}
			catch (ConcurrencyFailureException ex) {
				if (attempt == MAX_ATTEMPTS) {
					throw ex;
				}
			}
		}
	}

	private void enqueue(String text) {
		WorkQueue work = bean(WorkQueue.class);
		work.enqueue(WorkRequest.of(this.name, text));
		work.enqueue(WorkRequest.of(this.name, text).key(this.name));
		work.enqueue(WorkRequest.of(this.name, text).orderingKey(this.name));
		work.enqueueAll(List.of(WorkRequest.of(this.name, text), WorkRequest.of(this.name, text).orderingKey(this.name),
				WorkRequest.of(this.name + "/joined", text)));
		work.enqueueAsync(WorkRequest.of(this.name, text)).join();
	}

	private void send(String text) {
		DurableChannels channels = bean(DurableChannels.class);
		channels.publish(this.name + "/compete", text);
		channels.publish(this.name + "/all", text);
		channels.send(this.name + "/direct", this.name, text);
		channels.send(this.name + "/received", this.name, text);
		assertThat(channels.receive(this.name + "/received", this.name, Eventually.TIMEOUT)).map(Message::text)
			.contains(text);
	}

	private void writeInTransaction(String text) {
		WorkQueue work = bean(WorkQueue.class);
		work.enqueue(WorkRequest.of(this.name + "/joined", text));
		work.enqueueOnCommit(WorkRequest.of(this.name + "/joined", text).orderingKey(this.name));
		Outbox outbox = bean(Outbox.class);
		outbox.publish(OutboxEvent.of("type", text).sender(Sender.NAME).subject(this.name));
		outbox.publish(OutboxEvent.of("type", text).sender(Sender.NAME).orderingKey(this.name));
		DurableChannels channels = bean(DurableChannels.class);
		channels.publish(this.name + "/compete", text);
		channels.publish(this.name + "/all", text);
		channels.send(this.name + "/direct", this.name, text);
		bean(StreamWriter.class).append(this.name + "/consumed", text);
	}

	private void administer() {
		WorkQueue work = bean(WorkQueue.class);
		WorkAdmin admin = bean(WorkAdmin.class);
		String queue = this.name + "/later";
		work.enqueue(WorkRequest.of(queue, "later").key(this.name).dueAt(Instant.now().plusSeconds(1000)));
		assertThat(work.reschedule(queue, this.name, Instant.now().plusSeconds(1000))).isTrue();
		admin.pause(queue);
		admin.limit(queue, 3);
		assertThat(admin.page(WorkQuery.of(queue)).items()).hasSize(1);
		assertThat(admin.queues()).isNotEmpty();
		admin.resume(queue);
		work.cancel(queue, this.name);
		assertThat(admin.requeue(DeadQuery.of(queue)) + admin.purge(DeadQuery.of(queue))).isZero();
		assertThat(bean(StreamConsumers.class).find(this.name)).isPresent();
		assertThat(bean(DurableChannels.class).subscribers(this.name + "/all")).hasSize(1);
	}

	private void awaitHandled(int count, String text) {
		Eventually.await(() -> all().filter(text::equals).count() >= count,
				() -> "%d of %s: %s".formatted(count, text, all().toList()));
	}

	private <T> T bean(Class<T> type) {
		return this.context.getBean(type);
	}

	private Stream<String> all() {
		return Stream.concat(this.handled.stream(), bean(Sender.class).sent.stream());
	}

	@Override
	public void close() {
		this.subscriptions.forEach(Subscription::cancel);
		this.consumers.forEach(Subscription::cancel);
	}

	/**
	 * The sender of the outbox.
	 */
	public static final class Sender implements OutboxSender {

		/**
		 * Its name.
		 */
		public static final String NAME = "features";

		private final List<String> sent = new CopyOnWriteArrayList<>();

		/**
		 * Wait until it has sent an event.
		 * @param text what the event has
		 */
		public void awaitSent(String text) {
			Eventually.await(() -> this.sent.contains("sent " + text), this.sent::toString);
		}

		@Override
		public String name() {
			return NAME;
		}

		@Override
		public void send(OutboxMessage message) {
			this.sent.add("sent " + new String(message.data(), StandardCharsets.UTF_8));
		}

	}

	/**
	 * The configuration of an instance.
	 */
	@Configuration(proxyBeanMethods = false)
	public static class Sources {

		@Bean
		Sender featuresSender() {
			return new Sender();
		}

	}

}
