-- A migration of its own: the tables are read, and nobody who reads or writes is held up
SET LOCAL statement_timeout = 0;
DO $$
DECLARE
	changed record;
BEGIN
	FOR changed IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
		WHERE connamespace = '${schema}'::regnamespace AND contype = 'c' AND NOT convalidated LOOP
		EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', changed.of_table, changed.conname);
	END LOOP;
END
$$;
