-- The table is locked for a moment, and waited for in short turns, as in V5
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			SET LOCAL lock_timeout = '500ms';
			LOCK TABLE ${schema}.workflow_runs IN ACCESS EXCLUSIVE MODE;
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

-- When the run ended: the time of its terminal event, or of its last one if it has gone on. Set some time after that
-- event, by one instance, so that NULL does not mean that the run is open
ALTER TABLE ${schema}.workflow_runs ADD COLUMN ended_at timestamptz;

-- To find open runs by their ids, and those that have been kept for long enough
CREATE INDEX workflow_runs_open ON ${schema}.workflow_runs (run_id) WHERE ended_at IS NULL;
CREATE INDEX workflow_runs_ended_at ON ${schema}.workflow_runs (ended_at) WHERE ended_at IS NOT NULL;

-- To build an index counts the rows of the table, which may have none yet: see V4
INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid() || repeat('x', 219) FROM generate_series(1, 950) AS i;
ANALYZE ${schema}.workflow_runs;
DELETE FROM ${schema}.workflow_runs WHERE id BETWEEN -950 AND -1;
