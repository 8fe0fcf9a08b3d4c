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

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.durablenotify.database.SessionWork;
import io.durablenotify.database.SqlErrors;
import io.durablenotify.stream.AppendResult.Ended;
import io.durablenotify.stream.AppendResult.Gone;
import io.durablenotify.stream.AppendResult.Locked;
import io.durablenotify.stream.AppendResult.Stored;
import io.durablenotify.stream.AppendResult.Unexpected;
import io.durablenotify.stream.AppendStore.Located;
import io.durablenotify.stream.AppendStore.Standing;
import io.durablenotify.stream.AppendStore.StoredNext;
import io.durablenotify.stream.KnownStreams.KnownStream;
import io.durablenotify.log.LogSubscriptions;
import io.durablenotify.wakeup.Wakeup;
import io.durablenotify.wakeup.PublishingWrites;
import io.durablenotify.wakeup.PublishingWrites.Written;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * An append from beginning to end: finds the streams by their names, creates those that
 * are missing, appends, and looks up those that could not be appended to.
 */
final class StreamAppends {

	/**
	 * How often an append looks for streams that come and go.
	 */
	private static final int MAX_LOOKUPS = 20;

	private final AppendStore store;

	private final PublishingWrites writes;

	private final LogSubscriptions<Chunk> readers;

	private final KnownStreams known = new KnownStreams();

	StreamAppends(AppendStore store, PublishingWrites writes, LogSubscriptions<Chunk> readers) {
		this.store = store;
		this.writes = writes;
		this.readers = readers;
	}

	/**
	 * Append in the shortest way there is, which works if this instance wrote to the
	 * stream last and nobody holds it.
	 * @param lockTimeout how long to wait for somebody who writes without the lock
	 * @return the result, or {@code null} if nothing was stored
	 */
	@Nullable Stored appendNext(Connection connection, Addition addition, Duration lockTimeout) throws SQLException {
		KnownStream known = this.known.get(addition.stream());
		if (known == null || known.nextIndex() == 0 || addition.chunks().size() != 1) {
			return null;
		}
		long index = known.nextIndex();
		if (addition.isStreamExpected() && addition.streamId() != known.streamId()) {
			return null;
		}
		if (addition.isIndexExpected() && addition.expectedIndex() != index) {
			return null;
		}
		boolean appended = this.writes.run(TailedStream.TOPIC, connection, false,
				(session, joined) -> (appendNext(session, joined, lockTimeout, known.streamId(), addition, index))
						? Written.of(true, Wakeup.moved(known.streamId(), index + 1)) : Written.of(false, null));
		if (!appended) {
			this.known.forgetNextIndex(addition.stream());
			return null;
		}
		Stored stored = new Stored(known.streamId(), index, index + 1);
		remember(addition.stream(), stored, false);
		return stored;
	}

	private boolean appendNext(Connection connection, boolean joined, Duration lockTimeout, long streamId,
			Addition addition, long index) throws SQLException {
		byte[] data = addition.chunks().get(0);
		if (joined || !this.readers.awaitHandOver(streamId)) {
			return this.store.appendNext(connection, joined, lockTimeout, streamId, addition.stream(), index, data);
		}
		StoredNext stored = this.store.appendNextAndTell(connection, lockTimeout, streamId, addition.stream(), index,
				data);
		if (stored == null) {
			return false;
		}
		// The caller may use its array again
		this.readers.handOver(streamId, new Chunk(addition.stream(), index, data.clone(), stored.createdAt()),
				stored.server());
		return true;
	}

	/**
	 * Append to streams, in one transaction unless streams come and go meanwhile.
	 * @param additions at most one per stream
	 * @param results is given the result for each stream as soon as it is known; none of
	 * them locked unless such streams are to be skipped
	 * @throws SQLException if it failed: nothing is stored then of what has no result,
	 * but for a lost connection
	 */
	void append(Connection connection, boolean joined, Collection<Addition> additions, LockWait wait,
			Map<String, AppendResult> results) throws SQLException {
		List<Addition> open = new ArrayList<>(additions);
		for (int lookup = 0; !open.isEmpty(); lookup++) {
			if (lookup == MAX_LOOKUPS) {
				throw comesAndGoes(open.get(0).stream());
			}
			List<Located> located = locate(connection, joined, open, wait, results);
			results.putAll(store(connection, joined, located, wait));
			open.removeIf((addition) -> results.containsKey(addition.stream()));
			results.putAll(explain(connection, open, located, wait));
			open.removeIf((addition) -> results.containsKey(addition.stream()));
		}
	}

