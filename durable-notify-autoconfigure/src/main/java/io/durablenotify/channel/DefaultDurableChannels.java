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

package io.durablenotify.channel;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import io.durablenotify.Subscription;
import io.durablenotify.channel.ChannelSql.Received;
import io.durablenotify.database.HandlerTransaction;
import io.durablenotify.database.HandlerTransactions;
import io.durablenotify.measure.Tally;
import io.durablenotify.stream.StreamConsumer;
import io.durablenotify.wakeup.Wakeups;
import io.durablenotify.work.PermanentFailureException;
import io.durablenotify.work.QueueListeners;
import io.durablenotify.work.WorkItem;
import io.durablenotify.work.WorkListenerSpec;
import io.durablenotify.work.WorkOutcome;
import io.durablenotify.work.WorkQueue;
import io.durablenotify.work.WorkRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.context.SmartLifecycle;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.support.TransactionOperations;
import org.springframework.util.Assert;

/**
 * The {@link DurableChannels}: competing and direct channels are queues of work, and
 * broadcast ones are streams. Waits end before the web server stops.
 */
final class DefaultDurableChannels implements DurableChannels, ChannelDelivery, SmartLifecycle, AutoCloseable {

	/**
	 * The topic of wake-ups for messages of addresses.
	 */
	static final String TOPIC = "channel";

	private static final Duration LONGEST_WAIT = Duration.ofDays(36_500);

	private final ChannelModes modes;

	private final ChannelPayloads payloads;

	private final WorkQueue work;

	private final QueueListeners listeners;

	private final Broadcasts broadcasts;

	private final DirectWaits waits;

	private final DirectReceiver receiver;

	private final HandlerTransactions transactions;

	private final Subscription subscription;

	private volatile boolean running;

	DefaultDurableChannels(ChannelModes modes, ChannelPayloads payloads, WorkQueue work, QueueListeners listeners,
			Broadcasts broadcasts, DirectWaits waits, DirectReceiver receiver, Wakeups wakeups,
			HandlerTransactions transactions) {
		this.modes = modes;
		this.payloads = payloads;
		this.work = work;
		this.listeners = listeners;
		this.broadcasts = broadcasts;
		this.waits = waits;
		this.receiver = receiver;
		this.transactions = transactions;
		this.subscription = wakeups.subscribe(TOPIC, waits);
	}

	@Override
	public void create(String channel, ChannelMode mode) {
		Assert.notNull(mode, "'mode' must not be null");
		this.modes.requireWritable(channel);
		this.modes.require(channel, mode);
	}

	@Override
	public String publish(String channel, ChannelMessage message) {
		Assert.notNull(message, "'message' must not be null");
		this.modes.requireWritable(channel);
		ChannelMode mode = this.modes.find(channel);
		if (mode == null) {
			throw new IllegalStateException(
					("Channel '%s' does not exist, nothing was stored: create it first, such as by create(\"%1$s\", "
							+ "ChannelMode.COMPETING) or create(\"%1$s\", ChannelMode.BROADCAST)")
						.formatted(channel));
		}
		if (mode == ChannelMode.DIRECT) {
			throw new ChannelModeException(channel, mode, "COMPETING or BROADCAST");
		}
		StoredMessage stored = this.payloads.encode(channel, null, message);
		if (mode == ChannelMode.BROADCAST) {
			this.broadcasts.publish(channel, ChannelJson.write(stored));
		}
		else {
			this.work.enqueue(WorkRequest.of(ChannelNames.of(channel), ChannelJson.write(stored)));
		}
		return stored.id();
	}

	@Override
	public String send(String channel, String address, ChannelMessage message) {
		Assert.notNull(message, "'message' must not be null");
		DirectAddress to = DirectAddress.of(channel, address);
		this.modes.requireWritable(channel);
		StoredMessage stored = this.payloads.encode(channel, address, message);
		this.modes.require(channel, ChannelMode.DIRECT);
		this.work.enqueue(WorkRequest.of(to.queue(), ChannelJson.write(stored)).orderingKey(address));
		this.receiver.sent(to);
		return stored.id();
	}

	@Override
	public Subscription compete(String channel, UnaryOperator<WorkListenerSpec> settings, MessageHandler handler) {
		return listen(channel, ChannelMode.COMPETING, settings, handler);
	}

	@Override
	public Subscription subscribe(String channel, String subscriber, UnaryOperator<StreamConsumer> settings,
			MessageHandler handler) {
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(handler, "'handler' must not be null");
		ChannelNames.consumer(channel, subscriber);
		this.modes.requireWritable(channel);
		this.modes.require(channel, ChannelMode.BROADCAST);
		return this.broadcasts.subscribe(channel, subscriber, settings, handler);
	}

	@Override
	public List<ChannelSubscriber> subscribers(String channel) {
		return this.broadcasts.subscribers(channel);
	}

	@Override
	public boolean removeSubscriber(String channel, String subscriber) {
		return this.broadcasts.removeSubscriber(channel, subscriber);
	}

	@Override
	public Subscription handle(String channel, UnaryOperator<WorkListenerSpec> settings, MessageHandler handler) {
		return listen(channel, ChannelMode.DIRECT, settings, handler);
	}

