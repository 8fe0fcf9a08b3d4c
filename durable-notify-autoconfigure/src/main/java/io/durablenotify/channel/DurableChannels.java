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
import java.util.function.UnaryOperator;

import io.durablenotify.Subscription;
import io.durablenotify.stream.StreamConsumer;
import io.durablenotify.stream.StreamConsumers;
import io.durablenotify.work.WorkListenerSpec;

/**
 * Sends messages on named channels, which are stored in the database until they are
 * handled.
 * <p>
 * A channel has one {@link ChannelMode mode}, with which it was created: by
 * {@link #create}, by its first subscriber or handler, by the first {@link #send}, or by
 * the first {@link #receive} outside a transaction. Its name has 1 to 247 characters,
 * none of them white space or a control character.
 * <p>
 * Sending takes part in the caller's transaction where there is one: the message exists
 * if that commits, and is delivered after that. Outside a transaction it is committed
 * when the method returns. All methods may be called from any thread.
 */
public interface DurableChannels {

	/**
	 * Create a channel, as part of the caller's transaction where there is one. If it
	 * exists with that mode, nothing happens.
	 * @param channel the channel
	 * @param mode the mode
	 * @throws ChannelModeException if it exists with another mode
	 * @throws IllegalArgumentException if the name is not valid
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	void create(String channel, ChannelMode mode);

	/**
	 * Publish a message to a competing or broadcast channel.
	 * @param channel the channel
	 * @param payload a {@code String}, a {@code byte[]}, a value that is written as JSON,
	 * or a {@link ChannelMessage}
	 * @return the message's id
	 * @see #publish(String, ChannelMessage)
	 */
	default String publish(String channel, Object payload) {
		return publish(channel, ChannelMessage.of(payload));
	}

	/**
	 * Publish a message to a competing or broadcast channel. On a broadcast channel,
	 * other publishers wait for the end of the caller's transaction, which gives the
	 * messages their order.
	 * @param channel the channel
	 * @param message the message
	 * @return the message's id
	 * @throws IllegalStateException if the channel does not exist: which mode it has to
	 * have cannot be known
	 * @throws ChannelModeException if the channel is direct
	 * @throws IllegalArgumentException if the name is not valid, or the payload too large
	 * or cannot be written
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	String publish(String channel, ChannelMessage message);

	/**
	 * Send a message to an address of a direct channel.
	 * @param channel the channel
	 * @param address the address
	 * @param payload as for {@link #publish(String, Object)}
	 * @return the message's id
	 * @see #send(String, String, ChannelMessage)
	 */
	default String send(String channel, String address, Object payload) {
		return send(channel, address, ChannelMessage.of(payload));
	}

	/**
	 * Send a message to an address of a direct channel, which is created if it does not
	 * exist. The messages of an address are received in the order of their commits; other
	 * senders to it wait for the end of the caller's transaction.
	 * @param channel the channel
	 * @param address the address, which the application chooses: 1 to 512 characters
	 * @param message the message
	 * @return the message's id
	 * @throws ChannelModeException if the channel is not direct
	 * @throws IllegalArgumentException if a name is not valid, or the payload too large
	 * or cannot be written
	 * @throws io.durablenotify.work.WorkLockedException if another transaction has locked
	 * the address for longer than {@code durable-notify.work.enqueue-timeout}
	 * @throws io.durablenotify.work.EnqueueOutcomeUnknownException if the connection was
	 * lost outside a transaction, so that the message may or may not be stored
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	String send(String channel, String address, ChannelMessage message);

	/**
	 * Handle messages of a competing channel.
	 * @param channel the channel
	 * @param handler the handler
	 * @return the subscription
	 * @see #compete(String, UnaryOperator, MessageHandler)
	 */
	default Subscription compete(String channel, MessageHandler handler) {
		return compete(channel, UnaryOperator.identity(), handler);
	}

	/**
	 * Handle messages of a competing channel, which is created if it does not exist. Each
	 * message is handled by one of the subscribers of all instances: exactly once
	 * together with what the handler writes to the database if the specification says
	 * {@link WorkListenerSpec#inTransaction()}, else at least once. An application has
	 * one subscriber of a channel.
	 * @param channel the channel
	 * @param settings changes the specification of the listener: transaction,
	 * concurrency, attempts
	 * @param handler the handler, which is called once the application context has
	 * started and, where the caller is in a transaction, that is over: committed or
	 * rolled back
	 * @return the subscription
	 * @throws ChannelModeException if the channel is not competing. If it gets another
	 * mode after a transaction of the caller's that was read-only or rolled back, the
	 * listener logs that and tries again
	 * @throws IllegalStateException if the application has a subscriber already, or the
	 * specification is transactional and there is no transaction manager of the
	 * DataSource that durable-notify uses
	 * @throws IllegalArgumentException if the name is not valid, or the settings return
	 * {@code null} or other queues
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Subscription compete(String channel, UnaryOperator<WorkListenerSpec> settings, MessageHandler handler);

	/**
	 * Receive the messages of a broadcast channel.
	 * @param channel the channel
	 * @param subscriber the subscriber's name
	 * @param handler the handler
	 * @return the subscription
	 * @see #subscribe(String, String, UnaryOperator, MessageHandler)
	 */
	default Subscription subscribe(String channel, String subscriber, MessageHandler handler) {
		return subscribe(channel, subscriber, UnaryOperator.identity(), handler);
	}

