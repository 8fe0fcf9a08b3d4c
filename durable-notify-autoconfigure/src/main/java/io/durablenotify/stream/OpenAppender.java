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

import java.lang.ref.WeakReference;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

import io.durablenotify.database.TransactionBuffer;
import io.durablenotify.instance.Lease;
import io.durablenotify.observation.Outcome;
import io.durablenotify.stream.AppenderStore.Claimed;
import io.durablenotify.stream.append.AppendConditions;
import io.durablenotify.stream.append.StreamEnd;
import io.durablenotify.stream.append.StreamStatus;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.util.Assert;

/**
 * The write side of a {@link StreamAppender}, from its opening until the stream has ended
 * for certain.
 */
final class OpenAppender {

	static final String CLOSED = "abandoned: closed without complete()";

	static final String FAILED = "abandoned: the writer failed";

	static final String ROLLED_BACK = "abandoned: the transaction that ended it was rolled back";

	static final String STOPPED = "abandoned: the application stopped";

	private final OpenAppenders registry;

	private final DefaultStreamWriter writer;

	/**
	 * As the caller knows it.
	 */
	private final String stream;

	private final AppenderOptions options;

	/**
	 * Guards what follows. Held during calls to the database, hence no monitor, in which
	 * a virtual thread would wait pinned.
	 */
	private final Lock lock = new ReentrantLock();

	private @Nullable Throwable failure;

	private boolean ended;

	private boolean closed;

	/**
	 * Whether the stream names this instance, unless the caller's transaction rolls back.
	 */
	private volatile boolean claimed;

	private volatile @Nullable Claim claim;

	/**
	 * Set when the application stopped before the stream was ended.
	 */
	private volatile @Nullable Instant stoppedAt;

	/**
	 * Whether this appender ends the stream, or has ended it.
	 */
	private volatile boolean ending;

	/**
	 * Whether the claim is part of a transaction whose outcome is not known.
	 */
	private volatile boolean pending;

	private final TransactionBuffer<Transaction> transaction;

	/**
	 * Kept by the handle.
	 */
	private final WeakReference<EndCallbacks> callbacks;

	private final AppenderObservation observation;

	OpenAppender(OpenAppenders registry, DefaultStreamWriter writer, String stream, AppenderOptions options,
			EndCallbacks callbacks, AppenderObservation observation) {
		this.callbacks = new WeakReference<>(callbacks);
		this.observation = observation;
		this.registry = registry;
		this.writer = writer;
		this.transaction = writer.inTransaction(this, Transaction::new);
		this.stream = stream;
		this.options = options;
	}

	/**
	 * Begin. What cannot be written yet, in a read-only transaction, begins later.
	 */
	void open() {
		if (!this.writer.isReadOnly()) {
			locked(() -> {
				claim();
				return 0;
			});
		}
	}

	/**
	 * Have the stream name this instance as its writer's.
	 */
	private void claim() {
		for (int attempt = 0; !this.claimed && attempt < 2; attempt++) {
			Lease lease = this.registry.lease(this.options);
			Optional<Claimed> claimed = claim(lease);
			if (claimed.isPresent()) {
				this.claimed = true;
				begun();
				awaitOutcome(() -> this.claimed = false);
				Long before = streamId();
				this.claim = new Claim(claimed.get().streamId(), lease);
				this.registry.ends().claimed(claimed.get().streamId(), before);
			}
			else if (lease == null || this.writer.status(this.stream).filter(StreamStatus::isEnded).isPresent()) {
				// It has ended, which the first append will say
				endedElsewhere();
				return;
			}
			else {
				// The database does not know this instance any more, or this transaction
				// does not yet: if it is lost, another lease begins
				lease.awaitRenewed(this.registry.timeout());
			}
		}
		if (!this.claimed) {
			throw new ConcurrencyFailureException(
					"The lease for stream '%s' began after this transaction; repeat the transaction"
						.formatted(this.stream));
		}
	}

	/**
	 * Claim, and once more if the answer was lost: a second claim changes nothing.
	 */
	private Optional<Claimed> claim(@Nullable Lease lease) {
		try {
			return this.writer.claim(this.stream, lease);
		}
		catch (AppendOutcomeUnknownException ex) {
			try {
				return this.writer.claim(this.stream, lease);
			}
			catch (RuntimeException again) {
				if (lease != null) {
					this.registry.claimUnknown(name(), lease.instanceId());
				}
				throw again;
			}
		}
	}

	@Nullable Long streamId() {
		Claim claim = this.claim;
		return (claim != null) ? claim.streamId() : null;
	}

