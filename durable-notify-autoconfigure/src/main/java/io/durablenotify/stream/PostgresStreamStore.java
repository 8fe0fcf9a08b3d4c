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

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import io.durablenotify.database.Instants;
import io.durablenotify.database.PageQuery;
import io.durablenotify.schema.SchemaName;
import io.durablenotify.log.Start;
import org.jspecify.annotations.Nullable;

/**
 * Reads streams on PostgreSQL.
 */
final class PostgresStreamStore implements StreamStore {

	/**
	 * One lookup in the chunks' primary key, from its end.
	 */
	private static final String HEAD = """
			SELECT s.stream_id, s.name, s.created_at,
				CASE WHEN s.cancelled THEN 'cancelled' ELSE s.end_state END AS end_state, s.end_reason,
				${server} AS server,
				coalesce(${near}
					(SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
						ORDER BY c.chunk_index DESC LIMIT 1), 0) AS next_index
			FROM ${schema}.streams s
			""";

	/**
	 * The same where the end is expected. The lower bound spares the index scan all but
	 * the last entries of a leaf page, which it reads before it returns the first.
	 */
	private static final String NEAR_TARGET = """
					(SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
						AND c.chunk_index >= t.first_index - 1 ORDER BY c.chunk_index DESC LIMIT 1),
			""";

	private static final String FIND_HEAD = """
			${head} WHERE s.name = ?
			""";

	/**
	 * A lower bound here too. Where nothing is above it, the stream ends below what was
	 * received, or nothing was received: the same as with an empty stream. The row
	 * without an id names the server. OFFSET 0 keeps the streams from being joined by a
	 * whole index, which seems cheap as long as they are few.
	 */
	private static final String MOVED = """
			SELECT w.stream_id, NULL AS name
			FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[]), (SELECT ?::bigint[])) AS w(stream_id, next, received)
			LEFT JOIN LATERAL (SELECT s.stream_id, s.ended_at FROM ${schema}.streams s
				WHERE s.stream_id = w.stream_id OFFSET 0) s ON true
			LEFT JOIN LATERAL (SELECT c.chunk_index + 1 AS next_index FROM ${schema}.stream_chunks c
				WHERE c.stream_id = w.stream_id AND c.chunk_index >= w.next - 1
				ORDER BY c.chunk_index DESC LIMIT 1) t ON true
			WHERE s.stream_id IS NULL OR s.ended_at IS NOT NULL
				OR coalesce(t.next_index, 0) > w.next OR coalesce(t.next_index, 0) < w.received
			UNION ALL
			SELECT s.stream_id, s.name FROM unnest((SELECT ?::text[])) AS n(name)
			CROSS JOIN LATERAL (SELECT stream_id, name FROM ${schema}.streams WHERE name = n.name OFFSET 0) s
			UNION ALL
			SELECT NULL, ${schema}.server_run()
			""";

	/**
	 * The running sums of sizes cut without reading what comes after the cut. There
	 * octet_length() does not fetch what is stored out of line. A target that the
	 * statement's budget leaves nothing for has no row at all; one without chunks has one
	 * row.
	 */
	private static final String FETCH = """
			WITH target AS MATERIALIZED (
				SELECT * FROM unnest((SELECT ?::bigint[]), (SELECT ?::bigint[]))
					WITH ORDINALITY AS t(stream_id, first_index, ord)),
			found AS (
				SELECT t.ord, c.chunk_index, c.created_at, c.data,
					sum(octet_length(c.data)) OVER (ORDER BY t.ord, c.chunk_index) - octet_length(c.data) AS bytes_before
				FROM target t CROSS JOIN LATERAL (
					SELECT chunk_index, created_at, data FROM (
						SELECT chunk_index, created_at, data,
							sum(octet_length(data)) OVER (ORDER BY chunk_index) - octet_length(data) AS bytes_before
						FROM (
							SELECT * FROM (
								SELECT * FROM ${schema}.stream_chunks
								WHERE stream_id = t.stream_id AND chunk_index >= t.first_index
								ORDER BY chunk_index LIMIT ${limit}) bounded
							LIMIT (SELECT ?::int)) candidate) sized
					WHERE bytes_before < (SELECT ?::bigint)) c),
			head AS MATERIALIZED (
				SELECT t.ord, h.* FROM target t LEFT JOIN LATERAL (
					${head} WHERE s.stream_id = t.stream_id OFFSET 0) h ON true)
			SELECT h.*, f.chunk_index, f.created_at AS chunk_created_at, f.data
			FROM head h LEFT JOIN found f ON f.ord = h.ord
			WHERE f.ord IS NULL OR f.bytes_before < (SELECT ?::bigint)
			ORDER BY h.ord, f.chunk_index
			""";