	/**
	 * Subscribe to a broadcast channel as a durable subscriber. The channel is created if
	 * it does not exist. Takes part in the caller's transaction: if that rolls back the
	 * subscription ends, with a warning in the log. The subscriber gets the messages from
	 * its stored position on, in the order of the commits, in one instance at a time. A
	 * new one begins after the last message. Each message is handled exactly once
	 * together with what the handler writes to the database if the settings say
	 * {@link StreamConsumer#inTransaction()}, else at least once.
	 * @param channel the channel
	 * @param subscriber the subscriber's name: 1 to 255 characters without white space
	 * and slashes
	 * @param settings changes the consumer: transaction, size of a batch
	 * @param handler the handler
	 * @return the subscription: cancelling it leaves the subscriber, which others may
	 * take over
	 * @throws ChannelModeException if the channel is not broadcast
	 * @throws IllegalStateException if the application has a subscription with that name
	 * already
	 */
	Subscription subscribe(String channel, String subscriber, UnaryOperator<StreamConsumer> settings,
			MessageHandler handler);

	/**
	 * List the durable subscribers of a broadcast channel.
	 * @param channel the channel
	 * @return the subscribers, in the order of their names; empty for a channel that does
	 * not exist or has another mode
	 * @throws IllegalArgumentException if the name is not valid
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	List<ChannelSubscriber> subscribers(String channel);

	/**
	 * Remove a durable subscriber: it no longer holds up retention, and its subscriptions
	 * end, in all instances. Takes part in the caller's transaction, and waits for others
	 * as {@link StreamConsumers#remove} does.
	 * @param channel the channel
	 * @param subscriber the subscriber's name
	 * @return whether there was such a subscriber
	 * @throws IllegalArgumentException if a name is not valid
	 * @throws org.springframework.dao.DataAccessException if the database fails, or in a
	 * read-only transaction
	 */
	boolean removeSubscriber(String channel, String subscriber);

	/**
	 * Handle messages of a direct channel, of all addresses.
	 * @param channel the channel
	 * @param handler the handler
	 * @return the subscription
	 * @see #handle(String, UnaryOperator, MessageHandler)
	 */
	default Subscription handle(String channel, MessageHandler handler) {
		return handle(channel, UnaryOperator.identity(), handler);
	}

	/**
	 * Handle messages of a direct channel, of all addresses, which is created if it does
	 * not exist. Messages of an address are handled one after the other in the order of
	 * their commits, over all instances. Use either {@link #receive} or a handler for an
	 * address. If both get the same message, the transaction that commits second fails.
	 * Otherwise as {@link #compete(String, UnaryOperator, MessageHandler)}.
	 * @param channel the channel
	 * @param settings changes the specification of the listener
	 * @param handler the handler
	 * @return the subscription
	 * @throws ChannelModeException if the channel is not direct
	 * @throws IllegalStateException if the application has a handler already
	 */
	Subscription handle(String channel, UnaryOperator<WorkListenerSpec> settings, MessageHandler handler);

	/**
	 * Receive the next message of an address, and wait for it. In the caller's
	 * transaction the message is removed if that commits, and stays if it rolls back;
	 * then the transaction has to be READ COMMITTED, and waits with its connection.
	 * Otherwise the message is removed when this returns: it is lost if the process dies
	 * before it has done what the message is about, or if the connection is lost at that
	 * moment.
	 * @param channel the channel, which is created if it does not exist and the caller is
	 * in no transaction
	 * @param address the address
	 * @param timeout how long to wait; zero to receive what is there
	 * @return the message, empty if there was none in time, if the thread was interrupted
	 * while it waited, or if the application context is closing
	 * @throws io.durablenotify.work.PermanentFailureException if what is stored is no
	 * message: it is dead
	 * @throws ChannelModeException if the channel is not direct
	 * @throws org.springframework.dao.DataAccessException if the database fails
	 */
	Optional<Message> receive(String channel, String address, Duration timeout);

	/**
	 * Receive the next message of an address, and handle it in a transaction. That is the
	 * caller's where there is one. The message is removed together with what the handler
	 * writes. The call waits for a message, and waits without a transaction where the
	 * caller has none. The transaction is READ COMMITTED: a transaction manager that
	 * refuses an isolation level by default, such as {@code JtaTransactionManager}, has
	 * to allow that.
	 * @param channel the channel, which is created if it does not exist and the caller is
	 * in no transaction
	 * @param address the address
	 * @param timeout how long to wait; zero to receive what is there
	 * @param handler the handler, called on this thread
	 * @return whether there was a message in time
	 * @throws IllegalStateException if there is no transaction manager of the DataSource
	 * that durable-notify uses
	 * @throws Exception what the handler throws: the transaction has rolled back, and the
	 * message is the next one again. After a
	 * {@link io.durablenotify.work.PermanentFailureException} it is dead, except in the
	 * caller's transaction, or if another receiver has got it meanwhile. If it could not
	 * be made dead, as where a transaction that sends to the address has gone on for a
	 * second, the exception has a suppressed one, and the message comes again
	 */
	boolean receive(String channel, String address, Duration timeout, MessageHandler handler) throws Exception;

	/**
	 * Receive the next message of an address without waiting, outside of any transaction
	 * of the caller. The message is removed when the future completes; it is lost if the
	 * process dies before it has done what the message is about. It is not lost if the
	 * caller has cancelled or completed the future before.
	 * @param channel the channel, which is created if it does not exist and the caller is
	 * in no transaction
	 * @param address the address
	 * @param timeout how long to wait
	 * @return completes on {@code durableNotifyTaskExecutor}: empty if there was no
	 * message in time, or if the application context is closing. It fails with a
	 * {@link org.springframework.dao.DataAccessException} if the database fails, and with
	 * a {@link io.durablenotify.work.PermanentFailureException} if what is stored is no
	 * message: it is dead
	 * @throws ChannelModeException if the channel is not direct
	 */
	CompletableFuture<Optional<Message>> receiveAsync(String channel, String address, Duration timeout);

}
