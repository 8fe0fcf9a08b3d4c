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

package io.durablenotify.listener;

import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;

import io.durablenotify.Subscription;

import org.springframework.context.Lifecycle;
import org.springframework.context.SmartLifecycle;

/**
 * The application's one LISTEN connection. It belongs to no pool, reconnects
 * automatically with growing delays, and proves now and then that it receives what other
 * connections send.
 * <p>
 * A notification is a wake-up, never data to rely on: it is lost whenever the connection
 * is away. <pre class="code">
 * listener.listen("orders_changed", new ChannelHandler() {
 *
 * 	public void onNotification(String payload) {
 * 		orders.refresh(payload);
 * 	}
 *
 * 	public void onResync() {
 * 		orders.refreshAll();
 * 	}
 *
 * });
 * </pre>
 */
public interface NotificationListener extends Lifecycle {

	/**
	 * The phase of the one that is provided, a {@link SmartLifecycle}: up before the web
	 * server, gone after it.
	 */
	int PHASE = SmartLifecycle.DEFAULT_PHASE - 4096;

	/**
	 * Return what the connection is doing.
	 * @return the current state
	 */
	ListenerState state();

	/**
	 * Subscribe to a channel, on {@code durableNotifyTaskExecutor}. Returns at once; the
	 * first call of {@link ChannelHandler#onResync()} means that the channel is listened
	 * to. May be called before the listener starts and lasts over restarts.
	 * @param channel the channel's name as given to {@code pg_notify}, 1 to 63 bytes
	 * @param handler the handler
	 * @return the registration
	 * @throws IllegalArgumentException if the name is empty or too long, or the
	 * database's encoding lacks one of its characters, for which the database is asked
	 * unless all are ASCII
	 */
	Subscription listen(String channel, ChannelHandler handler);

	/**
	 * Subscribe to a channel on an executor.
	 * @param channel the channel's name as given to {@code pg_notify}, 1 to 63 bytes
	 * @param handler the handler
	 * @param executor where the handler is called; one that runs tasks on the calling
	 * thread needs a handler that never blocks, since that thread is the listener's
	 * @return the registration
	 * @throws IllegalArgumentException if the name is empty or too long, or the
	 * database's encoding lacks one of its characters, for which the database is asked
	 * unless all are ASCII
	 */
	Subscription listen(String channel, ChannelHandler handler, Executor executor);

	/**
	 * Have it proven soon that notifications arrive. That is before
	 * {@code durable-notify.listener.probe.interval} is over: the caller has met a reason
	 * to doubt it. Returns at once; {@link #state()} changes with the outcome. Does
	 * nothing where the listener is off, or is another implementation that knows no
	 * probes.
	 */
	default void probe() {
	}

	/**
	 * Give the connection up and make another one, without a delay, also while it is
	 * being tried again. For operators; the listener reconnects by itself where it must.
	 * Returns at once. Does nothing where the listener is off, or is another
	 * implementation.
	 */
	default void reconnect() {
	}

	/**
	 * Return the last changes of the status, 20 at most.
	 * @return the changes, the latest first
	 */
	default List<ListenerState.StatusChange> history() {
		return List.of();
	}

	/**
	 * Return the channels that are subscribed to.
	 * @return the number of handlers of each, by the channel's name
	 */
	default Map<String, Integer> channels() {
		return Map.of();
	}

}
