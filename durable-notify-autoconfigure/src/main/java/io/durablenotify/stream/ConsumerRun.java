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
package io.durablenotify.stream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.Subscription;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.loop.Delays;
import io.durablenotify.loop.SerialTask;
import io.durablenotify.stream.ConsumerPositionSql.Place;
import io.durablenotify.stream.ConsumerPositionSql.Position;
import io.durablenotify.stream.ConsumerPositionSql.Stored;
import io.durablenotify.stream.ConsumerSql.Held;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A subscription of a consumer in this instance: while it is the owner, its streams take
 * turns on the executor. What happens on other threads comes to the turn as a message, so
 * that all else is done by one thread at a time.
 */
final class ConsumerRun implements Subscription {

	private static final Log logger = LogFactory.getLog(StreamConsumer.class);

	/**
	 * After how many chunks, or steps without one, other tasks of the executor have their
	 * turn.
	 */
	private static final int CHUNKS_PER_TURN = 2_048;

	/**
	 * How often it is checked whether the lease is renewed.
	 */
	private static final Duration LEASE_CHECK = Duration.ofMillis(100);

	private final ConsumerSpec spec;

	private final ConsumerHandler handler;

	private final OpenConsumers consumers;

	private final ConsumerWrites writes;

	private final Delays delays;

	private final SerialTask task;

	private final Queue<Runnable> messages = new ConcurrentLinkedQueue<>();

	private final Queue<ConsumedStream> ready = new ConcurrentLinkedQueue<>();

	/**
	 * 0 until the consumer exists, and may be claimed.
	 */
	private volatile long id;

	private volatile @Nullable ConsumerOwner owner;

	private final AtomicBoolean cancelled = new AtomicBoolean();

	/**
	 * Cancelled or removed.
	 */
	private volatile boolean ended;

	/**
	 * Completed when the consumer was given up, while the lifecycle is stopped.
	 */
	private volatile @Nullable CompletableFuture<Void> stopped;

	private volatile boolean newStreamsWanted;

	/**
	 * The full names of streams that may be new.
	 */
	private final Set<String> created = ConcurrentHashMap.newKeySet();

	/**
	 * Whether the lease is about to be checked again.
	 */
	private final AtomicBoolean checkingLease = new AtomicBoolean();

	/**
	 * By full name. Owned by the turn, like what follows.
	 */
	private final Map<String, ConsumedStream> streams = new ConcurrentHashMap<>();

	/**
	 * What has taken the names of streams whose ends are not known yet, one after the
	 * other.
	 */
	private final List<Stored> successors = new ArrayList<>();

	ConsumerRun(ConsumerSpec spec, ConsumerHandler handler, OpenConsumers consumers, ConsumerWrites writes,
			Executor executor, Delays delays) {
		this.spec = spec;
		this.handler = handler;
		this.consumers = consumers;
		this.writes = writes;
		this.delays = delays;
		this.task = new SerialTask(executor, this::turn, consumers::isOpen);
	}

	/**
	 * Return the greatest number of chunks that are still to be handled of a stream. May
	 * be called by any thread.
	 */
	long lag() {
		return this.streams.values().stream().mapToLong(ConsumedStream::lag).max().orElse(0);
	}

	/**
	 * Return for how long one of its streams that lag has not got on. May be called by
	 * any thread.
	 */
	Duration lagAge() {
		return this.streams.values()
			.stream()
			.map(ConsumedStream::lagAge)
			.max(Comparator.naturalOrder())
			.orElse(Duration.ZERO);
	}

	ConsumerSpec spec() {
		return this.spec;
	}

	ConsumerHandler handler() {
		return this.handler;
	}

	ConsumerWrites writes() {
		return this.writes;
	}

	Delays delays() {
		return this.delays;
	}

	LogSubscriptions<Chunk> readers() {
		return this.consumers.readers();
	}

	ConsumerPositionSql sql() {
		return this.consumers.positions();
	}

	long id() {
		return this.id;
	}

	@Nullable Held held() {
		ConsumerOwner owner = this.owner;
		return (owner != null) ? owner.held() : null;
	}

