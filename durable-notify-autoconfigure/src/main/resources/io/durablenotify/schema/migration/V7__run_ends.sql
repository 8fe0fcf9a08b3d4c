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
