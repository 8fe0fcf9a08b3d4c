-- A character outside UTF-8 and ISO 8859 is not what V1 to V3 took it for: in the encodings of Windows and KOI8 the
-- bytes that they exclude are letters and signs, and in SQL_ASCII each byte of a character counts as one. There, CHECKs
-- exclude what is excluded in ASCII, and the library does the rest.

-- The tables are locked for a moment each, and waited for in short turns, as in V6. What is stored is valid
SET LOCAL statement_timeout = 0;
DO $$
DECLARE
	changed record;
	ascii boolean := getdatabaseencoding() = 'SQL_ASCII';
	valid text;
BEGIN
	IF NOT ascii AND getdatabaseencoding() NOT LIKE 'WIN%' AND getdatabaseencoding() NOT LIKE 'KOI8%' THEN
		RETURN;
	END IF;
	<<tables>>
	FOR changed IN SELECT * FROM (VALUES
		('streams', 'name', 512, true), ('workflow_runs', 'run_id', 255, true),
		('workflow_events', 'type', 128, false), ('workflow_events', 'correlation_id', 255, false),
		('workflow_events', 'idempotency_key', 255, false),
		('changes', 'topic', 255, true), ('changes', 'key', 1024, false), ('changes', 'originator', 255, false)
		) c (of_table, of_column, characters, is_name) WHERE c.is_name OR ascii LOOP
		valid := format(CASE WHEN ascii THEN 'octet_length(%I) BETWEEN 1 AND %s' ELSE 'char_length(%I) BETWEEN 1 AND %s' END,
			changed.of_column, changed.characters * CASE WHEN ascii THEN 4 ELSE 1 END);
		IF changed.is_name THEN
			valid := valid || format(' AND %I !~ ''[\x01-\x20\x7f]''', changed.of_column);
		END IF;
		FOR attempt IN 1..60 LOOP
			BEGIN
				PERFORM set_config('lock_timeout', '500ms', true);
				EXECUTE format('ALTER TABLE ${schema}.%1$I DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I CHECK (%3$s) NOT VALID',
					changed.of_table, changed.of_table || '_' || changed.of_column || '_valid', valid);
				CONTINUE tables;
			EXCEPTION WHEN lock_not_available THEN
				PERFORM pg_sleep(0.5);
			END;
		END LOOP;
		RAISE EXCEPTION 'Other transactions have used table % for a minute: end those that are idle, and start again.',
			changed.of_table USING ERRCODE = 'lock_not_available';
	END LOOP;
END
$$;