	/**
	 * Return the instance under whose lease the stream is written, if there is one.
	 */
	@Nullable Long instanceId() {
		Claim claim = this.claim;
		Lease lease = (claim != null) ? claim.lease() : null;
		return (lease != null) ? lease.instanceId() : null;
	}

	AppenderObservation observation() {
		return this.observation;
	}

	String name() {
		return this.writer.fullName(this.stream);
	}

	boolean isHeldBy(Lease lease) {
		Claim claim = this.claim;
		return claim != null && claim.lease() == lease;
	}

	long append(Content content) {
		return locked(() -> written(
				() -> this.writer.append(this.stream, expectedId(), content.encode(this.writer, this.stream))));
	}

	private long written(LongSupplier write) {
		requireWhole();
		Assert.state(!this.ended && !this.closed, () -> "The appender of stream '" + this.stream + "' was ended");
		return recorded(() -> {
			requireHeld();
			return this.observation.appended(write.getAsLong());
		});
	}

	/**
	 * Return the id that the stream must have: another one of its name is none of this
	 * appender's.
	 */
	private long expectedId() {
		Claim claim = this.claim;
		return (claim != null) ? claim.streamId() : AppendConditions.ANY;
	}

	void complete() {
		locked(() -> {
			requireWhole();
			return recorded(() -> ending(Outcome.COMPLETED, () -> {
				requireHeld();
				if (!tryEnd(StreamEnd.COMPLETED, null)) {
					requireCompleted();
				}
				return 0;
			}));
		});
	}

	long completeWith(Content last) {
		return locked(() -> ending(Outcome.COMPLETED, () -> written(
				() -> this.writer.complete(this.stream, expectedId(), last.encode(this.writer, this.stream)))));
	}

	/**
	 * End the stream, unless it has ended, or is gone, without this appender.
	 */
	private boolean tryEnd(StreamEnd end, @Nullable String reason) {
		Claim claim = this.claim;
		boolean own = (claim != null) ? this.writer.end(this.stream, claim.streamId(), end, reason)
				: this.writer.end(this.stream, end, reason);
		if (!own) {
			endedElsewhere();
		}
		return own;
	}

	/**
	 * Nothing may be written once another instance may have taken over.
	 */
	private void requireHeld() {
		Instant stoppedAt = this.stoppedAt;
		if (stoppedAt != null) {
			throw new StreamEndedException(this.stream, StreamState.FAILED, stoppedAt, STOPPED);
		}
		claim();
		Claim claim = this.claim;
		if (claim == null) {
			return;
		}
		Lease lease = claim.lease();
		if (lease != null && !lease.awaitHeld(this.registry.timeout())) {
			if (!lease.isLost()) {
				throw new DataAccessResourceFailureException(
						"The lease under which stream '%s' is written could not be renewed: the database is out of reach"
							.formatted(this.stream));
			}
			this.writer.end(this.stream, claim.streamId(), StreamEnd.FAILED, StreamTakeOver.REASON);
			throw endedOrDeleted(claim.streamId());
		}
	}

	private RuntimeException endedOrDeleted(long streamId) {
		StreamStatus status = this.writer.status(this.stream).orElse(null);
		if (status == null || status.streamId() != streamId || !status.isEnded()) {
			return WriteFailures.deleted(this.stream);
		}
		return WriteFailures.ended(this.stream, status);
	}

	private void requireCompleted() {
		Claim claim = this.claim;
		StreamStatus status = this.writer.status(this.stream).orElse(null);
		if (claim != null
				&& (status == null || status.streamId() != claim.streamId() || status.end() != StreamEnd.COMPLETED)) {
			throw endedOrDeleted(claim.streamId());
		}
	}

	private long recorded(LongSupplier action) {
		try {
			return action.getAsLong();
		}
		catch (RuntimeException | Error ex) {
			this.failure = ex;
			this.observation.failed(ex);
			// It may have ended, before the wake-up that says so
			this.registry.ends().check(this);
			throw ex;
		}
	}

	private void requireWhole() {
		if (this.failure != null) {
			throw new IllegalStateException(
					"An earlier call for stream '%s' failed; what follows could leave a hole".formatted(this.stream),
					this.failure);
		}
	}

	void fail(String reason) {
		end(StreamEnd.FAILED, reason, Outcome.FAILED);
	}

	void cancel(String reason) {
		end(StreamEnd.CANCELLED, reason, Outcome.CANCELLED);
	}

	private void end(StreamEnd end, String reason, Outcome outcome) {
		locked(() -> {
			Assert.notNull(reason, "'reason' must not be null");
			return ending(outcome, () -> {
				if (this.stoppedAt == null) {
					tryEnd(end, reason);
				}
				return 0;
			});
		});
	}

