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

package io.durablenotify.log;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;

import io.durablenotify.loop.SerialTask;
import io.durablenotify.log.LogSubscription.End;
import io.durablenotify.loop.FailureLog;
import org.jspecify.annotations.Nullable;

/**
 * Calls a handler with the entries that its reader has buffered, one after the other, up
 * to its demand. The end is delivered without demand. Delivers one quota per run, so that
 * a hot log leaves threads to others.
 *
 * @param <E> the entries' type
 */
final class HandlerDelivery<E> implements EntryConsumer {

	/**
	 * The number of entries that are taken from the buffer, and given back to it as room,
	 * together.
	 */
	private static final int ENTRIES_AT_ONCE = 32;

	private final LogSubscription<E> reader;

	private final EntryHandler<E> handler;

	private final Demand demand;

	private final SerialTask task;

	private final CallTimer calls;

	/**
	 * How many of the entries that count as buffered the handler was given. Owned by the
	 * thread that delivers; a hint to others.
	 */
	private int given;

	HandlerDelivery(LogSubscription<E> reader, EntryHandler<E> handler, Demand demand, Executor executor) {
		this.reader = reader;
		this.handler = handler;
		this.demand = demand;
		this.task = new SerialTask(executor, this::deliver, reader::awaitsDelivery);
		this.calls = new CallTimer(reader.handlers());
	}

	LogSubscription<E> reader() {
		return this.reader;
	}

	@Override
	public void signal() {
		this.task.signal();
	}

	@Override
	public Class<?> handlerType() {
		return this.handler.handlerType();
	}

	@Override
	public @Nullable Duration running() {
		return (this.given > 0) ? this.calls.running() : null;
	}

	/**
	 * Ask for entries, beside those that were asked for before. To be followed by
	 * {@link #signal()}, when the handler may be called.
	 * @param count how many, 1 or more
	 */
	void request(long count) {
		this.demand.add(count);
	}

	/**
	 * Return whether the reader holds entries that the handler was not given yet.
	 */
	boolean hasBuffered() {
		// Read first: another thread says no rather than yes when both change
		int given = this.given;
		return this.reader.buffered() > given;
	}

	private void deliver() {
		// Also after a run that has failed
		this.given = 0;
		this.calls.begin();
		if (deliverBuffered()) {
			this.task.signal();
		}
	}

	/**
	 * Deliver what is buffered, up to a quota.
	 * @return whether the quota was reached
	 */
	private boolean deliverBuffered() {
		int delivered = 0;
		boolean first = true;
		while (delivered < this.reader.bufferSize()) {
			List<E> entries = this.reader.peek(ENTRIES_AT_ONCE);
			if (entries.isEmpty()) {
				this.calls.end();
				// Last, since it is taken once
				End end = this.reader.takeEnd();
				if (end != null) {
					deliverEnd(end);
				}
				return false;
			}
			if (first) {
				this.reader.given(entries.get(0));
				first = false;
			}
			int handled = handle(entries);
			// An entry counts as buffered until its handler has returned
			this.reader.taken(handled);
			this.given = 0;
			if (handled < entries.size() && !this.reader.isCut()) {
				this.calls.end();
				return false;
			}
			delivered += handled;
		}
		this.calls.end();
		return true;
	}

	/**
	 * Call the handler, until nothing more is asked for or the reading is over.
	 * @return how many entries it has taken
	 */
	private int handle(List<E> entries) {
		for (int i = 0; i < entries.size(); i++) {
			if (this.reader.isCut() || !this.demand.take()) {
				return i;
			}
			this.given = i + 1;
			try {
				this.handler.onEntry(entries.get(i));
				this.calls.returned();
			}
			catch (Throwable ex) {
				this.calls.failed();
				failed(entries.get(i), ex);
				return i;
			}
		}
		return entries.size();
	}

	private void failed(E entry, Throwable failure) {
		End end = this.reader.failed(failure);
		if (end == null) {
			return;
		}
		if (end.error() == failure) {
			FailureLog.log(this.reader.logger()::error,
					"Handler failed with %s; its subscription ends".formatted(this.reader.describe(entry)), failure);
		}
		deliverEnd(end);
	}

	private void deliverEnd(End end) {
		try {
			if (end.error() != null) {
				this.handler.onError(end.error());
			}
			else {
				this.handler.onComplete();
			}
		}
		catch (Throwable ex) {
			FailureLog.log(this.reader.logger()::error,
					"Handler of %s failed in its last callback".formatted(this.reader.describe()), ex);
		}
		this.reader.completionDelivered();
	}

	@Override
	public String toString() {
		return "delivery to %s, demand %s".formatted(this.reader, this.demand);
	}

}
