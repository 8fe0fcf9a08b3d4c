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

package io.durablenotify.stream.append;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.loop.DebugLine;
import io.durablenotify.loop.FailureLog;
import io.durablenotify.measure.Timing;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.stream.append.AppendMeasures.Mode;
import io.durablenotify.stream.append.AppendOutcome.Ended;
import io.durablenotify.stream.append.AppendOutcome.Gone;
import io.durablenotify.stream.append.AppendOutcome.Stored;
import io.durablenotify.stream.append.AppendOutcome.Unexpected;
import io.durablenotify.stream.append.CommittedChunks.Committed;
import io.durablenotify.stream.append.KnownStreams.KnownStream;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import io.durablenotify.wakeup.Wakeup;
import org.apache.commons.logging.Log;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * Writes appends on one connection: finds or creates the streams, stores the chunks, and
 * sets the outcomes.
 */
public final class AppendWrite {

	private static final Set<String> CONSTRAINTS = Set.of("stream_chunks_pkey");

	/**
	 * How often an append looks up streams that are deleted and created again.
	 */
	private static final int MAX_LOOKUPS = 20;

	private final Log logger;

	private final String topic;

	private final AppendSql sql;

	private final StreamEndSql ends;

	private final PublishingWrites writes;

	private final CommittedChunks committed;

	private final KnownStreams known = new KnownStreams();

	private final AppendMeasures measures;

	/**
	 * Create a new instance.
	 * @param topic the topic of the streams' wake-ups
	 * @param schema the schema of the tables
	 * @param ends the SQL that ends streams
	 * @param writes publishes the wake-ups
	 * @param committed receives chunks after their commit
	 * @param measures what is timed
	 * @param logger for a line per statement
	 */
	public AppendWrite(String topic, SchemaName schema, StreamEndSql ends, PublishingWrites writes,
			CommittedChunks committed, AppendMeasures measures, Log logger) {
		this.logger = logger;
		this.topic = topic;
		this.sql = new AppendSql(schema);
		this.ends = ends;
		this.writes = writes;
		this.committed = committed;
		this.measures = measures;
	}

	/**
	 * Return what is timed of appends, whether a transaction or a pipeline writes them.
	 * @return the measures
	 */
	public AppendMeasures measures() {
		return this.measures;
	}

	/**
	 * Return whether a statement can succeed when it is repeated. That is so if it met
	 * another transaction that its snapshot could not see, or that waited for it.
	 * @param failure the statement's failure
	 * @return whether it can
	 */
	public static boolean isConflict(SQLException failure) {
		return SqlErrors.isUniqueViolation(failure, CONSTRAINTS) || SqlErrors.isSerializationFailure(failure);
	}

	/**
	 * Append, and give each append its outcome.
	 * @param connection the connection
	 * @param joined whether it is in the caller's transaction; else it is in autocommit
	 * @param appends the appends: without conditions, or one per stream
	 * @param lockTimeout how long to wait for a stream that another transaction has
	 * locked
	 * @throws SQLException if it failed
	 */
	public void append(Connection connection, boolean joined, Collection<Append> appends, Duration lockTimeout)
			throws SQLException {
		write(connection, joined, AppendBatch.group(appends), LockWait.upTo(lockTimeout));
	}

	/**
	 * Append to a stream and complete it, in one transaction: the caller's, or its own.
	 * @param connection the connection
	 * @param joined whether it is in the caller's transaction; else it is in autocommit
	 * @param append the append, which is given its outcome
	 * @param lockTimeout how long to wait for a stream that another transaction has
	 * locked
	 * @throws SQLException if it failed: nothing is stored then, unless the connection
	 * was lost
	 */
	public void appendLast(Connection connection, boolean joined, Append append, Duration lockTimeout)
			throws SQLException {
		AppendGroup group = new AppendGroup(append);
		SessionWork<Written<Optional<Stored>>> work = (session, inTransaction) -> storeLast(session, joined, group,
				LockWait.upTo(lockTimeout));
		Optional<Stored> stored = (joined) ? this.writes.run(this.topic, connection, true, work)
				: this.writes.runInTransaction(this.topic, connection, work);
		this.known.forget(append.stream());
		stored.ifPresent(group::complete);
	}

