-- A run's head. An append locks it (FOR NO KEY UPDATE) until its commit and numbers its events from their primary
-- key: visible events are always a gap-free prefix. It is never updated, so that appends leave no dead versions.
CREATE TABLE ${schema}.workflow_runs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run_id text COLLATE "C" NOT NULL CONSTRAINT workflow_runs_run_id_key UNIQUE
		CONSTRAINT workflow_runs_run_id_valid CHECK (char_length(run_id) BETWEEN 1 AND 255 AND run_id !~ '[\x01-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'),
	created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- No foreign key, as with the chunks of streams. The lengths keep the entries of all indexes below the 2,704 bytes
-- that a b-tree takes, whatever the characters.
CREATE TABLE ${schema}.workflow_events (
	run_id text COLLATE "C" NOT NULL,
	sequence bigint NOT NULL CONSTRAINT workflow_events_sequence_valid CHECK (sequence >= 1),
	event_id uuid NOT NULL,
	type text COLLATE "C" NOT NULL CONSTRAINT workflow_events_type_valid CHECK (char_length(type) BETWEEN 1 AND 128),
	correlation_id text COLLATE "C"
		CONSTRAINT workflow_events_correlation_id_valid CHECK (char_length(correlation_id) BETWEEN 1 AND 255),
	idempotency_key text COLLATE "C"
		CONSTRAINT workflow_events_idempotency_key_valid CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- Not jsonb: the text stays as it was given
	payload json,
	PRIMARY KEY (run_id, sequence)
);

-- Out of line as it is: a page can be cut by its size in bytes without reading the payloads behind the cut, which a
-- compressed one does not tell, and an append spends no time on compressing.
ALTER TABLE ${schema}.workflow_events ALTER COLUMN payload SET STORAGE EXTERNAL;

-- What starts or suspends something happens once, however many engines come to the same conclusion
CREATE UNIQUE INDEX workflow_events_suspension_unique ON ${schema}.workflow_events (run_id, correlation_id, type)
	WHERE type IN ('step_created', 'wait_created', 'hook_created', 'run_created');

-- NULL equals no other NULL in the index above
CREATE UNIQUE INDEX workflow_events_suspension_uncorrelated_unique ON ${schema}.workflow_events (run_id, type)
	WHERE type IN ('step_created', 'wait_created', 'hook_created', 'run_created') AND correlation_id IS NULL;

CREATE UNIQUE INDEX workflow_events_idempotency_key_unique ON ${schema}.workflow_events (run_id, idempotency_key)
	WHERE idempotency_key IS NOT NULL;

-- To find the events of one step in their order
CREATE INDEX workflow_events_correlation ON ${schema}.workflow_events (run_id, correlation_id, sequence)
	WHERE correlation_id IS NOT NULL;