	/**
	 * End the stream, which is not to be taken for an end from elsewhere.
	 */
	private long ending(Outcome outcome, LongSupplier action) {
		this.ending = true;
		try {
			long result = action.getAsLong();
			this.observation.ended(outcome);
			ended();
			return result;
		}
		finally {
			this.ending = this.ended;
			if (!this.ended) {
				this.registry.ends().check(this);
			}
		}
	}

	/**
	 * The stream has ended, unless the caller's transaction rolls back.
	 */
	private void ended() {
		this.ended = true;
		if (!awaitOutcome(this::reopen)) {
			this.registry.remove(this);
		}
	}

	private void reopen() {
		this.ended = false;
		this.ending = false;
	}

	/**
	 * Have what was written undone here too if the caller's transaction rolls it back.
	 * @return whether it is part of a transaction
	 */
	private boolean awaitOutcome(Runnable undo) {
		boolean joined = this.writer.isJoined();
		if (joined) {
			this.pending = true;
			this.transaction.current().writes.add(undo);
		}
		return joined;
	}

	void close() {
		locked(() -> {
			if (this.closed) {
				return 0;
			}
			this.closed = true;
			if (this.ended) {
				return 0;
			}
			String reason = (this.failure == null) ? CLOSED : FAILED;
			try {
				end(StreamEnd.FAILED, reason, Outcome.ABANDONED);
			}
			catch (RuntimeException | Error ex) {
				this.registry.abandon(this, reason);
				throw ex;
			}
			return 0;
		});
	}

	/**
	 * The handle was dropped.
	 */
	void dropped() {
		locked(() -> {
			if (!this.closed) {
				this.closed = true;
				if (!this.ended) {
					this.registry.dropped(this);
				}
			}
			return 0;
		});
	}

	/**
	 * The application has stopped and failed the stream.
	 */
	void stopped(Instant at) {
		this.stoppedAt = at;
	}

	/**
	 * A callback waits for an end from elsewhere.
	 */
	void watch() {
		this.registry.ends().watch(this);
	}

	private void begun() {
		EndCallbacks callbacks = this.callbacks.get();
		if (callbacks != null) {
			callbacks.begin();
		}
	}

	/**
	 * The stream has ended, or is gone, without this appender.
	 */
	void endedElsewhere() {
		EndCallbacks callbacks = this.callbacks.get();
		if (callbacks != null) {
			callbacks.end();
		}
	}

	/**
	 * Return whether others see the stream, if it is there.
	 */
	boolean isCommitted() {
		return this.claim != null && this.claimed && !this.pending;
	}

	boolean isEnding() {
		return this.ending;
	}

	/**
	 * Return the ids of the streams of appenders, as far as they are known.
	 */
	static Set<Long> ids(Collection<OpenAppender> appenders) {
		return appenders.stream()
			.map(OpenAppender::streamId)
			.filter((streamId) -> streamId != null)
			.collect(Collectors.toSet());
	}

	private long locked(LongSupplier action) {
		this.lock.lock();
		try {
			return action.getAsLong();
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * What a transaction of the caller's has written, but for appends.
	 */
	private final class Transaction implements TransactionBuffer.Content {

		/**
		 * How each claim and end is undone, the latest last.
		 */
		private final List<Runnable> writes = new ArrayList<>();

		@Override
		public int size() {
			return this.writes.size();
		}

		@Override
		public void truncate(int size) {
			locked(() -> {
				while (this.writes.size() > size) {
					this.writes.remove(this.writes.size() - 1).run();
				}
				return 0;
			});
		}

		@Override
		public void afterCompletion(int status) {
			locked(() -> {
				if (status != TransactionSynchronization.STATUS_COMMITTED) {
					truncate(0);
				}
				OpenAppender.this.pending = false;
				settle();
				return 0;
			});
			OpenAppender.this.registry.ends().check(OpenAppender.this);
		}

		private void settle() {
			if (OpenAppender.this.ended) {
				OpenAppender.this.registry.remove(OpenAppender.this);
			}
			else if (OpenAppender.this.closed) {
				OpenAppender.this.registry.abandon(OpenAppender.this, ROLLED_BACK);
			}
		}

	}

	/**
	 * What is appended to a stream.
	 */
	@FunctionalInterface
	interface Content {

		byte[] encode(DefaultStreamWriter writer, String stream);

	}

	/**
	 * Under what a stream is written.
	 *
	 * @param lease the lease, or {@code null} for none
	 */
	private record Claim(long streamId, @Nullable Lease lease) {
	}

}
