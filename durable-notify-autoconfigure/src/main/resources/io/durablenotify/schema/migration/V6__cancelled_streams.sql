-- A stream that was cancelled is one that failed, with a mark: instances of the version before, which do not know the
-- mark, take it for failed, never for complete.

-- The column is in the catalog only, since its default is a constant. But ALTER TABLE needs the table for itself for a
-- moment: while it waits for transactions that have used it, all others wait too. So it waits for half a second at most,
-- lets the others pass, and tries again, for about a minute.
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			PERFORM set_config('lock_timeout', '500ms', true);
			ALTER TABLE ${schema}.streams ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			PERFORM pg_sleep(0.5);
		END;
	END LOOP;
	RAISE EXCEPTION 'Other transactions have used table streams for a minute: end those that are idle, and start again.'
		USING ERRCODE = 'lock_not_available';
END
$$;

-- As before, but for the word for streams that were cancelled
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
