-- The instances of the application that are running, each with a lease that it renews. When it runs out, any other
-- instance marks the row (gone_at), from when on it cannot be renewed, ends or hands on what the instance held, and
-- removes the row. What an instance holds is claimed under FOR KEY SHARE of its row.
CREATE TABLE ${schema}.instances (
	instance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	lease_until timestamptz NOT NULL,
	gone_at timestamptz,
	name text
) WITH (fillfactor = 20);

-- The table is locked for a moment. Appends would queue up behind a lock that waits for a long transaction: so it is
-- waited for in short turns, for a minute and a half at most
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			SET LOCAL lock_timeout = '500ms';
			LOCK TABLE ${schema}.streams IN ACCESS EXCLUSIVE MODE;
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

-- The instance with whose lease the stream is written: when that runs out before the stream has ended, the stream fails
ALTER TABLE ${schema}.streams ADD COLUMN writer_id bigint;
