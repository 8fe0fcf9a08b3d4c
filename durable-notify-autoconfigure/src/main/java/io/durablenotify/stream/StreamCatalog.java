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
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

import io.durablenotify.database.Instants;
import io.durablenotify.database.LimitedStatement;
import io.durablenotify.log.LogIdentity;
import io.durablenotify.schema.SchemaName;
import org.jspecify.annotations.Nullable;

import org.springframework.dao.ConcurrencyFailureException;

/**
 * The catalogue of streams: all SQL that creates, deletes and lists them.
 */
final class StreamCatalog {

	/**
	 * How often a create reads a stream that comes and goes.
	 */
	private static final int MAX_LOOKUPS = 20;

	/**
	 * One time for both columns: their difference is the time to live.
	 */
	private static final String CREATE = """
			INSERT INTO ${schema}.streams (stream_id, name, owner, content_type, created_at, expires_at)
			OVERRIDING SYSTEM VALUE
			SELECT ${schema}.next_stream_id(), ?, ?, ?, now.at, now.at + ?::bigint * interval '1 millisecond'
			FROM clock_timestamp() AS now(at)
			ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING
			RETURNING stream_id
			""";

	private static final String FIND_OPTIONS = """
			SELECT stream_id, owner, content_type, expires_at <= clock_timestamp() AS expired,
				(extract(epoch FROM expires_at - created_at) * 1000)::bigint AS time_to_live
			FROM ${schema}.streams WHERE name = ?
			""";

	/**
	 * Waits for appends, whose lock on the stream's row excludes this one: no chunk can
	 * follow.
	 */
	private static final String DELETE = """
			WITH gone AS (DELETE FROM ${schema}.streams WHERE name = ? RETURNING stream_id)
			""" + PostgresStreamCleanup.KEEP_DELETED;

	private static final String DELETE_EXPIRED = """
			WITH gone AS (DELETE FROM ${schema}.streams WHERE stream_id = ? AND expires_at <= clock_timestamp()
				RETURNING stream_id)
			""" + PostgresStreamCleanup.KEEP_DELETED;

	/**
	 * Each column by its name. A later version may add some while this one runs, and a
	 * prepared statement must not change its result.
	 */
	private static final String INFO = """
			SELECT s.stream_id, s.name, s.owner, s.content_type, s.created_at, s.ended_at, s.end_reason, s.expires_at,
				CASE WHEN s.cancelled THEN 'cancelled' ELSE s.end_state END AS state,
				coalesce(c.chunk_index + 1, 0) AS next_index, c.created_at AS last_appended_at
			""";

	/**
	 * One probe of the chunks' primary key, from its end.
	 */
	private static final String LAST_CHUNK = """
			LEFT JOIN LATERAL (SELECT chunk_index, created_at FROM ${schema}.stream_chunks
				WHERE stream_id = s.stream_id ORDER BY chunk_index DESC LIMIT 1) c ON true
			""";

	private static final String FIND = INFO + "FROM ${schema}.streams s " + LAST_CHUNK + "WHERE s.name = ?";

	/**
	 * Names that begin with the prefix follow it in the index without a gap. They end at
	 * the prefix with more of the greatest character after it than a name has.
	 */
	private static final String LIST = INFO + """
			FROM (
				SELECT * FROM ${schema}.streams
				WHERE name >= ? AND name < ? || repeat(${greatest}, 513) ${restrictions}
				ORDER BY name ${order} LIMIT ?) s
			""" + LAST_CHUNK + """
			ORDER BY s.name ${order}
			""";

	/**
	 * The character with the greatest bytes in the database's encoding. One expression
	 * for all encodings, whose value depends on a function that is not evaluated before
	 * the statement: else the planner would try what other encodings have.
	 */
	private static final String GREATEST = """
			convert_from(decode(CASE WHEN getdatabaseencoding() = 'UTF8' THEN 'f48fbfbf'
				WHEN getdatabaseencoding() LIKE 'EUC%' THEN 'fefe' ELSE 'ff' END, 'hex'), getdatabaseencoding()::name)
			""";

	private static final String OWNED = "AND owner = ? ";

	/**
	 * By the indexes for that. The end's state and its time are null together.
	 */
	private static final String OPEN = "AND end_state IS NULL ";

	private static final String AFTER = "AND name > ? ";

	private static final String AFTER_DESCENDING = "AND name < ? ";

	private final LimitedStatement create;

	private final LimitedStatement delete;

	private final LimitedStatement deleteExpired;

	private final String findOptions;

	private final String find;

	private final String list;

	StreamCatalog(SchemaName schema) {
		this.create = new LimitedStatement(schema.qualify(CREATE));
		this.delete = new LimitedStatement(schema.qualify(DELETE));
		this.deleteExpired = new LimitedStatement(schema.qualify(DELETE_EXPIRED));
		this.findOptions = schema.qualify(FIND_OPTIONS);
		this.find = schema.qualify(FIND);
		this.list = schema.qualify(LIST.replace("${greatest}", GREATEST));
	}