	/**
	 * Append to a stream and complete it, in one transaction: the caller's, or one of its
	 * own.
	 * @return the result, which is not locked
	 * @throws SQLException if it failed: nothing is stored then, but for a lost
	 * connection
	 */
	AppendResult appendLast(Connection connection, boolean joined, Addition addition, LockWait wait)
			throws SQLException {
		SessionWork<Written<AppendResult>> work = (session, inTransaction) -> storeLast(session, joined, addition,
				wait);
		AppendResult result = (joined) ? this.writes.run(TailedStream.TOPIC, connection, true, work)
				: this.writes.runInTransaction(TailedStream.TOPIC, connection, work);
		this.known.forget(addition.stream());
		return result;
	}

	private Written<AppendResult> storeLast(Connection connection, boolean joined, Addition addition, LockWait wait)
			throws SQLException {
		String stream = addition.stream();
		for (int lookup = 0; lookup < MAX_LOOKUPS; lookup++) {
			List<Located> located = locate(connection, joined, List.of(addition), wait, new HashMap<>());
			Written<Map<String, AppendResult>> written = written(connection, joined, located, wait);
			AppendResult result = written.result().get(stream);
			if (result instanceof Stored stored) {
				// The append has locked the stream
				this.store.end(connection, joined, stream, StreamState.COMPLETED, null, wait.timeout());
				List<Wakeup> wakeups = new ArrayList<>(written.wakeups());
				wakeups.add(Wakeup.ended(stored.streamId()));
				return new Written<>(stored, wakeups);
			}
			AppendResult explained = explain(connection, List.of(addition), located, wait).get(stream);
			if (explained != null) {
				return Written.of(explained, null);
			}
		}
		throw comesAndGoes(stream);
	}

	private static ConcurrencyFailureException comesAndGoes(String stream) {
		return new ConcurrencyFailureException(
				"Stream '%s' was deleted and created again time after time; nothing was stored".formatted(stream));
	}

	private List<Located> locate(Connection connection, boolean joined, List<Addition> additions, LockWait wait,
			Map<String, AppendResult> results) throws SQLException {
		Map<String, Long> ids = new HashMap<>();
		List<String> unknown = new ArrayList<>();
		for (Addition addition : additions) {
			KnownStream known = this.known.get(addition.stream());
			if (addition.isStreamExpected()) {
				ids.put(addition.stream(), addition.streamId());
			}
			else if (known != null) {
				ids.put(addition.stream(), known.streamId());
			}
			else {
				unknown.add(addition.stream());
			}
		}
		if (!unknown.isEmpty()) {
			ids.putAll(this.store.find(connection, unknown));
			unknown.removeAll(ids.keySet());
			for (Addition addition : additions) {
				// Not even the stream may come of what is refused
				if (addition.expectedIndex() > 0 && unknown.remove(addition.stream())) {
					results.put(addition.stream(), new Unexpected(0));
				}
			}
		}
		if (!unknown.isEmpty()) {
			ids.putAll(create(connection, joined, unknown, wait, results));
		}
		List<Located> located = new ArrayList<>();
		for (Addition addition : additions) {
			Long streamId = ids.get(addition.stream());
			if (streamId != null) {
				KnownStream known = this.known.get(addition.stream());
				// Without a hint, what is left out is locked
				long hint = (known != null && known.streamId() == streamId && !wait.skip()) ? known.nextIndex() : 0;
				located.add(new Located(streamId, hint, addition));
			}
		}
		located.sort(Comparator.comparingLong(Located::streamId));
		return located;
	}

