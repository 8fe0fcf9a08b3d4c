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

package io.durablenotify.instance;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * The {@link Lease} that an instance holds. Renewed by one thread, read by any.
 */
final class HeldLease implements Lease {

	private final Duration duration;

	/**
	 * Asks for a renewal.
	 */
	private final Runnable renewal;

	/**
	 * Guards what follows. Not a monitor, in which a virtual thread would wait pinned.
	 */
	private final Lock lock = new ReentrantLock();

	private final Condition changed = this.lock.newCondition();

	private volatile long instanceId;

	/**
	 * When the last successful renewal was sent, by {@link System#nanoTime()}.
	 */
	private volatile long sentAt;

	private volatile boolean registered;

	private volatile boolean lost;

	HeldLease(Duration duration, Runnable renewal) {
		this.duration = duration;
		this.renewal = renewal;
	}

	Duration duration() {
		return this.duration;
	}

	boolean isRegistered() {
		return this.registered;
	}

	Duration sinceRenewal() {
		return (this.registered) ? Duration.ofNanos(System.nanoTime() - this.sentAt) : Duration.ZERO;
	}

	@Override
	public long instanceId() {
		return this.instanceId;
	}

	@Override
	public boolean isHeld() {
		return this.registered && !this.lost && System.nanoTime() - this.sentAt < this.duration.toNanos();
	}

	@Override
	public boolean isLost() {
		return this.lost;
	}

	void registered(long instanceId, long sentAt) {
		this.instanceId = instanceId;
		renewed(sentAt);
	}

	void renewed(long sentAt) {
		this.sentAt = sentAt;
		this.registered = true;
		signal();
	}

	void lost() {
		this.lost = true;
		signal();
	}

	private void signal() {
		this.lock.lock();
		try {
			this.changed.signalAll();
		}
		finally {
			this.lock.unlock();
		}
	}

	@Override
	public boolean awaitHeld(Duration timeout) {
		return isHeld() || await(this::isHeld, timeout);
	}

	@Override
	public boolean awaitRenewed(Duration timeout) {
		long start = System.nanoTime();
		this.renewal.run();
		return await(() -> this.registered && !this.lost && this.sentAt - start >= 0, timeout);
	}

	private boolean await(BooleanSupplier condition, Duration timeout) {
		long left = timeout.toNanos();
		this.lock.lock();
		try {
			while (!condition.getAsBoolean() && !this.lost && left > 0) {
				left = this.changed.awaitNanos(left);
			}
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		finally {
			this.lock.unlock();
		}
		return condition.getAsBoolean();
	}

	@Override
	public String toString() {
		return "lease of instance %d, %s".formatted(this.instanceId,
				(this.lost) ? "lost" : (isHeld()) ? "held" : "not renewed in time");
	}

}
