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

import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

import io.durablenotify.Subscription;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.loop.SerialTask;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * One handler on one channel. Takes payloads from the listener's thread without ever
 * blocking it, and hands them to the handler one after the other. A handler that falls
 * {@value #MAX_PENDING} payloads late gets a resync in their place.
 */
final class ChannelRegistration implements Subscription {

	private static final Log logger = LogFactory.getLog(ChannelRegistration.class);

	static final int MAX_PENDING = 10_000;

	private static final int MAX_PER_RUN = 256;

	private final String channel;

	private final ChannelHandler handler;

	private final Consumer<ChannelRegistration> onCancel;

	private final SerialTask delivery;

	/**
	 * Guards {@link #payloads}, {@link #resync} and {@link #active}.
	 */
	private final Object lock = new Object();

	private final Queue<String> payloads = new ArrayDeque<>();

	private boolean resync;

	private boolean active = true;

	private volatile boolean closed;

	/**
	 * Whether the handler has had a resync. Owned by the listener's thread.
	 */
	private boolean resynced;

	ChannelRegistration(String channel, ChannelHandler handler, Executor executor,
			Consumer<ChannelRegistration> onCancel) {
		this.channel = channel;
		this.handler = handler;
		this.onCancel = onCancel;
		this.delivery = new SerialTask(executor, this::deliver, this::isAwaited);
	}

	String channel() {
		return this.channel;
	}

	void resyncOnce() {
		if (!this.resynced) {
			resync();
		}
	}

	void resync() {
		this.resynced = true;
		synchronized (this.lock) {
			this.payloads.clear();
			this.resync = true;
		}
		this.delivery.signal();
	}

	void notification(String payload) {
		synchronized (this.lock) {
			if (this.payloads.size() < MAX_PENDING) {
				this.payloads.add(payload);
			}
			else {
				this.payloads.clear();
				this.resync = true;
			}
		}
		this.delivery.signal();
	}

	private void deliver() {
		for (int i = 0; i < MAX_PER_RUN; i++) {
			String payload;
			synchronized (this.lock) {
				if (!this.active) {
					return;
				}
				payload = (this.resync) ? null : this.payloads.poll();
				if (payload == null && !this.resync) {
					return;
				}
				this.resync = false;
			}
			call(payload);
		}
		this.delivery.signal();
	}

	private void call(@Nullable String payload) {
		try {
			if (payload == null) {
				this.handler.onResync();
			}
			else {
				this.handler.onNotification(payload);
			}
		}
		catch (Throwable ex) {
			FailureLog.log(logger::error,
					"Handler of channel '%s' failed; the next notification is delivered".formatted(this.channel), ex);
		}
	}

	/**
	 * The database cannot spell the channel's name.
	 */
	void refuse(SQLException reason) {
		logger.error("Failed to listen on channel '%s'; its handler is removed".formatted(this.channel), reason);
		cancel();
	}

	/**
	 * The listener was closed: what the executor refuses is given up.
	 */
	void close() {
		this.closed = true;
	}

	private boolean isAwaited() {
		return isActive() && !this.closed;
	}

	@Override
	public void cancel() {
		synchronized (this.lock) {
			this.active = false;
			this.payloads.clear();
		}
		this.onCancel.accept(this);
	}

	@Override
	public boolean isActive() {
		synchronized (this.lock) {
			return this.active;
		}
	}

}