	private Subscription listen(String channel, ChannelMode mode, UnaryOperator<WorkListenerSpec> settings,
			MessageHandler handler) {
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(handler, "'handler' must not be null");
		String queue = ChannelNames.of(channel);
		WorkListenerSpec spec = settings.apply(WorkListenerSpec.of(queue));
		Assert.isTrue(spec != null && spec.queues().equals(List.of(queue)),
				() -> ("The settings of channel '%s' must return the specification that they are given, or what its "
						+ "methods return, of the same queue")
					.formatted(channel));
		this.modes.requireToListen(channel, mode);
		// The preparation repeats this: the caller's transaction may roll the creation
		// back
		return this.listeners.register(spec, (item) -> {
			handler.onMessage(message(item));
			return WorkOutcome.done();
		}, () -> this.modes.require(channel, mode));
	}

	private Message message(WorkItem item) {
		try {
			return new DeliveredMessage(ChannelJson.read(item.payload()), this.payloads, item.enqueuedAt(),
					item.fencingToken(), item::complete);
		}
		catch (IllegalArgumentException ex) {
			throw new PermanentFailureException(
					"Item %d of queue '%s' is no message: %s".formatted(item.id(), item.queue(), ex.getMessage()));
		}
	}

	@Override
	public Optional<Message> receive(String channel, String address, Duration timeout) {
		DirectAddress from = prepare(channel, address, timeout);
		return this.receiver.await(from, bounded(timeout), () -> this.receiver.fetch(from))
			.map((received) -> messageOrDead(from, received));
	}

	@Override
	public boolean receive(String channel, String address, Duration timeout, MessageHandler handler) throws Exception {
		Assert.notNull(handler, "'handler' must not be null");
		DirectAddress from = prepare(channel, address, timeout);
		TransactionOperations transactions = this.transactions.require("To receive by a handler",
				"receive without a handler");
		return this.receiver.await(from, bounded(timeout), () -> handleNext(from, transactions, handler)).isPresent();
	}

	private Optional<Received> handleNext(DirectAddress from, TransactionOperations transactions,
			MessageHandler handler) throws Exception {
		AtomicReference<Received> handled = new AtomicReference<>();
		AtomicReference<PermanentFailureException> unreadable = new AtomicReference<>();
		try {
			HandlerTransaction.run(transactions, (status) -> {
				Optional<Received> fetched = this.receiver.fetchInTransaction(from);
				if (fetched.isPresent()) {
					Received received = fetched.get();
					handled.set(received);
					try {
						handler.onMessage(message(received));
					}
					catch (UnreadableException ex) {
						this.receiver.buryRemoved(from, received, ex.reason());
						unreadable.set(ex.failure());
					}
				}
			});
		}
		catch (PermanentFailureException ex) {
			bury(from, handled.get(), ex);
			throw ex;
		}
		if (unreadable.get() != null) {
			throw unreadable.get();
		}
		return Optional.ofNullable(handled.get());
	}

	private void bury(DirectAddress from, @Nullable Received received, PermanentFailureException failure) {
		try {
			if (received != null) {
				this.receiver.bury(from, received, String.valueOf(failure.getMessage()));
			}
		}
		catch (DataAccessException ex) {
			failure.addSuppressed(
					new IllegalStateException("The message could not be made dead, and is the next one again", ex));
		}
	}

	@Override
	public CompletableFuture<Optional<Message>> receiveAsync(String channel, String address, Duration timeout) {
		DirectAddress from = prepare(channel, address, timeout);
		return this.receiver.receiveAsync(from, bounded(timeout), (received) -> messageOrDead(from, received));
	}

	private DirectAddress prepare(String channel, String address, Duration timeout) {
		Assert.notNull(timeout, "'timeout' must not be null");
		Assert.isTrue(!timeout.isNegative(), () -> "'timeout' must not be negative, but is " + timeout);
		DirectAddress from = DirectAddress.of(channel, address);
		this.modes.requireWritable(channel);
		this.modes.requireToReceive(channel, ChannelMode.DIRECT);
		return from;
	}

	/**
	 * Return a time that can be counted in nanoseconds.
	 */
	private static Duration bounded(Duration timeout) {
		return (timeout.compareTo(LONGEST_WAIT) < 0) ? timeout : LONGEST_WAIT;
	}

	private Message message(Received received) {
		try {
			return new DeliveredMessage(ChannelJson.read(received.payload()), this.payloads, received.enqueuedAt(), 0,
					() -> {
					});
		}
		catch (IllegalArgumentException ex) {
			throw new UnreadableException(
					"Item %d of a direct channel is no message: %s".formatted(received.itemId(), ex.getMessage()));
		}
	}

	/**
	 * Return a message that was removed, or keep what is none as dead.
	 */
	private Message messageOrDead(DirectAddress from, Received received) {
		try {
			return message(received);
		}
		catch (UnreadableException ex) {
			this.receiver.buryRemoved(from, received, ex.reason());
			throw ex.failure();
		}
	}

	/**
	 * Return what receives messages of addresses.
	 */
	DirectReceiver receiver() {
		return this.receiver;
	}

	@Override
	public void start() {
		this.waits.start();
		this.running = true;
	}

	@Override
	public void stop() {
		this.waits.stop();
		this.running = false;
	}

	@Override
	public boolean isRunning() {
		return this.running;
	}

	@Override
	public void close() {
		this.subscription.cancel();
		this.waits.close();
	}

	@Override
	public int receivers() {
		return this.waits.count();
	}

	@Override
	public Tally received() {
		return this.receiver.received();
	}

	/**
	 * Thrown where what is stored is no message.
	 */
	@SuppressWarnings("serial")
	private static final class UnreadableException extends RuntimeException {

		private final String reason;

		private UnreadableException(String reason) {
			super(reason);
			this.reason = reason;
		}

		private String reason() {
			return this.reason;
		}

		private PermanentFailureException failure() {
			return new PermanentFailureException(this.reason);
		}

	}

}
