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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;

import io.durablenotify.database.ReadCommitted;
import io.durablenotify.event.AppendResult.Outcome;
import io.durablenotify.event.EventMeasures.Mode;
import io.durablenotify.event.KnownRuns.KnownRun;
import io.durablenotify.event.PostgresEventAppends.Lookups;
import io.durablenotify.event.PostgresEventAppends.Found;
import io.durablenotify.event.PostgresEventAppends.Lookup;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.measure.Timing;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * Appends events: retries after a conflict with another transaction, creates a missing
 * run, and returns the result of each event.
 */
final class EventAppends {

	private static final Log logger = LogFactory.getLog(EventLog.class);

	/**
	 * Far more often than transactions that respect the lock can come between.
	 */
	private static final int MAX_ATTEMPTS = 20;

	/**
	 * Few, since what a transaction's own snapshot hides stays hidden.
	 */
	private static final int MAX_ATTEMPTS_JOINED = 3;

	/**
	 * The longest wait for a lock before the statement that is made for waiting. It is
	 * below PostgreSQL's {@code deadlock_timeout}.
	 */
	private static final Duration BRIEFLY = Duration.ofMillis(50);

	/**
	 * In place of an expected sequence.
	 */
	static final long ANYWHERE = -1;

	private final PostgresEventAppends store;

	private final PublishingWrites writes;

	private final EventProperties properties;

	private final EventMeasures measures;

	private final KnownRuns known = new KnownRuns();

	/**
	 * Whether the last event was there already. An engine that has come second once is
	 * likely to do so again, and reads in one round trip what was there.
	 */
	private volatile boolean lastWasDuplicate;

	EventAppends(PostgresEventAppends store, PublishingWrites writes, EventProperties properties,
			EventMeasures measures) {
		this.store = store;
		this.writes = writes;
		this.properties = properties;
		this.measures = measures;
	}

	EventMeasures measures() {
		return this.measures;
	}