	/**
	 * Reads a page of one stream from an index, by id or by name. It takes less time than
	 * FETCH, since it has no running sum. Chunks that are larger than the page's average
	 * may be are left out; then a reader gets those before, and FETCH reads the rest. The
	 * stream is a separate row, the first one, with the next index in place of a chunk's
	 * and most of it in one column, since each column costs with each chunk. The search
	 * for the end begins at the index, as above. A range instead of a limit, since there
	 * are no gaps: any plan reads no more than the page. The values are hidden from the
	 * planner as in a {@link PageQuery}. Only readers ask for the run of the server.
	 */
	private static final String READ = """
			SELECT ARRAY[s.stream_id::text, s.name,
					CASE WHEN s.cancelled THEN 'cancelled' ELSE s.end_state END, s.end_reason,
					${server}, NULL],
				coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
						AND c.chunk_index >= (SELECT ?::bigint) - 1 ORDER BY c.chunk_index DESC LIMIT 1),
					(SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c WHERE c.stream_id = s.stream_id
						ORDER BY c.chunk_index DESC LIMIT 1), 0), s.created_at, NULL::bytea
			FROM ${schema}.streams s WHERE s.${key} = ?
			UNION ALL (
				SELECT NULL, chunk_index, created_at, CASE WHEN octet_length(data) <= ? THEN data END
				FROM ${schema}.stream_chunks
				WHERE stream_id = ${id} AND chunk_index >= (SELECT ?::bigint) AND chunk_index < (SELECT ?::bigint)
				ORDER BY chunk_index)
			""";

	/**
	 * The same for so many chunks before the end, as far as they are left.
	 */
	private static final String READ_LAST = """
			WITH head AS MATERIALIZED (${head} WHERE s.name = ?),
			first AS MATERIALIZED (SELECT ${start} AS index FROM head CROSS JOIN (SELECT ?::bigint) wanted(count))
			SELECT ARRAY[stream_id::text, name, end_state, end_reason, server, first.index::text], next_index, created_at,
				NULL::bytea
			FROM head CROSS JOIN first
			UNION ALL (
				SELECT NULL, chunk_index, created_at, CASE WHEN octet_length(data) <= ? THEN data END
				FROM ${schema}.stream_chunks
				WHERE stream_id = (SELECT stream_id FROM head) AND chunk_index >= (SELECT index FROM first)
					AND chunk_index < (SELECT index FROM first) + (SELECT ?::int)
				ORDER BY chunk_index)
			""";

	private static final String SERVER = "(SELECT ${schema}.server_run())";

	/**
	 * Where nobody asks for it.
	 */
	private static final String NO_SERVER = "NULL";

	private static final String ID_OF_NAME = "(SELECT stream_id FROM ${schema}.streams WHERE name = ?)";

	private final String findHead;

	private final CommittedTail tail;

	private final String moved;

	private final PageQuery fetch;

	private final String read;

	private final String readFirst;

	private final String page;

	private final String pageOfLast;

	PostgresStreamStore(SchemaName schema) {
		this.findHead = schema.qualify(withHead(FIND_HEAD, "", SERVER));
		this.tail = new CommittedTail(schema);
		this.moved = schema.qualify(MOVED);
		this.fetch = new PageQuery(schema.qualify(withHead(FETCH, NEAR_TARGET, SERVER)));
		this.read = schema.qualify(withKey("stream_id", "(SELECT ?::bigint)", SERVER));
		this.readFirst = schema.qualify(withKey("name", ID_OF_NAME, SERVER));
		this.page = schema.qualify(withKey("name", ID_OF_NAME, NO_SERVER));
		this.pageOfLast = schema.qualify(withHead(READ_LAST, "", NO_SERVER).replace("${start}", CommittedTail.START));
	}

	private static String withHead(String sql, String near, String server) {
		return sql.replace("${head}", HEAD).replace("${near}", near).replace("${server}", server);
	}

	private static String withKey(String key, String id, String server) {
		return READ.replace("${key}", key).replace("${id}", id).replace("${server}", server);
	}

