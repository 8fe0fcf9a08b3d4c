-- A migration of its own: the table is locked against new runs and deletions only, while the indexes are built.
-- It waits for the lock in short turns, as the one before
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			SET LOCAL lock_timeout = '500ms';
			LOCK TABLE ${schema}.workflow_runs IN SHARE ROW EXCLUSIVE MODE;
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

-- To find open runs by their ids, and those that have been kept for long enough
CREATE INDEX workflow_runs_open ON ${schema}.workflow_runs (run_id) WHERE ended_at IS NULL;
CREATE INDEX workflow_runs_ended_at ON ${schema}.workflow_runs (ended_at) WHERE ended_at IS NOT NULL;

-- To build an index counts the rows of the table, which may have none yet: see V4
INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid() || repeat('x', 219) FROM generate_series(1, 950) AS i;
ANALYZE ${schema}.workflow_runs;
DELETE FROM ${schema}.workflow_runs WHERE id BETWEEN -950 AND -1;
