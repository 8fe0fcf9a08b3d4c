-- Named consumers of streams, each with a stored position in each of its streams, and one owner at a time.

CREATE TABLE ${schema}.stream_consumers (
	consumer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL CONSTRAINT stream_consumers_name_key UNIQUE CONSTRAINT stream_consumers_name_valid
		CHECK (char_length(name) BETWEEN 1 AND 512 AND name !~ '[\x01-\x20\x7f]'),
	-- The name of the stream, or what the names of the streams begin with
	selection text COLLATE "C" NOT NULL,
	is_prefix boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- The owner, by whose lease the consumer is held; NULL while it has none
	instance_id bigint,
	-- The fence: higher with each owner. A position is stored under a lock (FOR SHARE) of the row with the owner's token
	token bigint NOT NULL DEFAULT 0,
	-- When the last owner came or went
	last_active_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);

-- No foreign keys: a row without its stream is how the owner learns that the stream was deleted
CREATE TABLE ${schema}.stream_consumer_positions (
	consumer_id bigint NOT NULL,
	stream_id bigint NOT NULL,
	-- With the id, the identity of the stream
	stream_created_at timestamptz NOT NULL,
	stream text COLLATE "C" NOT NULL,
	-- The index of the chunk that is next
	next_index bigint NOT NULL,
	-- Whether the consumer has had all of the stream and its end
	ended boolean NOT NULL DEFAULT false,
	PRIMARY KEY (consumer_id, stream_id)
) WITH (fillfactor = 50);

CREATE INDEX stream_consumers_instance ON ${schema}.stream_consumers (instance_id) WHERE instance_id IS NOT NULL;
CREATE INDEX stream_consumer_positions_open ON ${schema}.stream_consumer_positions (consumer_id) WHERE NOT ended;

-- A least size, as in V4: a consumer of a prefix has a position in each stream
INSERT INTO ${schema}.stream_consumer_positions (consumer_id, stream_id, stream_created_at, stream, next_index)
	SELECT -i, -i, '-infinity', repeat('x', 1800), 0 FROM generate_series(1, 256) AS i;
ANALYZE ${schema}.stream_consumer_positions;
DELETE FROM ${schema}.stream_consumer_positions;
ALTER TABLE ${schema}.stream_consumer_positions SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000,
	autovacuum_analyze_threshold = 5000);

-- The last name that a consumer's stream can have. As in the list of streams: the prefix with more of the greatest
-- character after it than a name has
CREATE FUNCTION ${schema}.consumer_last_name(selection text, is_prefix boolean) RETURNS text
	LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN is_prefix THEN selection || pg_catalog.repeat(pg_catalog.convert_from(pg_catalog.decode(
		CASE WHEN pg_catalog.getdatabaseencoding() = 'UTF8' THEN 'f48fbfbf'
			WHEN pg_catalog.getdatabaseencoding() LIKE 'EUC%' THEN 'fefe' ELSE 'ff' END, 'hex'),
		pg_catalog.getdatabaseencoding()::pg_catalog.name), 513) ELSE selection END
$$;

-- Creates a consumer unless there is one of the name, and returns the one that there is. From the end, the ends of the
-- streams that there are become its positions, and those that have ended are left out. The lock keeps chunks from being
-- trimmed between the look at the ends and the commit
CREATE FUNCTION ${schema}.create_stream_consumer(p_name text, p_selection text, p_prefix boolean, p_end boolean)
	RETURNS TABLE (consumer_id bigint, selection text, is_prefix boolean)
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
	new_id bigint;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(hashtextextended('${schema}.stream_consumers', 0));
	LOOP
		RETURN QUERY SELECT c.consumer_id, c.selection, c.is_prefix FROM ${schema}.stream_consumers c
			WHERE c.name = p_name;
		IF FOUND THEN
			RETURN;
		END IF;
		BEGIN
			INSERT INTO ${schema}.stream_consumers AS c (name, selection, is_prefix) VALUES (p_name, p_selection, p_prefix)
				ON CONFLICT ON CONSTRAINT stream_consumers_name_key DO NOTHING
				RETURNING c.consumer_id INTO new_id;
		EXCEPTION WHEN unique_violation THEN
			-- The sequence is behind, as after logical replication
			PERFORM ${schema}.raise_ids();
		END;
		IF new_id IS NOT NULL AND p_end THEN
			INSERT INTO ${schema}.stream_consumer_positions (consumer_id, stream_id, stream_created_at, stream, next_index,
					ended)
				SELECT new_id, s.stream_id, s.created_at, s.name, coalesce((SELECT h.chunk_index + 1
						FROM ${schema}.stream_chunks h WHERE h.stream_id = s.stream_id
						ORDER BY h.chunk_index DESC LIMIT 1), 0), s.ended_at IS NOT NULL
				FROM ${schema}.streams s
				WHERE s.name >= p_selection AND s.name <= ${schema}.consumer_last_name(p_selection, p_prefix);
		END IF;
	END LOOP;