	/**
	 * Append the only chunk by the shortest statement. That works if this instance was
	 * the last that wrote to the stream, and no transaction has locked it.
	 * @param lockTimeout how long to wait for a transaction that writes without the lock
	 * @return whether it is stored, and completed
	 */
	boolean writeNext(Connection connection, AppendGroup group, Duration lockTimeout) throws SQLException {
		String stream = group.stream();
		KnownStream known = this.known.get(stream);
		if (known == null || known.nextIndex() == 0 || group.size() != 1) {
			return false;
		}
		AppendConditions conditions = group.conditions();
		if (conditions.isStreamExpected() && conditions.streamId() != known.streamId()) {
			return false;
		}
		long index = known.nextIndex();
		if (conditions.isIndexExpected() && conditions.index() != index) {
			return false;
		}
		Stored stored = new Stored(known.streamId(), index, index + 1);
		boolean appended = this.writes.run(this.topic, connection, false,
				(session, joined) -> (storeNext(session, lockTimeout, stream, stored, group.chunks().get(0)))
						? Written.of(true, Wakeup.moved(stored.streamId(), stored.nextIndex()))
						: Written.of(false, null));
		if (!appended) {
			this.known.forgetNextIndex(stream);
			return false;
		}
		this.known.put(stream, stored.streamId(), stored.nextIndex());
		group.complete(stored);
		return true;
	}

	private boolean storeNext(Connection connection, Duration lockTimeout, String stream, Stored next, byte[] data)
			throws SQLException {
		DebugLine line = DebugLine.start(this.logger);
		boolean stored = this.measures.statements()
			.of(Mode.ALONE)
			.time(() -> insertNext(connection, lockTimeout, stream, next, data));
		line.write(() -> "Sent 1 chunk for 1 stream");
		this.measures.batch().record(1);
		return stored;
	}

	private boolean insertNext(Connection connection, Duration lockTimeout, String stream, Stored next, byte[] data)
			throws SQLException {
		if (!this.committed.isWanted(next.streamId())) {
			return this.sql.appendNext(connection, lockTimeout, next.streamId(), stream, next.index(), data);
		}
		Committed chunk = this.sql.appendNextReturning(connection, lockTimeout, next.streamId(), stream, next.index(),
				data);
		if (chunk == null) {
			return false;
		}
		try {
			this.committed.committed(next.streamId(), stream, next.index(), data, chunk);
		}
		catch (Throwable ex) {
			// The append has not failed with that: readers fetch the chunk after the
			// wake-up
			FailureLog.log(this.logger::error, "Failed to hand over a chunk that is committed", ex);
		}
		return true;
	}

	/**
	 * Append to streams, and complete the appends as soon as their outcome is known. That
	 * is one transaction, unless streams are deleted or created at the same time. Those
	 * to streams that are to be skipped are not completed.
	 * @param groups at most one per stream
	 * @throws SQLException if it failed: nothing is stored then of what is not completed,
	 * unless the connection was lost
	 */
	void write(Connection connection, boolean joined, List<AppendGroup> groups, LockWait wait) throws SQLException {
		List<AppendGroup> open = new ArrayList<>(groups);
		for (int lookup = 0; !open.isEmpty(); lookup++) {
			if (lookup == MAX_LOOKUPS) {
				throw comesAndGoes(open.get(0).stream());
			}
			open.removeAll(findOrCreate(connection, joined, open, wait));
			store(connection, joined, found(open), wait);
			open.removeIf(AppendGroup::isCompleted);
			open.removeAll(explain(connection, open, wait));
			open.removeIf(AppendGroup::isCompleted);
		}
	}

