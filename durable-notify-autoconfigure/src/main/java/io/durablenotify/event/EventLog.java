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

package io.durablenotify.event;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;

import io.durablenotify.Subscription;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.DataAccessException;

/**
 * The event logs of workflow runs. The first event creates the run. Its events are
 * numbered from 1 without gaps in the order in which they become visible: no event ever
 * appears before one that was read.
 * <p>
 * <b>Duplicates.</b> What starts or suspends a run is stored once, however many engines
 * append it: of the types {@code step_created}, {@code wait_created},
 * {@code hook_created} and {@code run_created} a run has one event for each correlation
 * id, and one without any. Other types repeat freely. Any event can be given an
 * {@link NewEvent#idempotencyKey(String) idempotency key}, of which a run has one event
 * each. A duplicate is no error: the result names the stored event.
 * <p>
 * <b>Transactions.</b> An append joins the caller's transaction where there is one, and
 * is visible to others with its commit. It locks the run until then: keep the transaction
 * short, append last. A duplicate leaves the transaction usable. At REPEATABLE READ and
 * SERIALIZABLE, an event of another transaction that the snapshot hides is a
 * {@link org.springframework.dao.ConcurrencyFailureException}: repeat the transaction. So
 * is a deadlock of two that append to several runs in different orders. Without a
 * transaction an append is one round trip; two for the first event of a run, and for a
 * duplicate after an event that was stored.
 * <p>
 * If the connection is lost in mid-append, the event may or may not have been stored, and
 * a {@link org.springframework.dao.DataAccessResourceFailureException} says no more than
 * that. Repeating the append is safe for all events that cannot be doubled: those of the
 * types above, with a key, and those with an expected sequence.
 * <p>
 * A run that another transaction holds is waited for. No {@code statement_timeout} of the
 * role cuts that short, except in a transaction of the caller's, where it comes as a
 * {@link org.springframework.dao.QueryTimeoutException}.
 * <p>
 * All methods may be called by any thread. They throw {@link IllegalArgumentException}
 * for invalid arguments, before anything reaches the database, and
 * {@link DataAccessException} if the database fails. Times are those of the database's
 * clock.
 */
public interface EventLog {

	/**
	 * Append an event.
	 * @param event the event, whose payload has at most
	 * {@code durable-notify.events.max-payload-size}
	 * @return the stored event's id and sequence, and whether this call stored it
	 * @throws IdempotencyKeyConflictException if its key is that of another event, of
	 * another type or correlation id
	 * @throws RunLockedException if another transaction held the run for longer than
	 * {@code durable-notify.events.append-timeout}
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException in a read-only
	 * transaction
	 */
	AppendResult append(NewEvent event);

	/**
	 * Append an event if the run is still at the sequence that the caller saw. A
	 * duplicate is reported as such here too, even if the run has passed the sequence:
	 * with a type that is unique or with a key, an append whose outcome is unknown can be
	 * repeated as it was.
	 * @param event the event
	 * @param expectedSequence the sequence of the last event that the caller has seen, 0
	 * for a run without events
	 * @return the stored event's id and sequence, and whether this call stored it
	 * @throws StaleRunException if the run is at another sequence; nothing is stored
	 * @throws IdempotencyKeyConflictException as {@link #append(NewEvent)} does
	 * @throws RunLockedException as {@link #append(NewEvent)} does
	 */
	AppendResult append(NewEvent event, long expectedSequence);

	/**
	 * Append events one after the other, all or none of them, in one round trip outside a
	 * transaction. Those that are duplicates are left out, which does not lose the rest;
	 * one that doubles another of the list refers to the first of them.
	 * @param runId the run that all events belong to
	 * @param events up to 10,000 events; none is fine
	 * @return a result for each event, in the same order
	 * @throws IllegalArgumentException if an event belongs to another run
	 * @throws IdempotencyKeyConflictException if a key is that of another event, stored
	 * or of the list, of another type or correlation id; nothing is stored
	 * @throws RunLockedException as {@link #append(NewEvent)} does
	 */
	List<AppendResult> appendAll(String runId, List<NewEvent> events);

	/**
	 * Read some events of a run, in order; in the caller's transaction where there is
	 * one. After a failover or a crash that lost events it begins at the sequence that it
	 * is asked for, even if other events were stored before that since; a follower would
	 * end with a {@link RunTruncatedException}.
	 * @param runId the run, which may be unknown
	 * @param afterSequence the sequence after which to begin, 0 for the first event
	 * @param limit how many events at most, 1 to 10,000; a page also ends with the event
	 * that brings its payloads to 4 MiB
	 * @return the events
	 */
	EventPage read(String runId, long afterSequence, int limit);

