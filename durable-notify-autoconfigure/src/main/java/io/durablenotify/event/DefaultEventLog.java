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
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Flow;
import java.util.function.Supplier;

import io.durablenotify.Subscription;
import io.durablenotify.database.ApplicationDatabase;
import io.durablenotify.database.Conflicts;
import io.durablenotify.database.Headers;
import io.durablenotify.database.ReadCommitted;
import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.database.Texts;
import io.durablenotify.event.EventMeasures.Result;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.log.Start;
import io.durablenotify.measure.Outcomes;
import io.durablenotify.measure.Timing;
import io.durablenotify.observation.Observations;
import io.durablenotify.observation.Observed;
import io.durablenotify.observation.Outcome;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.InvalidDataAccessApiUsageException;
import org.springframework.dao.InvalidDataAccessResourceUsageException;
import org.springframework.util.Assert;

/**
 * The {@link EventLog}: checks what it is given and goes to the tables, in the caller's
 * transaction where there is one.
 */
final class DefaultEventLog implements EventLog {

	private static final int MAX_EVENTS = 10_000;

	private static final long MAX_PAGE_BYTES = 4 * 1024 * 1024;

	private static final long MAX_CORRELATION_BYTES = 64 * 1024 * 1024;

	private final ApplicationDatabase database;

	private final PostgresEventAppends appendStore;

	private final PostgresEventStore store;

	private final PostgresRunCatalog catalog;

	private final PublishingWrites writes;

	private final EventAppends appends;

	private final LogSubscriptions<StoredEvent> followers;

	private final EventProperties properties;

	private final Observations observations;

	DefaultEventLog(ApplicationDatabase database, PostgresEventAppends appendStore, PostgresEventStore store,
			PostgresRunCatalog catalog, PublishingWrites writes, EventAppends appends,
			LogSubscriptions<StoredEvent> followers, EventProperties properties, Observations observations) {
		this.observations = observations;
		this.database = database;
		this.appendStore = appendStore;
		this.store = store;
		this.catalog = catalog;
		this.writes = writes;
		this.appends = appends;
		this.followers = followers;
		this.properties = properties;
	}

	@Override
	public AppendResult append(NewEvent event) {
		return appendAt(event, EventAppends.ANYWHERE);
	}

	@Override
	public AppendResult append(NewEvent event, long expectedSequence) {
		Assert.isTrue(expectedSequence >= 0,
				() -> "Sequence " + expectedSequence + " is negative: 0 stands for a run without events");
		return appendAt(event, expectedSequence);
	}

	private AppendResult appendAt(NewEvent event, long expectedSequence) {
		Assert.notNull(event, "'event' must not be null");
		requireSize(event);
		Observed observed = this.observations.append(event.runId(), event.type(), 1).open();
		return observed(observed, () -> {
			AppendResult result = append(event.runId(), (connection, joined) -> List.of(this.appends.append(connection,
					joined, event, Headers.write(observed.headers()), expectedSequence)))
				.get(0);
			result.observe(observed);
			return result;
		});
	}

	private static <T> T observed(Observed observed, Supplier<T> append) {
		try {
			return append.get();
		}
		catch (StaleRunException ex) {
			observed.outcome(Outcome.STALE);
			observed.failed(ex);
			throw ex;
		}
		catch (RuntimeException | Error ex) {
			observed.failed(ex);
			throw ex;
		}
		finally {
			observed.stop();
		}
	}

	@Override
	public List<AppendResult> appendAll(String runId, List<NewEvent> events) {
		EventTexts.requireRunId(runId);
		Assert.notNull(events, "'events' must not be null");
		List<NewEvent> all = List.copyOf(events);
		Assert.isTrue(all.size() <= MAX_EVENTS,
				() -> "A list must have at most %d events, but has %d".formatted(MAX_EVENTS, all.size()));
		for (NewEvent event : all) {
			Assert.isTrue(event.runId().equals(runId),
					() -> "Event '%s' is of run '%s', not of run '%s'".formatted(event.type(), event.runId(), runId));
			requireSize(event);
		}
		if (all.isEmpty()) {
			return List.of();
		}
		Observed observed = this.observations.append(runId, (all.size() == 1) ? all.get(0).type() : null, all.size())
			.open();
		return observed(observed, () -> {
			List<AppendResult> results = append(runId, (connection, joined) -> this.appends.appendAll(connection,
					joined, runId, all, Headers.write(observed.headers())));
			results.get(results.size() - 1).observe(observed);
			return results;
		});
	}

	private List<AppendResult> append(String runId, SessionWork<List<AppendResult>> work) {
		Outcomes<Result, Timing> timings = this.appends.measures().appends();
		long start = timings.of(Result.STORED).start();
		Result result = Result.FAILED;
		try {
			List<AppendResult> results = write(runId, work);
			result = Result.of(results);
			return results;
		}
		catch (RuntimeException ex) {
			result = Result.of(ex);
			throw ex;
		}
		finally {
			timings.of(result).end(start);
		}
	}

	private void requireSize(NewEvent event) {
		long max = this.properties.maxPayloadSize().toBytes();
		Assert.isTrue(event.payloadBytes() <= max,
				() -> ("Payload for run '%s' must have at most %d bytes (durable-notify.events.max-payload-size), "
						+ "but has %d. Store it elsewhere and refer to it, or raise the limit")
					.formatted(event.runId(), max, event.payloadBytes()));
	}