	/**
	 * Set the id of the consumer, which exists and may be claimed.
	 */
	void consumerCreated(long id) {
		this.id = id;
	}

	private boolean isWanted() {
		return !this.ended && this.stopped == null;
	}

	boolean isToBeClaimed() {
		return this.id != 0 && this.owner == null && isWanted();
	}

	boolean isOwned() {
		return this.owner != null && isWanted();
	}

	void wantNewStreams() {
		this.newStreamsWanted = true;
	}

	/**
	 * Return whether new streams are to be looked for, once.
	 */
	boolean takeNewStreamsWanted() {
		boolean wanted = this.newStreamsWanted && isOwned();
		if (wanted) {
			this.newStreamsWanted = false;
		}
		return wanted;
	}

	/**
	 * Note a stream of the consumer that was created.
	 */
	void streamCreated(String stream) {
		this.created.add(stream);
	}

	/**
	 * Return the full names of streams that may be new, once.
	 */
	List<String> takeCreated() {
		if (this.created.isEmpty() || !isOwned()) {
			return List.of();
		}
		List<String> taken = List.copyOf(this.created);
		taken.forEach(this.created::remove);
		return taken;
	}

	/**
	 * Become the owner.
	 * @param positions the positions in streams that the consumer has not had to the end
	 */
	void own(ConsumerOwner owner, List<Stored> positions) {
		this.created.clear();
		this.owner = owner;
		this.newStreamsWanted = true;
		add(owner.held(), positions);
	}

	/**
	 * Add streams that were found.
	 */
	void add(Held held, List<Stored> positions) {
		post(() -> {
			ConsumerOwner owner = this.owner;
			if (owner != null && owner.held().equals(held) && isWanted()) {
				positions.forEach((position) -> open(owner, position));
			}
		});
	}

	private void open(ConsumerOwner owner, Stored position) {
		String name = position.stream();
		ConsumedStream open = this.streams.get(name);
		if (open != null) {
			// Its row may be added again, where the server has lost it
			if (!open.isSame(position) && this.successors.stream().noneMatch(position::isSame)) {
				this.successors.add(position);
			}
			return;
		}
		ConsumedStream stream = new ConsumedStream(this, owner, position);
		this.streams.put(name, stream);
		stream.begin();
	}

	/**
	 * Drop the consumer, which has another owner.
	 */
	void lost(Held held) {
		post(() -> {
			ConsumerOwner owner = this.owner;
			if (owner != null && owner.held().equals(held)) {
				lost(owner);
			}
		});
	}

	/**
	 * Have the position examined in a stream whose last ones the server has lost.
	 */
	void serverLost(ConsumedStream stream) {
		post(stream::examineLater);
	}

	/**
	 * End, since the consumer was removed.
	 */
	void removed() {
		if (!this.ended) {
			this.ended = true;
			logger.warn(("Consumer '%s' does not exist any more: it was removed, or the server has lost it. Its "
					+ "subscription ends")
				.formatted(this.spec.name()));
			this.consumers.forget(this);
			this.task.signal();
		}
	}

	/**
	 * Have the lease checked.
	 */
	void wake() {
		this.task.signal();
	}

	private void post(Runnable message) {
		this.messages.add(message);
		this.task.signal();
	}

	/**
	 * Have a stream take a turn.
	 */
	void ready(ConsumedStream stream) {
		this.ready.add(stream);
		this.task.signal();
	}

	private void turn() {
		receive();
		int handled = 0;
		while (handled < CHUNKS_PER_TURN) {
			if (!isWanted()) {
				giveUp();
				return;
			}
			ConsumerOwner owner = this.owner;
			if (owner == null || !isHeld(owner)) {
				return;
			}
			ConsumedStream stream = this.ready.poll();
			if (stream == null) {
				return;
			}
			// An end takes a statement, too
			handled += Math.max(1, stream.step());
			receive();
		}
		this.task.signal();
	}

	private void receive() {
		Runnable message = this.messages.poll();
		while (message != null) {
			receive(message);
			message = this.messages.poll();
		}
	}

