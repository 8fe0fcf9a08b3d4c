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

package io.durablenotify.loop;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;

import org.apache.commons.logging.Log;
import org.jspecify.annotations.Nullable;

/**
 * Logs when an outage begins and when it is over, one line each. Of outages that follow
 * each other closely it logs three a minute, and how many it left out, which have their
 * lines at DEBUG; one that lasts is logged with a later failure. Not thread-safe.
 */
public final class OutageLog {

	private static final int MAX_LOGGED = 3;

	private static final Duration PERIOD = Duration.ofMinutes(1);

	private final Log logger;

	private final LongSupplier nanoTime;

	/**
	 * When the last lines were logged.
	 */
	private final Deque<Long> loggedAt = new ArrayDeque<>();

	private boolean failing;

	/**
	 * What the outage was logged as, or {@code null} if it was not yet.
	 */
	private @Nullable Object logged;

	private int left;

	/**
	 * Create a new instance.
	 * @param logger where the lines go
	 * @param nanoTime {@link System#nanoTime()}, or that of a test
	 */
	public OutageLog(Log logger, LongSupplier nanoTime) {
		this.logger = logger;
		this.nanoTime = nanoTime;
	}

	/**
	 * Something has failed, for the first time or again.
	 * @param kind the kind of failure: another one than before has another line
	 * @param line the line
	 */
	public void failed(Object kind, String line) {
		if (begins(kind)) {
			this.logger.warn(line + others());
		}
		else if (this.logged == null) {
			this.logger.debug(line);
		}
	}

	/**
	 * Something has failed, for the first time or again.
	 * @return whether the caller is to log that, with {@link #others()}
	 */
	boolean begins(Object kind) {
		this.failing = true;
		if (kind.equals(this.logged) || !isPermitted()) {
			return false;
		}
		this.logged = kind;
		return true;
	}

	/**
	 * Return the end of the line that is logged now.
	 */
	String others() {
		int left = this.left;
		this.left = 0;
		return (left > 0) ? ". %d others shortly before were not logged".formatted(left) : "";
	}

	/**
	 * Return whether the outage, if there is one, is still to be logged and may be.
	 * @return whether a further failure is logged
	 */
	public boolean awaitsLine() {
		return this.failing && this.logged == null && hasRoom();
	}

	/**
	 * Return whether the outage was logged.
	 * @return whether there is one that was
	 */
	public boolean isLogged() {
		return this.logged != null;
	}

	/**
	 * Return whether one more may be logged now, by this log or by the caller, and count
	 * it.
	 * @return whether it may
	 */
	public boolean isPermitted() {
		if (!hasRoom()) {
			return false;
		}
		if (this.loggedAt.size() == MAX_LOGGED) {
			this.loggedAt.remove();
		}
		this.loggedAt.add(this.nanoTime.getAsLong());
		return true;
	}

	private boolean hasRoom() {
		return this.loggedAt.size() < MAX_LOGGED
				|| this.nanoTime.getAsLong() - this.loggedAt.element() >= PERIOD.toNanos();
	}

	/**
	 * The outage, if there was one, is over.
	 * @param line the line, for an outage that was logged
	 */
	public void over(String line) {
		if (this.logged != null) {
			this.logger.info(line);
		}
		else if (this.failing) {
			this.left++;
			this.logger.debug(line);
		}
		forget();
	}

	/**
	 * What was to be watched has stopped.
	 */
	public void forget() {
		this.failing = false;
		this.logged = null;
	}

}