	@Override
	public EventPage read(String runId, long afterSequence, int limit) {
		EventTexts.requireRunId(runId);
		requireSequence(afterSequence);
		Assert.isTrue(limit >= 1 && limit <= MAX_EVENTS,
				() -> "Limit must be 1 to " + MAX_EVENTS + ", but is " + limit);
		return this.database.execute("read a page of a run", Conflicts
			.repeat((connection, joined) -> this.store.page(connection, runId, afterSequence, limit, MAX_PAGE_BYTES)));
	}

	@Override
	public List<StoredEvent> findByCorrelation(String runId, String correlationId) {
		EventTexts.requireRunId(runId);
		Texts.require("Correlation id", correlationId, EventTexts.MAX_ID_LENGTH);
		EventPage found = this.database.execute("find the events of a correlation id",
				Conflicts.repeat((connection, joined) -> this.store.findByCorrelation(connection, runId, correlationId,
						MAX_EVENTS, MAX_CORRELATION_BYTES)));
		if (found.hasMore()) {
			throw new InvalidDataAccessResourceUsageException(
					("Correlation id '%s' of run '%s' has more than %d events, or more than %d bytes of payloads: "
							+ "read the run a page at a time")
						.formatted(correlationId, runId, MAX_EVENTS, MAX_CORRELATION_BYTES));
		}
		return found.events();
	}

	@Override
	public Subscription follow(String runId, long afterSequence, EventHandler handler) {
		EventTexts.requireRunId(runId);
		Assert.notNull(handler, "'handler' must not be null");
		return this.followers.open(new FollowedRun(runId), startAfter(afterSequence), new EventDelivery(handler));
	}

	@Override
	public Flow.Publisher<StoredEvent> publisher(String runId, long afterSequence, @Nullable String identity) {
		EventTexts.requireRunId(runId);
		return this.followers.publisher(new FollowedRun(runId), startAfter(afterSequence).in(identity));
	}

	private static Start startAfter(long sequence) {
		requireSequence(sequence);
		Assert.isTrue(sequence < Long.MAX_VALUE,
				() -> "Sequence " + sequence + " is none that an event can have before another");
		return Start.at(sequence + 1);
	}

	private static void requireSequence(long afterSequence) {
		Assert.isTrue(afterSequence >= 0,
				() -> "Sequence " + afterSequence + " is negative: 0 stands for the beginning");
	}

	@Override
	public Optional<RunInfo> info(String runId) {
		EventTexts.requireRunId(runId);
		return this.database.execute("describe a run",
				Conflicts.repeat((connection, joined) -> this.catalog.find(connection, runId)));
	}

	@Override
	public List<RunInfo> runs(RunQuery query) {
		Assert.notNull(query, "'query' must not be null");
		return this.database.execute("list runs", Conflicts
			.repeat((connection, joined) -> this.catalog.list(connection, query, this.properties.terminalTypes())));
	}

	@Override
	public boolean delete(String runId) {
		EventTexts.requireRunId(runId);
		return write(runId, (connection, joined) -> {
			if (!joined) {
				return this.writes.runInTransaction(FollowedRun.TOPIC, connection, (session, inTransaction) -> {
					ReadCommitted.begin(session);
					return delete(session, false, runId);
				});
			}
			if (connection.getTransactionIsolation() > Connection.TRANSACTION_READ_COMMITTED) {
				throw new InvalidDataAccessApiUsageException(
						("Run '%s' cannot be deleted in a transaction at REPEATABLE READ or SERIALIZABLE, whose snapshot "
								+ "may hide events: delete it at READ COMMITTED, or outside a transaction")
							.formatted(runId));
			}
			return this.writes.run(FollowedRun.TOPIC, connection, true,
					(session, inTransaction) -> delete(session, true, runId));
		});
	}

	private Written<Boolean> delete(Connection connection, boolean joined, String runId) throws SQLException {
		OptionalLong deleted = this.catalog.delete(connection, joined, runId, this.properties.appendTimeout());
		return Written.of(deleted.isPresent(), (deleted.isPresent()) ? Wakeup.deleted(deleted.getAsLong()) : null);
	}

	private <T> T write(String runId, SessionWork<T> work) {
		this.database.requireWritable(() -> "Run '%s' cannot be written to".formatted(runId));
		return this.database.execute("append to a run",
				(connection, joined) -> translating(connection, joined, runId, work));
	}

	private <T> T translating(Connection connection, boolean joined, String runId, SessionWork<T> work)
			throws SQLException {
		try {
			return work.run(connection, joined);
		}
		catch (SQLException ex) {
			if (SqlErrors.isLockTimeout(ex)) {
				throw new RunLockedException(runId, this.properties.appendTimeout(), ex);
			}
			if (this.appendStore.isClash(ex, false)) {
				throw new ConcurrencyFailureException(
						("Another transaction wrote to run '%s' at the same time: this one's isolation level hides it, "
								+ "it did not lock the run, or each waited for the other; repeat this transaction")
							.formatted(runId),
						ex);
			}
			throw ex;
		}
	}

}
