-- What PostgreSQL planned for a connection while a table had a page or two reads that table from end to end, and is
-- executed until somebody analyzes the table: autovacuum does so a minute later or more, when there may be a million
-- rows. So no table that grows is ever that small: each begins with a quarter or half a megabyte of empty pages, which
-- its first rows fill, and autovacuum gives none back when all rows were removed. (To give pages back it locks the
-- table against everybody, on standbys too, where it cancels queries.) That makes look-ups by an index cheaper than the
-- whole table, and nothing else: a join can still seem cheapest with a whole index, so statements join these tables by
-- LATERAL sub-queries with OFFSET 0, which are looked up row by row. The rows of deleted_streams go away with the
-- chunks.

-- Removed below, in the same transaction; with keys that nobody else's rows have. About as long as they can be without
-- being stored out of line
INSERT INTO ${schema}.streams (stream_id, name, end_reason) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid(), repeat('x', 1800) FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
	SELECT -i, 0, convert_to(repeat('x', 1800), 'UTF8') FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid() || repeat('x', 219) FROM generate_series(1, 950) AS i;
INSERT INTO ${schema}.workflow_events (run_id, sequence, event_id, type, payload)
	SELECT ' ' || i, 1, gen_random_uuid(), 'x', to_json(repeat('x', 1800)) FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.changes (id, topic, key) OVERRIDING SYSTEM VALUE
	SELECT -i, 'x', repeat('x', 1024) FROM generate_series(1, 512) AS i;

-- Else the first autovacuum would find next to no rows in many pages, and the planner expect that of whatever comes
-- until the second: whole tables would seem cheap again. So there are some rows to the page until so many have come
-- that their number means something
ANALYZE ${schema}.streams, ${schema}.stream_chunks, ${schema}.workflow_runs, ${schema}.workflow_events, ${schema}.changes;
ALTER TABLE ${schema}.streams
	SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 5000);
ALTER TABLE ${schema}.stream_chunks
	SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 5000);
ALTER TABLE ${schema}.workflow_runs
	SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 5000);
ALTER TABLE ${schema}.workflow_events
	SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 5000);
ALTER TABLE ${schema}.changes
	SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 5000);

DELETE FROM ${schema}.streams WHERE stream_id BETWEEN -256 AND -1;
DELETE FROM ${schema}.stream_chunks WHERE stream_id BETWEEN -256 AND -1;
DELETE FROM ${schema}.workflow_runs WHERE id BETWEEN -950 AND -1;
DELETE FROM ${schema}.workflow_events WHERE run_id BETWEEN ' ' AND ' 999' AND type = 'x';
DELETE FROM ${schema}.changes WHERE xact = pg_current_xact_id() AND id < 0;
