-- What a server tells of itself is a hint, since managed and hardened servers refuse some of it: a function that is
-- missing, forbidden or not possible there is no error here. All names are qualified, or the path is fixed

-- Which run of the server answers: when it was started, and up to where it has replayed its log, which is another place
-- after each crash, also where the server recovers without a start. Asked with each fetch, so without a path to be set
CREATE FUNCTION ${schema}.server_run() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN pg_catalog.concat(extract(epoch FROM pg_catalog.pg_postmaster_start_time()), '/',
		pg_catalog.pg_last_wal_replay_lsn());
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
	RETURN ${schema}.server_run_in_part();
END
$$;

-- The same where a part of it is refused. Instead of the place in the log it has the row that a crash removes, and a
-- question mark: some crashes may not be told
CREATE FUNCTION ${schema}.server_run_in_part() RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	started text;
	recovered text;
BEGIN
	BEGIN
		started := extract(epoch FROM pg_postmaster_start_time());
	EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
		started := NULL;
	END;
	BEGIN
		recovered := pg_last_wal_replay_lsn();
	EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
		recovered := concat((SELECT id FROM ${schema}.change_lifetime), '?');
	END;
	RETURN concat(started, '/', recovered);
END
$$;

-- Which line of history is written now, as in the names of the log's files; NULL where the server does not tell. That of
-- the last checkpoint is still the old one for a while after a standby has taken over
CREATE FUNCTION ${schema}.timeline() RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
	RETURN NULL;
END
$$;

-- The cluster's number, which its backups share and others do not; NULL where the server does not tell
CREATE FUNCTION ${schema}.cluster() RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT system_identifier FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
	RETURN NULL;
END
$$;

-- Whether a transaction has not ended. Where the server does not tell, only the caller's own has not: its savepoints then
-- count as ended
CREATE FUNCTION ${schema}.in_progress(xact xid8) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN pg_xact_status(xact) = 'in progress';
EXCEPTION WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR undefined_function THEN
	RETURN xact = pg_current_xact_id_if_assigned();
END
$$;

-- Whoever may use the schema: nobody is to be granted anything once more
GRANT EXECUTE ON FUNCTION ${schema}.server_run(), ${schema}.server_run_in_part(), ${schema}.timeline(), ${schema}.cluster(),
	${schema}.in_progress(xid8) TO PUBLIC;

-- The table is locked for a moment, and waited for in short turns, as in V5
SET LOCAL statement_timeout = 0;
DO $$
BEGIN
	FOR attempt IN 1..60 LOOP
		BEGIN
			SET LOCAL lock_timeout = '500ms';
			LOCK TABLE ${schema}.change_log IN ACCESS EXCLUSIVE MODE;
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

-- By which the row is known again. Where somebody has removed it, and it was put back, changes may have been removed too
ALTER TABLE ${schema}.change_log ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