	/**
	 * Append an event.
	 * @param headers what is stored with the event, or {@code null}
	 * @param expectedSequence the sequence that the run must be at, or {@link #ANYWHERE}
	 */
	AppendResult append(Connection connection, boolean joined, NewEvent event, @Nullable String headers,
			long expectedSequence) throws SQLException {
		UUID eventId = UUID.randomUUID();
		boolean create = false;
		boolean clashed = false;
		boolean lookup = joined || this.lastWasDuplicate;
		KnownRun known = (lookup || event.isSuspension() && event.idempotencyKey() != null) ? null
				: this.known.take(event.runId(), expectedSequence);
		if (known != null) {
			if (appendNext(connection, event, headers, eventId, known)) {
				return new AppendResult(Outcome.APPENDED, eventId.toString(), known.lastSequence() + 1);
			}
			// Most likely another engine has come first
			lookup = true;
		}
		for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
			boolean creating = create;
			boolean lookingUp = lookup;
			// In the caller's transaction nothing can be repeated after an error
			boolean last = joined || attempt == MAX_ATTEMPTS - 1;
			Lookup found = attempt(connection, joined, clashed, last, (session, inTransaction) -> {
				Duration timeout = this.properties.appendTimeout();
				Lookup seen = statement(joined).time(() -> (lookingUp)
						? this.store.append(session, inTransaction, timeout, creating, event, headers, eventId,
								expectedSequence)
						: this.store.appendOnly(session, inTransaction, timeout, event, headers, eventId,
								expectedSequence));
				return Written.of(seen, wakeup(session, event.runId(), seen.run(), appended(seen, eventId)));
			});
			if (found == null) {
				clashed = true;
				continue;
			}
			AppendResult result = result(connection, event, eventId, found);
			if (result != null) {
				this.lastWasDuplicate = result.outcome() == Outcome.DUPLICATE;
				remember(event.runId(), joined, found.run(), result);
				return result;
			}
			if (lookingUp || found.run().isEmpty()) {
				// Before the run is created
				requireExpected(event.runId(), expectedSequence, found.last());
			}
			lookup = true;
			create = found.run().isEmpty();
		}
		throw metAgainAndAgain(event.runId());
	}

	/**
	 * Append an event by the shortest statement. That works if this instance was the last
	 * that wrote to the run, no transaction has locked it, and the event is new.
	 * @return whether it is stored
	 */
	private boolean appendNext(Connection connection, NewEvent event, @Nullable String headers, UUID eventId,
			KnownRun known) throws SQLException {
		long sequence = known.lastSequence() + 1;
		boolean stored = false;
		try {
			stored = this.writes.run(FollowedRun.TOPIC, connection, false, (session, joined) -> {
				boolean inserted = statement(false).time(() -> this.store.appendNext(session, BRIEFLY, event, headers,
						eventId, known.id(), known.lastSequence()));
				return Written.of(inserted, (inserted) ? Wakeup.moved(known.id(), sequence + 1) : null);
			});
		}
		catch (SQLException ex) {
			if (!this.store.isClash(ex, false) && !SqlErrors.isLockTimeout(ex)) {
				throw ex;
			}
		}
		if (stored) {
			this.known.appended(event.runId(), known.id(), sequence, true);
		}
		return stored;
	}

	private void remember(String runId, boolean joined, OptionalLong run, AppendResult result) {
		if (joined) {
			// It may roll back
			this.known.forget(runId);
		}
		else if (run.isPresent() && result.outcome() == Outcome.APPENDED) {
			this.known.appended(runId, run.getAsLong(), result.sequence(), false);
		}
	}

	private static void requireExpected(String runId, long expectedSequence, @Nullable Found last) {
		long actual = (last != null) ? last.sequence() : 0;
		if (expectedSequence != ANYWHERE && expectedSequence != actual) {
			throw new StaleRunException(runId, expectedSequence, actual);
		}
	}

	/**
	 * Append a list of events of one run.
	 * @param headers what is stored with each event, or {@code null}
	 */
	List<AppendResult> appendAll(Connection connection, boolean joined, String runId, List<NewEvent> events,
			@Nullable String headers) throws SQLException {
		EventList list = EventList.of(events);
		this.known.forget(runId);
		boolean[] first = list.first();
		List<UUID> eventIds = Stream.generate(UUID::randomUUID).limit(events.size()).toList();
		boolean create = false;
		boolean clashed = false;
		for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
			boolean creating = create;
			boolean last = attempt == ((joined) ? MAX_ATTEMPTS_JOINED : MAX_ATTEMPTS) - 1;
			Lookups found = attempt(connection, joined, clashed, last, (session, inTransaction) -> {
				Lookups seen = statement(joined).time(() -> this.store.appendAll(session, inTransaction,
						this.properties.appendTimeout(), creating, runId, events, headers, eventIds, first));
				return Written.of(seen, wakeup(session, runId, seen.run(), appended(seen, eventIds)));
			});
			if (found == null) {
				clashed = true;
				continue;
			}
			List<AppendResult> results = results(connection, list, eventIds, found);
			if (results != null) {
				return results;
			}
			create = found.run().isEmpty();
		}
		throw metAgainAndAgain(runId);
	}

	private @Nullable List<AppendResult> results(Connection connection, EventList list, List<UUID> eventIds,
			Lookups found) throws SQLException {
		Map<Integer, AppendResult> results = new TreeMap<>();
		for (int i = 0; i < eventIds.size(); i++) {
			Lookup lookup = found.events().get(i);
			AppendResult result = (lookup != null) ? result(connection, list.events().get(i), eventIds.get(i), lookup)
					: null;
			AppendResult doubled = results.get(list.origins()[i]);
			if (result == null && doubled != null) {
				result = duplicate(doubled.eventId(), doubled.sequence());
			}
			if (result != null) {
				results.put(i, result);
			}
		}
		return (results.size() == eventIds.size()) ? new ArrayList<>(results.values()) : null;
	}

	private Timing statement(boolean joined) {
		return this.measures.statements().of((joined) ? Mode.TRANSACTION : Mode.ALONE);
	}

	/**
	 * Run an attempt. Outside the caller's transaction, what has met another one is
	 * repeated in READ COMMITTED. With another default its snapshot would be older than
	 * the lock each time that it waits for a busy run.
	 * @param clashed whether an earlier attempt has met another transaction
	 * @param last whether it is the last attempt
	 * @return what it found, or {@code null} if it met another transaction and nothing is
	 * stored
	 */
	private <T> @Nullable T attempt(Connection connection, boolean joined, boolean clashed, boolean last,
			SessionWork<Written<T>> work) throws SQLException {
		SessionWork<Written<T>> write = (!clashed || joined) ? work : (session, inTransaction) -> ReadCommitted
			.runInTransaction(session, (ours, inOurs) -> work.run(ours, false));
		try {
			return this.writes.run(FollowedRun.TOPIC, connection, joined, write);
		}
		catch (SQLException ex) {
			if (!last && this.store.isClash(ex, joined)) {
				return null;
			}
			throw ex;
		}
	}

	private @Nullable Wakeup wakeup(Connection connection, String runId, OptionalLong run, List<Found> appended)
			throws SQLException {
		// Not there to be locked, it came into being a moment later
		OptionalLong id = (run.isPresent() || appended.isEmpty()) ? run : find(connection, runId);
		if (id.isEmpty() || appended.isEmpty()) {
			return null;
		}
		LongSummaryStatistics sequences = appended.stream().mapToLong(Found::sequence).summaryStatistics();
		Wakeup wakeup = Wakeup.moved(id.getAsLong(), sequences.getMax() + 1);
		// Followers that wait for the run must receive its name with the first event
		return (sequences.getMin() == 1) ? wakeup.created(runId) : wakeup;
	}

	/**
	 * In autocommit the event is stored by now, and must not count as failed: its readers
	 * wait for the poll.
	 */
	private OptionalLong find(Connection connection, String runId) throws SQLException {
		boolean stored = connection.getAutoCommit();
		try {
			return this.store.find(connection, runId);
		}
		catch (SQLException ex) {
			if (!stored) {
				throw ex;
			}
			logger.debug("Failed to find the run of an event that is stored; its readers are not woken", ex);
			return OptionalLong.empty();
		}
	}

	private static List<Found> appended(Lookups seen, List<UUID> eventIds) {
		List<Found> appended = new ArrayList<>();
		for (int i = 0; i < eventIds.size(); i++) {
			Lookup lookup = seen.events().get(i);
			if (lookup != null) {
				appended.addAll(appended(lookup, eventIds.get(i)));
			}
		}
		return appended;
	}

	/**
	 * Return the event itself, if it was found.
	 */
	private static List<Found> appended(Lookup lookup, UUID eventId) {
		return Stream
			.of(Optional.ofNullable(lookup.byKey()), Optional.ofNullable(lookup.doubled()),
					Optional.ofNullable(lookup.last()))
			.flatMap(Optional::stream)
			.filter((found) -> found.is(eventId))
			.limit(1)
			.toList();
	}

	/**
	 * Return what became of an event, or {@code null} if it is nowhere.
	 */
	private @Nullable AppendResult result(Connection connection, NewEvent event, UUID eventId, Lookup lookup)
			throws SQLException {
		List<Found> appended = appended(lookup, eventId);
		if (!appended.isEmpty()) {
			return new AppendResult(Outcome.APPENDED, appended.get(0).eventId(), appended.get(0).sequence());
		}
		Found byKey = lookup.byKey();
		if (byKey != null) {
			if (!byKey.isLike()) {
				this.store.requireNoConflict(connection, event);
				return null;
			}
			return duplicate(byKey.eventId(), byKey.sequence());
		}
		Found doubled = lookup.doubled();
		return (doubled != null) ? duplicate(doubled.eventId(), doubled.sequence()) : null;
	}

	private static AppendResult duplicate(String eventId, long sequence) {
		return new AppendResult(Outcome.DUPLICATE, eventId, sequence);
	}

	private static ConcurrencyFailureException metAgainAndAgain(String runId) {
		return new ConcurrencyFailureException(
				"A writer that does not lock run '%s' wrote to it time after time; nothing was stored"
					.formatted(runId));
	}

}