	/**
	 * Find the events of one step, wait or hook, in order; in the caller's transaction
	 * where there is one.
	 * @param runId the run, which may be unknown
	 * @param correlationId the correlation id
	 * @return the events
	 * @throws org.springframework.dao.InvalidDataAccessResourceUsageException if they are
	 * more than 10,000, or their payloads more than 64 MiB: read the run then, a page at
	 * a time
	 */
	List<StoredEvent> findByCorrelation(String runId, String correlationId);

	/**
	 * Follow a run: its events from a place on, then those to come, each once and in
	 * order. A run that is unknown is waited for. Never joins a transaction.
	 * @param runId the run
	 * @param afterSequence the sequence after which to begin, 0 for the first event; it
	 * may be one that the run has not reached
	 * @param handler takes the events, one after the other, on
	 * {@code durableNotifyTaskExecutor}
	 * @return the subscription
	 * @throws FollowingStoppedException if the application context closes, or has closed
	 */
	Subscription follow(String runId, long afterSequence, EventHandler handler);

	/**
	 * Follow a run, as many events as are asked for.
	 * <p>
	 * Each {@link Flow.Publisher#subscribe subscribe} opens a follower of its own, which
	 * follows as {@link #follow} does. Its subscriber is given what it has requested, and
	 * a follower of which nothing is requested holds a bounded buffer and no thread. A
	 * run has no end: {@code onComplete} is never called, {@code onError} is called with
	 * what {@link EventHandler#onError} would get, or with an
	 * {@link IllegalArgumentException} if less than one event was requested.
	 * <p>
	 * {@code onSubscribe} is called by the thread that subscribes, and {@code onError}
	 * too if the application context has closed; what follows comes on
	 * {@code durableNotifyTaskExecutor}, one call after the other. A subscriber that
	 * throws is cancelled; that is logged.
	 * @param runId the run, which may be unknown
	 * @param afterSequence the sequence after which to begin, 0 for the first event
	 * @return the publisher, for any number of subscribers
	 */
	default Flow.Publisher<StoredEvent> publisher(String runId, long afterSequence) {
		return publisher(runId, afterSequence, null);
	}

	/**
	 * Follow one run only, as {@link #publisher(String, long)} does otherwise. Nothing of
	 * another run is delivered: {@code onError} is called with a
	 * {@link RunTruncatedException} if another run has the id, if none has, and if the
	 * run has not reached the sequence, which the caller has seen.
	 * @param runId the run
	 * @param afterSequence the sequence after which to begin, 0 for the first event
	 * @param identity the {@link RunInfo#identity() identity} of the run, or {@code null}
	 * for any run, also one to wait for. An invalid one counts as that of another run
	 * @return the publisher, for any number of subscribers
	 */
	default Flow.Publisher<StoredEvent> publisher(String runId, long afterSequence, @Nullable String identity) {
		throw new UnsupportedOperationException("This EventLog does not publish runs");
	}

	/**
	 * Describe a run, as the caller's transaction sees it where there is one.
	 * @param runId the run's id
	 * @return the description, empty if there is no such run
	 */
	default Optional<RunInfo> info(String runId) {
		throw new UnsupportedOperationException("This EventLog does not describe runs");
	}

	/**
	 * List runs, in the order of their ids' bytes; in the caller's transaction where
	 * there is one. An engine finds what another one has left unfinished by
	 * {@code RunQuery.all().open().idleFor(…)}, and appends with the
	 * {@link RunInfo#lastSequence()} that it has read up to, so that only one engine goes
	 * on.
	 * @param query which runs
	 * @return the runs, at most {@link RunQuery#limit()}
	 */
	default List<RunInfo> runs(RunQuery query) {
		throw new UnsupportedOperationException("This EventLog does not list runs");
	}

	/**
	 * Delete a run with its events; in the caller's transaction, at READ COMMITTED, where
	 * there is one. Waits for a transaction that has appended to it, like an append.
	 * Followers end with a {@link RunTruncatedException}. An event that is appended later
	 * begins a new run, with sequence 1; with an expected sequence it fails with a
	 * {@link StaleRunException}. Takes time in proportion to the number of events.
	 * @param runId the run
	 * @return whether there was one
	 * @throws RunLockedException as {@link #append(NewEvent)} does
	 * @throws org.springframework.dao.InvalidDataAccessApiUsageException in a read-only
	 * transaction, and in one at REPEATABLE READ or SERIALIZABLE, whose snapshot may hide
	 * events that would be left
	 */
	default boolean delete(String runId) {
		throw new UnsupportedOperationException("This EventLog does not delete runs");
	}

}