	/**
	 * Return what was stored, which is completed after the commit; empty if the append
	 * has another outcome.
	 */
	private Written<Optional<Stored>> storeLast(Connection connection, boolean joined, AppendGroup group, LockWait wait)
			throws SQLException {
		for (int lookup = 0; lookup < MAX_LOOKUPS; lookup++) {
			findOrCreate(connection, joined, List.of(group), wait);
			Written<Map<AppendGroup, AppendOutcome>> written = insert(connection, joined, found(List.of(group)), wait);
			if (written.result().get(group) instanceof Stored stored) {
				// The append has locked the stream
				this.ends.end(connection, joined, group.stream(), StreamEnd.COMPLETED, null, wait.timeout());
				List<Wakeup> wakeups = new ArrayList<>(written.wakeups());
				wakeups.add(Wakeup.ended(stored.streamId()));
				return new Written<>(Optional.of(stored), wakeups);
			}
			if (!group.isCompleted()) {
				explain(connection, List.of(group), wait);
			}
			if (group.isCompleted()) {
				return Written.of(Optional.empty(), null);
			}
		}
		throw comesAndGoes(group.stream());
	}

	private static ConcurrencyFailureException comesAndGoes(String stream) {
		return new ConcurrencyFailureException(
				"Stream '%s' was deleted and created again time after time; nothing was stored".formatted(stream));
	}

	/**
	 * In the order of their ids, so that two transactions cannot wait for each other.
	 */
	private static List<AppendGroup> found(List<AppendGroup> groups) {
		return groups.stream()
			.filter((group) -> group.isFound() && !group.isCompleted())
			.sorted(Comparator.comparingLong(AppendGroup::streamId))
			.toList();
	}

	/**
	 * Find the streams of groups, and create those that are missing.
	 * @return those whose name another transaction is creating, which are to be skipped
	 */
	private List<AppendGroup> findOrCreate(Connection connection, boolean joined, List<AppendGroup> groups,
			LockWait wait) throws SQLException {
		Map<String, AppendGroup> unknown = new LinkedHashMap<>();
		for (AppendGroup group : groups) {
			KnownStream known = this.known.get(group.stream());
			AppendConditions conditions = group.conditions();
			if (known != null && (!conditions.isStreamExpected() || conditions.streamId() == known.streamId())) {
				// Without the index, a group that is left out can only be locked
				group.found(known.streamId(), (wait.skip()) ? 0 : known.nextIndex());
			}
			else if (conditions.isStreamExpected()) {
				group.found(conditions.streamId(), 0);
			}
			else {
				group.notFound();
				unknown.put(group.stream(), group);
			}
		}
		if (unknown.isEmpty()) {
			return List.of();
		}
		found(this.sql.find(connection, unknown.keySet()), unknown);
		for (AppendGroup group : List.copyOf(unknown.values())) {
			// An append that fails must not create its stream
			if (group.conditions().index() > 0) {
				unknown.remove(group.stream());
				group.complete(new Unexpected(0));
			}
		}
		return (unknown.isEmpty()) ? List.of() : create(connection, joined, unknown, wait);
	}

	private static void found(Map<String, Long> ids, Map<String, AppendGroup> unknown) {
		ids.forEach((stream, streamId) -> {
			AppendGroup group = unknown.remove(stream);
			if (group != null) {
				group.found(streamId, 0);
			}
		});
	}

	/**
	 * An uncommitted create of the same name holds up the whole statement: with
	 * {@link LockWait#skip()} each name has its own.
	 */
	private List<AppendGroup> create(Connection connection, boolean joined, Map<String, AppendGroup> missing,
			LockWait wait) throws SQLException {
		if (!wait.skip()) {
			found(this.sql.create(connection, joined, List.copyOf(missing.keySet()), wait.timeout()), missing);
			return List.of();
		}
		List<AppendGroup> locked = new ArrayList<>();
		for (AppendGroup group : List.copyOf(missing.values())) {
			try {
				found(this.sql.create(connection, joined, List.of(group.stream()), wait.timeout()), missing);
			}
			catch (SQLException ex) {
				if (!SqlErrors.isLockTimeout(ex)) {
					throw ex;
				}
				locked.add(group);
			}
		}
		return locked;
	}

