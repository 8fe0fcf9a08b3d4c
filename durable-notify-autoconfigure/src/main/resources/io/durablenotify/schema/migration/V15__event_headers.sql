-- Where an event was appended, as the application's tracer says. NULL where nothing is traced, which takes no space.
-- Added like the column of V6, in moments in which no other transaction uses the table
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			PERFORM set_config('lock_timeout', '500ms', true);
			ALTER TABLE ${schema}.workflow_events ADD COLUMN headers json;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
			PERFORM pg_sleep(0.5);
		END;
	END LOOP;
	RAISE EXCEPTION 'Other transactions have used table workflow_events for a minute: end those that are idle, and start again.'
		USING ERRCODE = 'lock_not_available';
END
$$;