	/**
	 * Create a stream unless there is one with the same options. One that has expired
	 * makes room. Waits for a foreign uncommitted create of the same name.
	 * @param joined whether the connection is in the caller's transaction, whose settings
	 * have to stay
	 * @throws StreamConflictException if there is one with other options
	 */
	Created create(Connection connection, boolean joined, String stream, StreamOptions options, Duration lockTimeout)
			throws SQLException {
		Long replaced = null;
		for (int lookup = 0; lookup < MAX_LOOKUPS; lookup++) {
			Long created = insert(connection, joined, stream, options, lockTimeout);
			if (created != null) {
				return new Created(created, replaced);
			}
			Existing existing = existing(connection, stream);
			if (existing == null) {
				continue;
			}
			StreamOptions stored = existing.options();
			if (stored == null) {
				Long deleted = deleteExpired(connection, joined, existing.streamId(), lockTimeout);
				replaced = (deleted != null) ? deleted : replaced;
				continue;
			}
			if (!stored.equals(options)) {
				throw new StreamConflictException(stream, stored, options);
			}
			return new Created(null, replaced);
		}
		throw new ConcurrencyFailureException(
				"Stream '%s' was deleted and created again time after time; it was not created".formatted(stream));
	}

	private @Nullable Long insert(Connection connection, boolean joined, String stream, StreamOptions options,
			Duration lockTimeout) throws SQLException {
		Duration timeToLive = options.timeToLive();
		try (PreparedStatement statement = this.create.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, stream);
			statement.setString(3, options.owner());
			statement.setString(4, options.contentType());
			statement.setObject(5, (timeToLive != null) ? timeToLive.toMillis() : null, Types.BIGINT);
			return LimitedStatement.executeForLong(statement);
		}
	}

	private @Nullable Long deleteExpired(Connection connection, boolean joined, long streamId, Duration lockTimeout)
			throws SQLException {
		try (PreparedStatement statement = this.deleteExpired.prepare(connection, joined, lockTimeout)) {
			statement.setLong(2, streamId);
			return LimitedStatement.executeForLong(statement);
		}
	}

	private @Nullable Existing existing(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.findOptions)) {
			statement.setString(1, stream);
			ResultSet result = statement.executeQuery();
			if (!result.next()) {
				return null;
			}
			long streamId = result.getLong("stream_id");
			if (result.getBoolean("expired")) {
				return new Existing(streamId, null);
			}
			Long timeToLive = result.getObject("time_to_live", Long.class);
			return new Existing(streamId, new StreamOptions(result.getString("owner"), result.getString("content_type"),
					(timeToLive != null) ? Duration.ofMillis(timeToLive) : null));
		}
	}

	/**
	 * Delete a stream. From the commit on it is gone for readers and writers, and its
	 * chunks are left to the {@link StreamCleanup}. Waits for the lock on its row.
	 * @param joined whether the connection is in the caller's transaction, whose settings
	 * have to stay
	 * @return the id of what was deleted, empty if there was none
	 */
	OptionalLong delete(Connection connection, boolean joined, String stream, Duration lockTimeout)
			throws SQLException {
		try (PreparedStatement statement = this.delete.prepare(connection, joined, lockTimeout)) {
			statement.setString(2, stream);
			Long streamId = LimitedStatement.executeForLong(statement);
			return (streamId != null) ? OptionalLong.of(streamId) : OptionalLong.empty();
		}
	}

	/**
	 * Find a stream.
	 */
	Optional<StreamInfo> find(Connection connection, String stream) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(this.find)) {
			statement.setString(1, stream);
			ResultSet result = statement.executeQuery();
			return (result.next()) ? Optional.of(readInfo(result)) : Optional.empty();
		}
	}

	/**
	 * List streams in the order of their names' bytes, ascending or descending.
	 */
	List<StreamInfo> list(Connection connection, StreamQuery query) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(listSql(query))) {
			int parameter = 1;
			statement.setString(parameter++, query.prefix());
			statement.setString(parameter++, query.prefix());
			if (query.owner() != null) {
				statement.setString(parameter++, query.owner());
			}
			if (query.after() != null) {
				statement.setString(parameter++, query.after());
			}
			statement.setInt(parameter, query.limit());
			ResultSet result = statement.executeQuery();
			List<StreamInfo> streams = new ArrayList<>();
			while (result.next()) {
				streams.add(readInfo(result));
			}
			return streams;
		}
	}

	private String listSql(StreamQuery query) {
		String owned = (query.owner() != null) ? OWNED : "";
		String open = (query.openOnly()) ? OPEN : "";
		String after = (query.after() == null) ? "" : (query.reversed()) ? AFTER_DESCENDING : AFTER;
		return this.list.replace("${restrictions}", owned + open + after)
			.replace("${order}", (query.reversed()) ? "DESC" : "");
	}

	private static StreamInfo readInfo(ResultSet result) throws SQLException {
		String state = result.getString("state");
		Instant createdAt = Instants.read(result, "created_at");
		return new StreamInfo(result.getString("name"),
				(state != null) ? StreamState.valueOf(state.toUpperCase(Locale.ROOT)) : StreamState.OPEN,
				result.getLong("next_index"), createdAt, Instants.readNullable(result, "ended_at"),
				result.getString("end_reason"), result.getString("owner"), result.getString("content_type"),
				Instants.readNullable(result, "expires_at"), Instants.readNullable(result, "last_appended_at"),
				new LogIdentity(result.getLong("stream_id"), createdAt).text());
	}

	/**
	 * A stream that is in a create's way.
	 *
	 * @param options its options, or {@code null} if it has expired
	 */
	private record Existing(long streamId, @Nullable StreamOptions options) {
	}

	/**
	 * What a create did.
	 *
	 * @param created the id of what was created, or {@code null} if it was there already
	 * @param replaced the id of the expired stream that was deleted for it, or
	 * {@code null}
	 */
	record Created(@Nullable Long created, @Nullable Long replaced) {
	}

}