	@Override
	public Optional<Head> head(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findHead)) {
			statement.setString(1, stream);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(readHead(result)) : Optional.empty();
		}
	}

	@Override
	public Optional<Tail> tail(Connection connection, boolean joined, String stream, long count) throws SQLException {
		return this.tail.find(connection, joined, stream, count);
	}

	private static Head readHead(ResultSet result) throws SQLException {
		return new Head(result.getLong("stream_id"), result.getString("name"), Instants.read(result, "created_at"),
				result.getLong("next_index"), end(result.getString("end_state"), result.getString("end_reason")),
				result.getString("server"));
	}

	private static @Nullable End end(@Nullable String state, @Nullable String reason) {
		if (state == null) {
			return null;
		}
		return new End((state.equals("completed")) ? null : String.valueOf(reason), state.equals("cancelled"));
	}

	private static @Nullable Chunk readChunk(ResultSet result, String stream) throws SQLException {
		byte[] data = result.getBytes("data");
		return (data != null)
				? new Chunk(stream, result.getLong("chunk_index"), data, Instants.read(result, "chunk_created_at"))
				: null;
	}

	@Override
	public ChunkPage page(Connection connection, TailedStream stream, StreamPosition from, int limit, long maxBytes)
			throws SQLException {
		Start start = from.toStart();
		Page page = readByName(connection, this.page, stream.name(), start, limit, maxBytes);
		if (page.isCut()) {
			page = readBySize(connection, page, limit, maxBytes);
			if (start.fromEnd() && !page.hasFirst()) {
				// It may have been trimmed between the statements
				page = readBySize(connection, page.from(startIndex(connection, stream.name(), start)), limit, maxBytes);
			}
		}
		Head head = page.head();
		if (head == null) {
			if (start.identity() != null) {
				throw stream.deleted();
			}
			return new ChunkPage(List.of(), start.resolve(0), StreamState.OPEN);
		}
		String contradiction = start.contradiction(head, TailedStream.KIND);
		if (contradiction != null) {
			throw stream.truncated(page.firstIndex(), contradiction);
		}
		List<Chunk> chunks = page.successiveChunks();
		long nextIndex = page.firstIndex() + chunks.size();
		if (chunks.isEmpty() && nextIndex < head.nextIndex()) {
			throw stream.truncated(nextIndex, page.firstFound());
		}
		return new ChunkPage(chunks, nextIndex, (nextIndex >= head.nextIndex()) ? state(head) : StreamState.OPEN);
	}

	private static StreamState state(Head head) {
		End end = head.end();
		if (end == null) {
			return StreamState.OPEN;
		}
		if (end.cancelled()) {
			return StreamState.CANCELLED;
		}
		return (end.failure() != null) ? StreamState.FAILED : StreamState.COMPLETED;
	}

	/**
	 * Read by the statement, unless the position is one before the end.
	 */
	private Page readByName(Connection connection, String sql, String stream, Start start, int limit, long maxBytes)
			throws SQLException {
		Page page = (start.fromEnd()) ? readLast(connection, stream, start.value(), limit, maxBytes)
				: read(connection, sql, stream, start.value(), limit, maxBytes);
		if (page != null) {
			return page;
		}
		Head head = head(connection, stream).orElse(null);
		return (head != null) ? new Page(head, startIndex(connection, stream, start), List.of(), true) : Page.EMPTY;
	}

	private long startIndex(Connection connection, String stream, Start start) throws SQLException {
		return start.resolve((start.fromEnd())
				? tail(connection, false, stream, start.value()).map(Tail::startIndex).orElse(0L) : 0);
	}

	private @Nullable Page readLast(Connection connection, String stream, long count, int limit, long maxBytes)
			throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.pageOfLast)) {
			statement.setString(1, stream);
			statement.setLong(2, count);
			statement.setLong(3, maxBytes / limit);
			statement.setInt(4, limit);
			return readPage(statement.executeQuery(), 0);
		}
	}

	/**
	 * Read from an index by what the statement looks for: an id, or a name.
	 */
	private static @Nullable Page read(Connection connection, String sql, Object stream, long index, int limit,
			long maxBytes) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(sql)) {
			statement.setLong(1, index);
			statement.setObject(2, stream);
			statement.setLong(3, maxBytes / limit);
			statement.setObject(4, stream);
			statement.setLong(5, index);
			statement.setLong(6, (index > Long.MAX_VALUE - limit) ? Long.MAX_VALUE : index + limit);
			return readPage(statement.executeQuery(), index);
		}
	}

	/**
	 * Return the page. It is cut before a chunk that is too large for it, and where as
	 * many as it asks for are missing.
	 * @return the page, or {@code null} if the stream, which SQL does not promise to be
	 * the first row, is not
	 */
	private static @Nullable Page readPage(ResultSet result, long first) throws SQLException {
		if (!result.next()) {
			return Page.EMPTY;
		}
		Array head = result.getArray(1);
		if (head == null) {
			return null;
		}
		@Nullable String[] values = (String[]) head.getArray();
		String stream = String.valueOf(values[1]);
		Page page = new Page(readHead(values, result.getLong(2), Instants.read(result, 3)),
				(values[5] != null) ? Long.parseLong(values[5]) : first, new ArrayList<>(), false);
		while (result.next()) {
			byte[] data = result.getBytes(4);
			if (data == null) {
				return page.cut();
			}
			page.chunks().add(new Chunk(stream, result.getLong(2), data, Instants.read(result, 3)));
		}
		return (page.lacksChunks()) ? page.cut() : page;
	}

	private static Head readHead(@Nullable String[] values, long nextIndex, Instant createdAt) {
		return new Head(Long.parseLong(values[0]), String.valueOf(values[1]), createdAt, nextIndex,
				end(values[2], values[3]), String.valueOf(values[4]));
	}

	/**
	 * Read what a page was cut before.
	 */
	private Page readBySize(Connection connection, Page page, int limit, long maxBytes) throws SQLException {
		Head head = page.head();
		if (head == null) {
			return page;
		}
		Target target = new Target(head.id(), page.firstIndex());
		Found<Chunk> found = fetch(connection, List.of(target), limit, maxBytes, maxBytes).get(0);
		return (found != null) ? new Page(found.head(), page.firstIndex(), found.entries(), false) : page;
	}

	@Override
	public Moved moved(Connection connection, List<Watched> watched, Collection<String> names) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.moved)) {
			return Moved.ask(statement, watched, names);
		}
	}

	@Override
	public Found<Chunk> fetchFirst(Connection connection, String name, long index, Budget budget) throws SQLException {
		Page page = readByName(connection, this.readFirst, name, Start.at(index), budget.entriesAlone(),
				budget.bytesAlone());
		if (page.isCutAtFirst()) {
			page = readBySize(connection, page, budget.entriesPerTarget(), budget.bytesPerTarget());
		}
		return new Found<>(page.head(), page.chunks());
	}

	@Override
	public List<@Nullable Found<Chunk>> fetch(Connection connection, List<Target> targets, Budget budget)
			throws SQLException {
		if (targets.size() == 1) {
			Target target = targets.get(0);
			Page page = read(connection, this.read, target.id(), target.index(), budget.entriesAlone(),
					budget.bytesAlone());
			if (page != null && !page.isCutAtFirst()) {
				return List.of(new Found<>(page.head(), page.chunks()));
			}
		}
		return fetch(connection, targets, budget.entriesPerTarget(), budget.bytesPerTarget(),
				budget.bytesPerStatement());
	}

	private List<@Nullable Found<Chunk>> fetch(Connection connection, List<Target> targets, int entriesPerTarget,
			long bytesPerTarget, long bytesPerStatement) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.fetch.sql(entriesPerTarget))) {
			statement.setObject(1, targets.stream().mapToLong(Target::id).toArray());
			statement.setObject(2, targets.stream().mapToLong(Target::index).toArray());
			statement.setInt(3, entriesPerTarget);
			statement.setLong(4, bytesPerTarget);
			statement.setLong(5, bytesPerStatement);
			ResultSet result = statement.executeQuery();
			List<@Nullable Found<Chunk>> found = new ArrayList<>(Collections.nCopies(targets.size(), null));
			while (result.next()) {
				int target = result.getInt("ord") - 1;
				Found<Chunk> known = found.get(target);
				if (known == null) {
					result.getLong("stream_id");
					known = new Found<>((result.wasNull()) ? null : readHead(result), new ArrayList<>());
					found.set(target, known);
				}
				Head head = known.head();
				Chunk chunk = (head != null) ? readChunk(result, head.name()) : null;
				if (chunk != null) {
					known.entries().add(chunk);
				}
			}
			return found;
		}
	}

	/**
	 * Some chunks of a stream.
	 *
	 * @param head the head, or {@code null} if there is no such stream
	 * @param firstIndex the index of the first, if there is one
	 * @param isCut whether it ends before a chunk that was too large for it, or a hole
	 */
	private record Page(@Nullable Head head, long firstIndex, List<Chunk> chunks, boolean isCut) {

		static final Page EMPTY = new Page(null, 0, List.of(), false);

		Page cut() {
			return new Page(this.head, this.firstIndex, this.chunks, true);
		}

		Page from(long index) {
			return new Page(this.head, index, List.of(), true);
		}

		boolean hasFirst() {
			return !this.chunks.isEmpty() && this.chunks.get(0).index() == this.firstIndex;
		}

		boolean isCutAtFirst() {
			return this.isCut && this.chunks.isEmpty();
		}

		/**
		 * Return whether the stream continues after a hole.
		 */
		boolean lacksChunks() {
			return this.chunks.isEmpty() && this.head != null && this.head.nextIndex() > this.firstIndex;
		}

		/**
		 * Return the chunks before the first hole.
		 */
		List<Chunk> successiveChunks() {
			int count = 0;
			while (count < this.chunks.size() && this.chunks.get(count).index() == this.firstIndex + count) {
				count++;
			}
			return this.chunks.subList(0, count);
		}

		String firstFound() {
			return ((this.chunks.isEmpty()) ? "nothing" : this.chunks.get(0).index()) + " was found";
		}

	}

}