	/**
	 * A create of the same name that has not committed holds up the whole statement: with
	 * {@link LockWait#skip()} each name has a statement of its own.
	 */
	private Map<String, Long> create(Connection connection, boolean joined, List<String> names, LockWait wait,
			Map<String, AppendResult> results) throws SQLException {
		if (!wait.skip()) {
			return this.store.create(connection, joined, names, wait.timeout());
		}
		Map<String, Long> ids = new HashMap<>();
		for (String name : names) {
			try {
				ids.putAll(this.store.create(connection, joined, List.of(name), wait.timeout()));
			}
			catch (SQLException ex) {
				if (!SqlErrors.isLockTimeout(ex)) {
					throw ex;
				}
				results.put(name, new Locked());
			}
		}
		return ids;
	}

	private Map<String, AppendResult> store(Connection connection, boolean joined, List<Located> located, LockWait wait)
			throws SQLException {
		if (located.isEmpty()) {
			return Map.of();
		}
		Map<String, AppendResult> results;
		if (wait.skip()) {
			results = this.writes.runInTransaction(TailedStream.TOPIC, connection, (session, inTransaction) -> {
				Set<Long> locked = this.store.lockUnlocked(session, located.stream().map(Located::streamId).toList());
				return written(session, inTransaction,
						located.stream().filter((candidate) -> locked.contains(candidate.streamId())).toList(), wait);
			});
		}
		else {
			results = this.writes.run(TailedStream.TOPIC, connection, joined,
					(session, inTransaction) -> written(session, inTransaction, located, wait));
		}
		results.forEach((stream, result) -> remember(stream, result, joined));
		return results;
	}

	private Written<Map<String, AppendResult>> written(Connection connection, boolean joined, List<Located> located,
			LockWait wait) throws SQLException {
		Map<String, AppendResult> results = new LinkedHashMap<>();
		List<Wakeup> wakeups = new ArrayList<>();
		Map<Long, Long> nextIndexes = (located.isEmpty()) ? Map.of()
				: this.store.append(connection, joined, located, wait.timeout());
		for (Located candidate : located) {
			Long nextIndex = nextIndexes.get(candidate.streamId());
			if (nextIndex == null) {
				continue;
			}
			Addition addition = candidate.addition();
			if (addition.isIndexExpected() && addition.expectedIndex() != nextIndex) {
				results.put(addition.stream(), new Unexpected(nextIndex));
				continue;
			}
			Stored stored = new Stored(candidate.streamId(), nextIndex, nextIndex + addition.chunks().size());
			results.put(addition.stream(), stored);
			Wakeup wakeup = Wakeup.moved(stored.streamId(), stored.nextIndex());
			// Who waits for the name has to hear it with the first chunk
			wakeups.add((stored.index() == 0) ? wakeup.created(addition.stream()) : wakeup);
		}
		return new Written<>(results, wakeups);
	}

	private void remember(String stream, AppendResult result, boolean joined) {
		if (joined) {
			// It may roll back
			this.known.forgetNextIndex(stream);
		}
		else if (result instanceof Stored stored) {
			this.known.put(stream, stored.streamId(), stored.nextIndex());
		}
	}

	/**
	 * What was not there to be locked has ended, or is gone: deleted, or created by a
	 * transaction that rolled back. Or it is locked, and was to be skipped.
	 */
	private Map<String, AppendResult> explain(Connection connection, List<Addition> additions, List<Located> located,
			LockWait wait) throws SQLException {
		if (additions.isEmpty()) {
			return Map.of();
		}
		Map<String, Long> ids = new HashMap<>();
		located.forEach((candidate) -> ids.put(candidate.addition().stream(), candidate.streamId()));
		Map<String, Standing> standings = this.store.standing(connection, ids.keySet());
		Map<String, AppendResult> results = new HashMap<>();
		for (Addition addition : additions) {
			String stream = addition.stream();
			Standing standing = standings.get(stream);
			if (addition.isStreamExpected() && (standing == null || standing.streamId() != addition.streamId())) {
				results.put(stream, new Gone());
			}
			else if (standing != null && standing.endedAt() != null) {
				results.put(stream, new Ended(standing.state(), standing.endedAt(), standing.reason()));
			}
			else if (wait.skip() && standing != null && Long.valueOf(standing.streamId()).equals(ids.get(stream))) {
				results.put(stream, new Locked());
			}
			else {
				// Also where it ends before what was known: the database is an older one
				this.known.forget(stream);
			}
		}
		return results;
	}

}
