-- The rows of V4 and V7_1 together are inserts enough for autovacuum (1,000 and a fifth of the table, by default). A
-- minute after they were removed it would find that all pages of workflow_runs are empty: see V4
ALTER TABLE ${schema}.workflow_runs SET (autovacuum_vacuum_insert_threshold = 5000);

-- Where it has been there already
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_class WHERE oid = '${schema}.workflow_runs'::regclass AND reltuples < relpages) THEN
		INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
			SELECT -i, gen_random_uuid() || repeat('x', 219) FROM generate_series(1, 950) AS i;
		ANALYZE ${schema}.workflow_runs;
		DELETE FROM ${schema}.workflow_runs WHERE id BETWEEN -950 AND -1;
	END IF;
END
$$;
