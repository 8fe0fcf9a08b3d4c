-- What PostgreSQL planned for a connection while a table had a page or two reads that table from end to end, and is
-- executed until somebody analyzes the table: autovacuum does so a minute later or more, when there may be a million
-- rows. So no table that grows is ever that small: each begins with half a megabyte of empty pages, which its first rows
-- fill, and vacuum gives none back when all rows were removed. (To give pages back it locks the table against
-- everybody, on standbys too, where it cancels queries.)
ALTER TABLE ${schema}.streams SET (vacuum_truncate = off);
ALTER TABLE ${schema}.stream_chunks SET (vacuum_truncate = off);
ALTER TABLE ${schema}.workflow_runs SET (vacuum_truncate = off);
ALTER TABLE ${schema}.workflow_events SET (vacuum_truncate = off);
ALTER TABLE ${schema}.changes SET (vacuum_truncate = off);

-- Removed below, in the same transaction; with keys that nobody else's rows have. About as long as they can be without
-- being stored out of line
INSERT INTO ${schema}.streams (stream_id, name, end_reason) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid(), repeat('x', 1800) FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.stream_chunks (stream_id, chunk_index, data)
	SELECT -1, i, convert_to(repeat('x', 1800), 'UTF8') FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.workflow_runs (id, run_id) OVERRIDING SYSTEM VALUE
	SELECT -i, gen_random_uuid() || repeat('x', 200) FROM generate_series(1, 2048) AS i;
INSERT INTO ${schema}.workflow_events (run_id, sequence, event_id, type, payload)
	SELECT '', i, gen_random_uuid(), 'x', to_json(repeat('x', 1800)) FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.changes (id, topic, key) OVERRIDING SYSTEM VALUE
	SELECT -i, 'x', repeat('x', 1024) FROM generate_series(1, 512) AS i;

DELETE FROM ${schema}.streams WHERE stream_id < 0;
DELETE FROM ${schema}.stream_chunks WHERE stream_id < 0;
DELETE FROM ${schema}.workflow_runs WHERE id < 0;
DELETE FROM ${schema}.workflow_events WHERE run_id = '';
DELETE FROM ${schema}.changes WHERE id < 0;