	private void receive(Runnable message) {
		try {
			message.run();
		}
		catch (Throwable ex) {
			// With the run that follows
			this.messages.add(message);
			throw ex;
		}
	}

	private boolean isHeld(ConsumerOwner owner) {
		if (owner.lease().isHeld()) {
			return true;
		}
		if (owner.lease().isLost()) {
			lost(owner);
		}
		else if (this.checkingLease.compareAndSet(false, true)) {
			checkLeaseLater();
		}
		return false;
	}

	private void checkLeaseLater() {
		boolean delayed = false;
		try {
			this.delays.after(LEASE_CHECK, () -> {
				this.checkingLease.set(false);
				this.task.signal();
			});
			delayed = true;
		}
		finally {
			if (!delayed) {
				// By the turn that follows
				this.checkingLease.set(false);
			}
		}
	}

	/**
	 * Return whether the handler may be called: no other instance can have taken over.
	 */
	boolean mayCall(ConsumerOwner owner) {
		return isWanted() && this.owner == owner && owner.lease().isHeld();
	}

	/**
	 * Drop the consumer. Called by the turn.
	 */
	void lost(ConsumerOwner owner) {
		if (this.owner == owner) {
			logger.info("Another instance owns consumer '%s' now, or it was removed".formatted(this.spec.name()));
			closeStreams();
			this.owner = null;
			this.consumers.claim();
		}
	}

	private void closeStreams() {
		this.streams.values().forEach(ConsumedStream::close);
		this.streams.clear();
		this.successors.clear();
		this.ready.clear();
	}

	private void giveUp() {
		ConsumerOwner owner = this.owner;
		if (owner != null) {
			List<Position> positions = new ArrayList<>();
			for (ConsumedStream stream : this.streams.values()) {
				Position position = stream.unstored();
				if (position != null) {
					positions.add(position);
				}
			}
			closeStreams();
			this.owner = null;
			this.consumers.giveUp(owner.held(), positions);
		}
		this.consumers.left(this);
		CompletableFuture<Void> stopped = this.stopped;
		if (stopped != null) {
			stopped.complete(null);
		}
	}

	/**
	 * Have a stream's position stored. Called by the turn, as what follows.
	 */
	void moved(ConsumedStream stream) {
		this.consumers.store(stream);
	}

	/**
	 * Find out where the consumer is in a stream.
	 * @return the place, or {@code null} if this instance is not the owner any more
	 */
	@Nullable Place examine(ConsumedStream stream) {
		return this.consumers.examine(stream);
	}

	/**
	 * End a stream of which nothing is left to do.
	 * @param deleted whether it is gone
	 */
	void finished(ConsumedStream stream, boolean deleted) {
		stream.close();
		this.streams.remove(stream.name(), stream);
		ConsumerOwner owner = this.owner;
		if (owner != null) {
			openSuccessor(owner, stream.name());
		}
		if (deleted) {
			streamCreated(stream.name());
			this.consumers.claim();
		}
	}

	private void openSuccessor(ConsumerOwner owner, String name) {
		for (Stored successor : this.successors) {
			if (successor.stream().equals(name)) {
				this.successors.remove(successor);
				open(owner, successor);
				return;
			}
		}
	}

	/**
	 * Give the consumer up, until {@link #start()}.
	 * @return completed when that is done
	 */
	CompletableFuture<Void> stop() {
		CompletableFuture<Void> stopped = new CompletableFuture<>();
		this.stopped = stopped;
		this.task.signal();
		return stopped;
	}

	/**
	 * Fence off what a handler does from now on that has not returned in time.
	 */
	void abandon() {
		this.owner = null;
		post(this::closeStreams);
	}

	void start() {
		this.stopped = null;
	}

	@Override
	public void cancel() {
		if (this.cancelled.compareAndSet(false, true)) {
			this.consumers.leaving(this);
			this.ended = true;
			this.consumers.forget(this);
			this.task.signal();
		}
	}

	@Override
	public boolean isActive() {
		return !this.ended && this.consumers.isOpen();
	}

	@Override
	public String toString() {
		return "consumer '%s' (id %d, %s): %s".formatted(this.spec.name(), this.id, this.owner, this.streams.values());
	}

}
