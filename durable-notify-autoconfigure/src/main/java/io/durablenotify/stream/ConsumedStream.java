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
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

import io.durablenotify.log.EntryConsumer;
import io.durablenotify.log.HandlerCall;
import io.durablenotify.log.HandlerMeasures.Result;
import io.durablenotify.log.LogSubscription;
import io.durablenotify.log.LogSubscription.End;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.stream.ConsumerPositionSql.Place;
import io.durablenotify.stream.ConsumerPositionSql.Position;
import io.durablenotify.stream.ConsumerPositionSql.Stored;
import io.durablenotify.stream.ConsumerSql.Held;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * A stream of a consumer that this instance owns: its reader, and the position after what
 * the handler has had. {@link #step()} and {@link #begin()} are called by one thread at a
 * time, that of the consumer's turn.
 * <p>
 * Where a position is in doubt (a transaction may have committed, the reader has ended),
 * the stored one counts, and the reader is opened there.
 */
final class ConsumedStream implements EntryConsumer {

	private static final Log logger = LogFactory.getLog(StreamConsumer.class);

	private static final Duration LONGEST_DELAY = Duration.ofSeconds(30);

	private final ConsumerRun run;

	private final ConsumerOwner owner;

	private final Stored stored;

	private final ConsumerSpec spec;

	private final ConsumerWrites writes;

	private final HandlerCall handlerCall;

	private final FailureLog failures;

	/**
	 * Whether it waits for its turn.
	 */
	private final AtomicBoolean queued = new AtomicBoolean();

	/**
	 * Whether its position waits to be stored.
	 */
	private final AtomicBoolean awaitingStore = new AtomicBoolean();

	private volatile boolean paused;

	private volatile boolean closed;

	/**
	 * The index after the last chunk that the handler has had. Written by the turn only.
	 */
	private volatile long next;

	/**
	 * Up to where the position is stored, at least.
	 */
	private volatile long storedNext;

	/**
	 * {@code null} while the position is to be examined. Written by the turn, which owns
	 * all that follows.
	 */
	private volatile @Nullable LogSubscription<Chunk> reader;

	/**
	 * How many chunks are still to be handled while there is no reader. A gap and an end
	 * count as one at least.
	 */
	private volatile long lastLag;

	private final LagWatch lagWatch = new LagWatch();

	/**
	 * Whether the handler was given nothing since the reader was opened.
	 */
	private boolean untried = true;

	/**
	 * Why the position is to be examined, if that is not a failure that was handled.
	 */
	private @Nullable Throwable suspicion;

	/**
	 * The last failure of the handler, until it is logged.
	 */
	private @Nullable HandlerFailure handlerFailure;

	private @Nullable ConsumerGap gap;

	private boolean gapLogged;

	private @Nullable StreamState end;

	/**
	 * How many chunks the next transaction has. After one that failed it has fewer, so
	 * that those before the one that fails are stored.
	 */
	private int limit;

	ConsumedStream(ConsumerRun run, ConsumerOwner owner, Stored stored) {
		this.run = run;
		this.owner = owner;
		this.stored = stored;
		this.spec = run.spec();
		this.writes = run.writes();
		this.handlerCall = new HandlerCall(run.readers().measures().handlers(this.spec.scope().family()));
		this.next = stored.next();
		this.storedNext = stored.next();
		this.limit = this.spec.batchSize();
		this.failures = new FailureLog(logger,
				"Consumer '%s' has failed with stream '%s'".formatted(this.spec.name(), stored.stream()),
				"Consumer '%s' goes on with stream '%s'".formatted(this.spec.name(), stored.stream()), LONGEST_DELAY);
	}

	ConsumerRun run() {
		return this.run;
	}

	Held held() {
		return this.owner.held();
	}

	long streamId() {
		return this.stored.streamId();
	}

	String name() {
		return this.stored.stream();
	}

	/**
	 * Return how many chunks are still to be handled. May be called by any thread.
	 */
	long lag() {
		LogSubscription<Chunk> reader = this.reader;
		return (reader != null) ? reader.lag() : this.lastLag;
	}

	/**
	 * Return for how long the position has not moved although there are chunks to be
	 * handled. May be called by any thread.
	 */
	Duration lagAge() {
		return this.lagWatch.age(lag(), this.next);
	}

	/**
	 * Return whether a position is one in this stream, not in one that took its name.
	 */
	boolean isSame(Stored other) {
		return this.stored.isSame(other);
	}

	private String relativeName() {
		return this.spec.relativeName(name());
	}

	/**
	 * Return the position if it is not stored yet.
	 */
	@Nullable Position unstored() {
		long next = this.next;
		return (next > this.storedNext) ? new Position(held(), streamId(), this.storedNext, next) : null;
	}

	/**
	 * Have the position wait to be stored.
	 * @return whether it did not wait before
	 */
	boolean awaitStore() {
		return !this.awaitingStore.get() && this.awaitingStore.compareAndSet(false, true);
	}

	/**
	 * The position is about to be read to be stored: one that moves after that has to
	 * wait again.
	 */
	void beginStore() {
		this.awaitingStore.set(false);
	}

	void stored(long next) {
		this.storedNext = next;
	}

	boolean isClosed() {
		return this.closed;
	}

	/**
	 * Ask for a turn.
	 */
	@Override
	public void signal() {
		if (!this.closed && !this.paused && this.queued.compareAndSet(false, true)) {
			this.run.ready(this);
		}
	}

	@Override
	public Class<?> handlerType() {
		return this.run.handler().getClass();
	}

	@Override
	public @Nullable Duration running() {
		return this.handlerCall.running();
	}

	private void resume() {
		this.paused = false;
		signal();
	}

	/**
	 * End without a further turn.
	 */
	void close() {
		this.closed = true;
		closeReader();
	}

	/**
	 * It is not known whether the chunk counts as handled: the position is read again.
	 */
	private void closeReaderUntilRetry() {
		this.lastLag = lag();
		closeReader();
	}

	private void closeReader() {
		LogSubscription<Chunk> reader = this.reader;
		if (reader != null) {
			this.reader = null;
			reader.cancel();
		}
	}

	/**
	 * Begin to read.
	 */
	void begin() {
		if (this.stored.gone()) {
			this.gap = new ConsumerGap(this.spec.name(), relativeName(), this.next, 0, true);
			this.lastLag = 1;
			signal();
			return;
		}
		try {
			open();
		}
		catch (Throwable ex) {
			failed(ex);
		}
	}

	private void open() {
		this.untried = true;
		this.run.readers()
			.openFor(this.spec.tailed(name(), this.next),
					ConsumerSpec.start(streamId(), this.stored.createdAt(), this.next), (reader) -> {
						this.reader = reader;
						return this;
					});
	}

	/**
	 * Take a turn.
	 * @return how many chunks the handler has had
	 */
	int step() {
		this.queued.set(false);
		if (this.closed || this.paused) {
			return 0;
		}
		try {
			return advance();
		}
		catch (ConsumerLostException ex) {
			logger.debug("The position must be examined", ex);
			this.suspicion = ex;
			examineLater();
		}
		catch (Throwable ex) {
			failed(ex);
		}
		finally {
			// That of a transaction's callback
			Thread.interrupted();
		}
		return 0;
	}

	/**
	 * Have the position examined in the next turn.
	 */
	void examineLater() {
		this.gap = null;
		this.end = null;
		closeReaderUntilRetry();
		signal();
	}

	private void failed(Throwable failure) {
		this.paused = true;
		boolean delayed = false;
		try {
			this.run.delays().after(delay(failure), this::resume);
			delayed = true;
		}
		finally {
			if (!delayed) {
				resume();
			}
		}
	}

	private Duration delay(Throwable failure) {
		HandlerFailure ofHandler = this.handlerFailure;
		this.handlerFailure = null;
		return (ofHandler != null && ofHandler.failure() == failure)
				? this.failures.handlerFailed("Consumer '%s' has failed with stream '%s' at chunk %d"
					.formatted(this.spec.name(), name(), ofHandler.index()), failure)
				: this.failures.failed(failure);
	}

	private int advance() throws Exception {
		if (this.gap != null) {
			report(this.gap);
			return 0;
		}
		if (this.end != null) {
			report(this.end);
			return 0;
		}
		LogSubscription<Chunk> reader = this.reader;
		if (reader == null) {
			examine();
			return 0;
		}
		List<Chunk> chunks = reader.peek(this.limit);
		if (chunks.isEmpty()) {
			End end = reader.takeEnd();
			if (end != null) {
				this.lastLag = Math.max(1, reader.lag());
				this.reader = null;
				reader.completionDelivered();
				ended(end.error());
			}
			return 0;
		}
		int handled = (this.writes.isTransactional()) ? handleInTransaction(reader, chunks) : handle(reader, chunks);
		if (handled > 0) {
			this.failures.succeeded();
		}
		signal();
		return handled;
	}

	private int handle(LogSubscription<Chunk> reader, List<Chunk> chunks) throws Exception {
		int handled = 0;
		try {
			for (Chunk chunk : chunks) {
				if (!this.run.mayCall(this.owner)) {
					break;
				}
				call(chunk);
				handled++;
				this.untried = false;
				this.next = chunk.index() + 1;
				// The next call may take long
				this.run.moved(this);
			}
		}
		finally {
			reader.taken(handled);
		}
		return handled;
	}

	private void call(Chunk chunk) throws Exception {
		HeldChunk held = hold(chunk);
		try {
			handle(held);
		}
		catch (Throwable ex) {
			switch (held.outcome()) {
				case COMMITTED ->
					FailureLog.log(logger::warn, "The handler of consumer '%s' has failed after it had committed %s"
						.formatted(this.spec.name(), held), ex);
				case OPEN, UNKNOWN -> {
					closeReaderUntilRetry();
					throw ex;
				}
				case NONE, ROLLED_BACK -> throw ex;
			}
		}
		switch (held.outcome()) {
			case COMMITTED -> this.storedNext = chunk.index() + 1;
			case ROLLED_BACK -> throw new IllegalStateException(
					"The transaction that was to commit %s has rolled back".formatted(held));
			case OPEN, UNKNOWN -> {
				closeReaderUntilRetry();
				throw new IllegalStateException(
						"The transaction that was to commit %s may have failed".formatted(held));
			}
			case NONE -> {
			}
		}
	}

	private void handle(HeldChunk chunk) throws Exception {
		try {
			call(() -> this.run.handler().onChunk(chunk));
		}
		catch (Throwable ex) {
			this.handlerFailure = new HandlerFailure(ex, chunk.chunk().index());
			throw ex;
		}
	}

	/**
	 * Call the handler. An interrupt that it leaves must not reach the next call or our
	 * statements: on a virtual thread, it closes the connection.
	 */
	private void call(ConsumerWrites.Calls call) throws Exception {
		Result result = Result.FAILED;
		this.handlerCall.begin();
		try {
			call.run();
			result = Result.HANDLED;
		}
		finally {
			Thread.interrupted();
			this.handlerCall.end(result);
		}
	}

	private HeldChunk hold(Chunk chunk) {
		return new HeldChunk(chunk, this.spec.name(), held().token(), this.writes, (connection) -> this.run.sql()
			.move(connection, held(), streamId(), this.storedNext, chunk.index(), chunk.index() + 1));
	}

	private int handleInTransaction(LogSubscription<Chunk> reader, List<Chunk> chunks) throws Exception {
		long first = this.next;
		Batch batch = new Batch();
		try {
			this.writes.run(() -> {
				for (Chunk chunk : chunks) {
					if (!this.run.mayCall(this.owner)) {
						break;
					}
					handle(hold(chunk));
					batch.handled++;
				}
				batch.committing = true;
				if (batch.handled > 0) {
					this.writes.write((connection) -> this.run.sql()
						.move(connection, held(), streamId(), first, first, first + batch.handled));
				}
			});
		}
		catch (Throwable ex) {
			if (batch.committing) {
				closeReaderUntilRetry();
			}
			// A commit does not say which chunk it fails for
			this.limit = Math.max(1, (batch.committing) ? batch.handled / 2 : batch.handled);
			throw ex;
		}
		this.limit = this.spec.batchSize();
		this.untried = false;
		this.next = first + batch.handled;
		this.storedNext = this.next;
		reader.taken(batch.handled);
		return batch.handled;
	}

	/**
	 * The reader has ended.
	 */
	private void ended(@Nullable Throwable error) {
		if (error instanceof ReaderStoppedException) {
			return;
		}
		if (error == null) {
			this.end = StreamState.COMPLETED;
		}
		else if (error instanceof StreamFailedException) {
			this.end = (error instanceof StreamCancelledException) ? StreamState.CANCELLED : StreamState.FAILED;
		}
		else {
			this.suspicion = error;
		}
		signal();
	}

	/**
	 * Go on at the stored position, or report a gap there.
	 */
	private void examine() {
		Place place = this.run.examine(this);
		if (place == null) {
			this.run.lost(this.owner);
			return;
		}
		Throwable suspicion = this.suspicion;
		this.suspicion = null;
		boolean moved = place.next() != this.next;
		this.next = place.next();
		this.storedNext = place.next();
		this.lastLag = Math.max(0, place.end() - place.next());
		// The chunks before the position are others now, although none is missing after
		// it
		boolean replaced = suspicion instanceof StreamTruncatedException && !moved && !this.untried;
		if (place.gone() || place.first() != place.next() || replaced) {
			this.gap = new ConsumerGap(this.spec.name(), relativeName(), place.next(),
					(place.gone()) ? 0 : place.first(), place.gone());
			this.lastLag = Math.max(1, this.lastLag);
			signal();
		}
		else if (suspicion != null && !moved) {
			// Else it might come again and again
			failed(suspicion);
		}
		else {
			open();
		}
	}

	private void report(ConsumerGap gap) throws Exception {
		if (!this.gapLogged) {
			this.gapLogged = true;
			logger.warn((gap.deleted())
					? "Stream '%s' was deleted before consumer '%s' had handled its chunks from %d on".formatted(name(),
							gap.consumer(), gap.from())
					: "Consumer '%2$s' has lost chunks of stream '%1$s': expected chunk %3$d, goes on with %4$d"
						.formatted(name(), gap.consumer(), gap.from(), gap.to()));
		}
		this.writes.run(() -> {
			call(() -> this.run.handler().onGap(gap));
			this.writes.write((connection) -> (gap.deleted()) ? this.run.sql().forget(connection, held(), streamId())
					: this.run.sql().pass(connection, held(), streamId(), gap.to()));
		});
		this.failures.succeeded();
		this.gap = null;
		this.gapLogged = false;
		if (gap.deleted()) {
			this.run.finished(this, true);
			return;
		}
		this.next = gap.to();
		this.storedNext = gap.to();
		open();
	}

	private void report(StreamState end) throws Exception {
		this.writes.run(() -> {
			call(() -> this.run.handler().onEnd(relativeName(), end));
			this.writes.write((connection) -> this.run.sql().end(connection, held(), streamId(), this.next));
		});
		this.failures.succeeded();
		this.storedNext = this.next;
		this.run.finished(this, false);
	}

	@Override
	public String toString() {
		return "stream '%s' at %d, stored %d, %s".formatted(name(), this.next, this.storedNext,
				(this.closed) ? "closed" : (this.paused) ? "paused" : (this.queued.get()) ? "queued" : "waiting");
	}

	/**
	 * The chunks of a transaction.
	 */
	private static final class Batch {

		/**
		 * How many the handler has had.
		 */
		private int handled;

		/**
		 * Whether only the position is left to be stored.
		 */
		private boolean committing;

	}

	/**
	 * The handler has failed with a chunk.
	 */
	private record HandlerFailure(Throwable failure, long index) {
	}

}