	private void store(Connection connection, boolean joined, List<AppendGroup> groups, LockWait wait)
			throws SQLException {
		if (groups.isEmpty()) {
			return;
		}
		Map<AppendGroup, AppendOutcome> outcomes;
		if (wait.skip()) {
			outcomes = this.writes.runInTransaction(this.topic, connection, (session, inTransaction) -> {
				Set<Long> locked = this.sql.lockUnlocked(session, groups.stream().map(AppendGroup::streamId).toList(),
						wait.timeout());
				return insert(session, joined,
						groups.stream().filter((group) -> locked.contains(group.streamId())).toList(), wait);
			});
		}
		else {
			outcomes = this.writes.run(this.topic, connection, joined,
					(session, inTransaction) -> insert(session, inTransaction, groups, wait));
		}
		// After the commit, unless the caller's is to come
		outcomes.forEach((group, outcome) -> {
			remember(group.stream(), outcome, joined);
			group.complete(outcome);
		});
	}

	private Written<Map<AppendGroup, AppendOutcome>> insert(Connection connection, boolean joined,
			List<AppendGroup> groups, LockWait wait) throws SQLException {
		Map<AppendGroup, AppendOutcome> outcomes = new LinkedHashMap<>();
		List<Wakeup> wakeups = new ArrayList<>();
		Map<Long, Long> nextIndexes = (groups.isEmpty()) ? Map.of() : append(connection, joined, groups, wait);
		for (AppendGroup group : groups) {
			Long nextIndex = nextIndexes.get(group.streamId());
			if (nextIndex == null) {
				continue;
			}
			AppendOutcome outcome = group.outcomeAt(nextIndex);
			outcomes.put(group, outcome);
			if (outcome instanceof Stored stored) {
				Wakeup wakeup = Wakeup.moved(stored.streamId(), stored.nextIndex());
				// Readers that wait for the name must be notified with the first chunk
				wakeups.add((stored.index() == 0) ? wakeup.created(group.stream()) : wakeup);
			}
		}
		return new Written<>(outcomes, wakeups);
	}

	private Map<Long, Long> append(Connection connection, boolean joined, List<AppendGroup> groups, LockWait wait)
			throws SQLException {
		boolean alone = groups.size() == 1 && groups.get(0).appends().size() == 1;
		Timing timing = this.measures.statements().of((joined) ? Mode.TRANSACTION : (alone) ? Mode.ALONE : Mode.BATCH);
		DebugLine line = DebugLine.start(this.logger);
		Map<Long, Long> nextIndexes = timing.time(() -> this.sql.append(connection, joined, groups, wait.timeout()));
		int chunks = groups.stream().mapToInt(AppendGroup::size).sum();
		line.write(() -> "Sent %d chunks for %d streams".formatted(chunks, groups.size()));
		this.measures.batch().record(chunks);
		return nextIndexes;
	}

	private void remember(String stream, AppendOutcome outcome, boolean joined) {
		if (joined) {
			// It may roll back
			this.known.forgetNextIndex(stream);
		}
		else if (outcome instanceof Stored stored) {
			this.known.put(stream, stored.streamId(), stored.nextIndex());
		}
	}

	/**
	 * A stream that could not be appended to has ended, or is gone. It was deleted, or
	 * created by a transaction that rolled back. Or it is locked, and to be skipped.
	 * @return those that are to be skipped
	 */
	private List<AppendGroup> explain(Connection connection, List<AppendGroup> groups, LockWait wait)
			throws SQLException {
		if (groups.isEmpty()) {
			return List.of();
		}
		List<AppendGroup> locked = new ArrayList<>();
		Map<String, StreamStatus> found = this.ends.status(connection,
				groups.stream().map(AppendGroup::stream).toList());
		for (AppendGroup group : groups) {
			StreamStatus status = found.get(group.stream());
			AppendConditions conditions = group.conditions();
			if (conditions.isStreamExpected() && (status == null || status.streamId() != conditions.streamId())) {
				group.complete(new Gone());
			}
			else if (status != null && status.isEnded()) {
				group.complete(new Ended(status));
			}
			else if (wait.skip() && status != null && status.streamId() == group.streamId()) {
				locked.add(group);
			}
			else {
				// Also where it ends before the known index: the server is an older one
				this.known.forget(group.stream());
			}
		}
		return locked;
	}

}
