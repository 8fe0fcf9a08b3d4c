-- A migration of its own: the table is locked against creates, ends and deletes only, while the index is built.
-- It waits for the lock in short turns, as the one before
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			SET LOCAL lock_timeout = '500ms';
			LOCK TABLE ${schema}.streams IN SHARE ROW EXCLUSIVE MODE;
			SET LOCAL lock_timeout = DEFAULT;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			IF attempt = 60 THEN
				RAISE;
			END IF;
			PERFORM pg_sleep(1);
		END;
	END LOOP;
END
$$;

-- To find what an instance was writing
CREATE INDEX streams_writer ON ${schema}.streams (writer_id, stream_id) WHERE writer_id IS NOT NULL AND ended_at IS NULL;

-- To build an index counts the rows of the table, which may have none yet: see V4
INSERT INTO ${schema}.streams (stream_id, name, end_reason) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid(), repeat('x', 1800) FROM generate_series(1, 256) AS i;
ANALYZE ${schema}.streams;
DELETE FROM ${schema}.streams WHERE stream_id BETWEEN -256 AND -1;
