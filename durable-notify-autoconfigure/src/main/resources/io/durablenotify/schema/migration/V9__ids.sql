-- An id that a sequence gives is not trusted to be unused: logical replication copies no sequences, a restored table
-- brings ids of a later time, and a sequence can be reset. A stream with the id of a deleted one would begin with the
-- chunks of that, and lose its own when they are removed.

-- The sequences that are behind the ids in use, each look-up one entry of an index. An instance may still be named by
-- the streams that it was writing. Changes have no index by id: what was published last has the highest, or nearly
CREATE FUNCTION ${schema}.ids_behind() RETURNS TABLE (sequence regclass, highest bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
	SELECT s.sequence, s.highest FROM (VALUES
		('${schema}.streams_stream_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.streams_stream_id_seq),
			greatest((SELECT max(stream_id) FROM ${schema}.streams), (SELECT max(stream_id) FROM ${schema}.stream_chunks),
				(SELECT max(stream_id) FROM ${schema}.deleted_streams))),
		('${schema}.workflow_runs_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.workflow_runs_id_seq),
			(SELECT max(id) FROM ${schema}.workflow_runs)),
		('${schema}.instances_instance_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.instances_instance_id_seq),
			greatest((SELECT max(instance_id) FROM ${schema}.instances),
				(SELECT max(writer_id) FROM ${schema}.streams WHERE writer_id IS NOT NULL AND ended_at IS NULL))),
		('${schema}.changes_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.changes_id_seq),
			(SELECT max(c.id) FROM (SELECT id FROM ${schema}.changes ORDER BY xact DESC, id DESC LIMIT 1000) c))
		) s (sequence, given, highest)
	WHERE s.highest > s.given
$$;

-- Raises the sequences that are behind, and returns how many were. With the rights of the owner: others may insert
-- without any right on the sequences. A sequence is part of no transaction, but the lock is: it is given back with the
-- subtransaction. By more than is needed, since others may take numbers between the look and setval()
CREATE FUNCTION ${schema}.raise_ids() RETURNS integer
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	raised integer := 0;
BEGIN
	IF EXISTS (SELECT FROM ${schema}.ids_behind()) THEN
		BEGIN
			PERFORM pg_advisory_xact_lock(hashtextextended('${schema}.ids', 0));
			SELECT count(setval(b.sequence, b.highest + 1000)) INTO raised FROM ${schema}.ids_behind() b;
			RAISE SQLSTATE 'DN001';
		EXCEPTION WHEN SQLSTATE 'DN001' THEN
			NULL;
		END;
	END IF;
	RETURN raised;
END
$$;

-- For whoever creates a stream, in the same statement. The tables are looked up by their keys, however few rows they
-- had when that was planned
CREATE FUNCTION ${schema}.next_stream_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	next_id bigint;
BEGIN
	LOOP
		next_id := nextval('${schema}.streams_stream_id_seq');
		IF NOT EXISTS (SELECT FROM ${schema}.streams s WHERE s.stream_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.stream_chunks c WHERE c.stream_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.deleted_streams d WHERE d.stream_id = next_id) THEN
			RETURN next_id;
		END IF;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

CREATE FUNCTION ${schema}.next_run_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	next_id bigint;
BEGIN
	LOOP
		next_id := nextval('${schema}.workflow_runs_id_seq');
		IF NOT EXISTS (SELECT FROM ${schema}.workflow_runs r WHERE r.id = next_id) THEN
			RETURN next_id;
		END IF;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

CREATE FUNCTION ${schema}.next_instance_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	next_id bigint;
BEGIN
	LOOP
		next_id := nextval('${schema}.instances_instance_id_seq');
		IF NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.streams s WHERE s.writer_id = next_id AND s.ended_at IS NULL) THEN
			RETURN next_id;
		END IF;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

-- Also where the database's default privileges do not say so
GRANT EXECUTE ON FUNCTION ${schema}.raise_ids(), ${schema}.next_stream_id(), ${schema}.next_run_id(),
	${schema}.next_instance_id() TO PUBLIC;

-- As before, but for the id of a new stream
CREATE OR REPLACE FUNCTION ${schema}.append(name text, data bytea, wake boolean DEFAULT true) RETURNS bigint
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
		SELECT s.stream_id, s.ended_at, CASE WHEN s.cancelled THEN 'cancelled' ELSE s.end_state END AS end_state INTO head
			FROM ${schema}.streams s WHERE s.name = append.name FOR NO KEY UPDATE;
		EXIT WHEN FOUND;
		INSERT INTO ${schema}.streams (stream_id, name) OVERRIDING SYSTEM VALUE
			VALUES (${schema}.next_stream_id(), append.name) ON CONFLICT ON CONSTRAINT streams_name_key DO NOTHING;
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