END
$$;

-- Removes chunks of an open stream, the first ones first, that all of its living consumers have had, and returns how
-- many. A consumer lives that has an owner, or had one within the limit. What one that does not live has not had is
-- removed too, and it gets a gap when it comes back. The last chunk stays, by which appends are numbered, and the one
-- before the least position, by which readers know their place.
--
-- A slice a call: there may be more until it returns 0
CREATE FUNCTION ${schema}.trim_stream(p_stream text, p_limit interval, p_chunks int DEFAULT 5000) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	of_stream bigint;
	least_next bigint;
	below bigint;
	removed bigint;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}.stream_consumers', 0)) THEN
		RETURN 0;
	END IF;
	of_stream := (SELECT s.stream_id FROM ${schema}.streams s WHERE s.name = p_stream);
	below := (SELECT c.chunk_index FROM ${schema}.stream_chunks c WHERE c.stream_id = of_stream
		ORDER BY c.chunk_index DESC LIMIT 1);
	-- An instance of the version before removes the row of another without knowing of its consumers
	UPDATE ${schema}.stream_consumers c SET instance_id = NULL, last_active_at = clock_timestamp()
		WHERE c.instance_id IS NOT NULL
			AND NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = c.instance_id);
	-- A statement after the lock: it sees every consumer that a look at the end was taken for
	least_next := (SELECT min(coalesce(p.next_index, 0)) FROM ${schema}.stream_consumers c
		LEFT JOIN LATERAL (SELECT x.next_index FROM ${schema}.stream_consumer_positions x
			WHERE x.consumer_id = c.consumer_id AND x.stream_id = of_stream OFFSET 0) p ON true
		WHERE CASE WHEN c.is_prefix THEN starts_with(p_stream, c.selection) ELSE c.selection = p_stream END
			AND (c.instance_id IS NOT NULL OR c.last_active_at > clock_timestamp() - p_limit));
	below := least(below, least_next - 1);
	WITH slice AS MATERIALIZED (
		SELECT s.place FROM (
			SELECT c.place, sum(c.bytes) OVER (ORDER BY c.chunk_index) - c.bytes AS bytes_before
			FROM (
				SELECT x.chunk_index, x.ctid AS place, octet_length(x.data)::bigint AS bytes FROM ${schema}.stream_chunks x
				WHERE x.stream_id = of_stream AND x.chunk_index < below ORDER BY x.chunk_index LIMIT p_chunks) c) s
		WHERE s.bytes_before < 67108864)
	DELETE FROM ${schema}.stream_chunks WHERE ctid = ANY (ARRAY(SELECT place FROM slice));
	GET DIAGNOSTICS removed = ROW_COUNT;
	RETURN removed;
END
$$;

-- As before, and the ids of consumers. An instance may still be named by a consumer
CREATE OR REPLACE FUNCTION ${schema}.ids_behind() RETURNS TABLE (sequence regclass, highest bigint)
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
			greatest((SELECT max(instance_id) FROM ${schema}.instances), (SELECT max(instance_id) FROM ${schema}.work_claims),
				(SELECT max(instance_id) FROM ${schema}.stream_consumers WHERE instance_id IS NOT NULL),
				(SELECT max(writer_id) FROM ${schema}.streams WHERE writer_id IS NOT NULL AND ended_at IS NULL))),
		('${schema}.changes_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.changes_id_seq),
			(SELECT max(c.id) FROM (SELECT id FROM ${schema}.changes ORDER BY xact DESC, id DESC LIMIT 1000) c)),
		('${schema}.work_queues_queue_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_queues_queue_id_seq),
			(SELECT max(queue_id) FROM ${schema}.work_queues)),
		('${schema}.work_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_items), (SELECT max(lane_id) FROM ${schema}.work_lane_items),
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE NOT lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE NOT lane))),
		-- Reads the whole index: keys of their own have no order between them
		('${schema}.work_lane_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_lane_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_lane_items),
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE lane))),
		('${schema}.stream_consumers_consumer_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.stream_consumers_consumer_id_seq),
			greatest((SELECT max(consumer_id) FROM ${schema}.stream_consumers),
				(SELECT max(consumer_id) FROM ${schema}.stream_consumer_positions)))
		) s (sequence, given, highest)
	WHERE s.highest > s.given
$$;

CREATE OR REPLACE FUNCTION ${schema}.next_instance_id() RETURNS bigint
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
				AND NOT EXISTS (SELECT FROM ${schema}.streams s WHERE s.writer_id = next_id AND s.ended_at IS NULL)
				AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.instance_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.stream_consumers c WHERE c.instance_id = next_id) THEN
			RETURN next_id;
		END IF;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

-- Also where the database's default privileges do not say so
GRANT EXECUTE ON FUNCTION ${schema}.consumer_last_name(text, boolean),
	${schema}.create_stream_consumer(text, text, boolean, boolean), ${schema}.trim_stream(text, interval, int) TO PUBLIC;
