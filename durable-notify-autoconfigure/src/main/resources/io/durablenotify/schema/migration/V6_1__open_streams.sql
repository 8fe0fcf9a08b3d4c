-- To list streams that have not ended, by name or by owner and name, however many have. By end_state, since no other
-- statement asks for that: appends ask whether ended_at is null, and an index for that would seem worth reading from end
-- to end as long as few streams are open.

-- A migration of its own: the table is locked against creates, ends and deletes only, while the indexes are built. It
-- waits for the lock as the one before.
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			PERFORM set_config('lock_timeout', '500ms', true);
			LOCK TABLE ${schema}.streams IN SHARE ROW EXCLUSIVE MODE;
			-- CREATE INDEX tells the planner how many rows it has met. In a new schema that would be none, in many pages:
			-- see V4. So it meets these
			INSERT INTO ${schema}.streams (stream_id, name, ended_at, end_state) OVERRIDING SYSTEM VALUE
				SELECT -i, gen_random_uuid(), now(), 'completed' FROM generate_series(1, 256) AS i;
			CREATE INDEX streams_open_name ON ${schema}.streams (name) WHERE end_state IS NULL;
			CREATE INDEX streams_open_owner_name ON ${schema}.streams (owner, name)
				WHERE end_state IS NULL AND owner IS NOT NULL;
			DELETE FROM ${schema}.streams WHERE stream_id BETWEEN -256 AND -1;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			PERFORM pg_sleep(0.5);
		END;
	END LOOP;
	RAISE EXCEPTION 'Other transactions have used table streams for a minute: end those that are idle, and start again.'
		USING ERRCODE = 'lock_not_available';
END
$$;
