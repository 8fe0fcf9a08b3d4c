-- A stream's head. An append locks it (FOR NO KEY UPDATE) until its commit and numbers its chunks from their
-- primary key: visible chunks are always a gap-free prefix. The head is updated only at the end of the stream,
-- so that appends leave no dead versions behind.
CREATE TABLE ${schema}.streams (
	stream_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	-- By bytes: names with a common prefix lie together, and no update of a collation disturbs the index
	name text COLLATE "C" NOT NULL CONSTRAINT streams_name_key UNIQUE
		CONSTRAINT streams_name_valid CHECK (char_length(name) BETWEEN 1 AND 512 AND name !~ '[\x01-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'),
	owner text COLLATE "C",
	content_type text,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended_at timestamptz,
	end_state text CONSTRAINT streams_end_state_known CHECK (end_state IN ('completed', 'failed')),
	end_reason text,
	expires_at timestamptz,
	CONSTRAINT streams_end_whole CHECK ((ended_at IS NULL) = (end_state IS NULL))
);

-- To list what somebody owns, by name
CREATE INDEX streams_owner_name ON ${schema}.streams (owner, name) WHERE owner IS NOT NULL;

-- To find what has expired or was kept for long enough
CREATE INDEX streams_expires_at ON ${schema}.streams (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX streams_ended_at ON ${schema}.streams (ended_at) WHERE ended_at IS NOT NULL;

-- A stream is deleted when its head is gone: nobody reads or appends without it. Its id comes here in the same
-- transaction, so that its chunks are removed later, a slice a commit.
CREATE TABLE ${schema}.deleted_streams (
	stream_id bigint PRIMARY KEY,
	deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- Below it all chunks are removed: a slice need not step over what those before it have left for vacuum
	next_index bigint NOT NULL DEFAULT 0
);

-- No foreign key: it costs 11 % of an append, and whoever removes a head leaves its id in deleted_streams.
CREATE TABLE ${schema}.stream_chunks (
	stream_id bigint NOT NULL,
	chunk_index bigint NOT NULL CONSTRAINT stream_chunks_index_valid CHECK (chunk_index >= 0),
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	data bytea NOT NULL,
	PRIMARY KEY (stream_id, chunk_index)
);

-- For writers that are not Java: triggers, other languages, psql. Takes the same lock as StreamWriter, creates the
-- stream where it is missing, and wakes readers with the commit, since nobody here could do so after it. That puts a
-- NOTIFY into the caller's transaction, and those commit one after the other: a hot writer passes wake => false and
-- leaves its readers to the poll.
CREATE FUNCTION ${schema}.append(name text, data bytea, wake boolean DEFAULT true) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	head record;
	next_index bigint;
BEGIN
	IF append.name IS NULL OR append.data IS NULL THEN
		RAISE EXCEPTION 'Neither the name nor the data may be null; nothing was stored.'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	LOOP
		SELECT s.stream_id, s.ended_at, s.end_state INTO head
			FROM ${schema}.streams s WHERE s.name = append.name FOR NO KEY UPDATE;
		EXIT WHEN FOUND;
		INSERT INTO ${schema}.streams (name) VALUES (append.name) ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING;
	END LOOP;
	IF head.ended_at IS NOT NULL THEN
		RAISE EXCEPTION 'Stream ''%'' was % at %; nothing was stored.', append.name, head.end_state, head.ended_at
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	-- A statement of its own: its snapshot is taken after the lock
	INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
		SELECT head.stream_id, coalesce((SELECT c.chunk_index + 1 FROM ${schema}.stream_chunks c
			WHERE c.stream_id = head.stream_id ORDER BY c.chunk_index DESC LIMIT 1), 0), append.data
		RETURNING chunk_index INTO next_index;
	IF wake THEN
		PERFORM pg_notify('${wakeup_channel}', '1 sql streams ' || head.stream_id || ':' || (next_index + 1)
			|| CASE WHEN next_index = 0 THEN ':c:' || append.name ELSE ':-' END);
	END IF;
	RETURN next_index;
END
$$;
