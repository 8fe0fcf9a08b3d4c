-- Changes: hints for every instance. Rows are inserted and, a retention later, deleted; never updated.

CREATE TABLE ${schema}.changes (
	-- Whose commit makes the row visible. First of the columns and of the key: what one snapshot does not see and
	-- another does is a range of it
	xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
	id bigint GENERATED ALWAYS AS IDENTITY,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- Who published it, NULL for other writers
	instance bigint,
	topic text COLLATE "C" NOT NULL CONSTRAINT changes_topic_valid
		CHECK (char_length(topic) BETWEEN 1 AND 255 AND topic !~ '[\x01-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'),
	key text COLLATE "C" NOT NULL CONSTRAINT changes_key_valid CHECK (char_length(key) BETWEEN 1 AND 1024),
	originator text COLLATE "C" CONSTRAINT changes_originator_valid CHECK (char_length(originator) BETWEEN 1 AND 255),
	PRIMARY KEY (xact, id)
);

-- Grows at its end and is deleted from its front
ALTER TABLE ${schema}.changes SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

-- One row
CREATE TABLE ${schema}.change_log (
	one boolean PRIMARY KEY DEFAULT true CONSTRAINT change_log_one_row CHECK (one),
	-- The cluster whose transactions the changes are of, NULL before the first instance
	system_identifier bigint,
	-- What was visible in it may be deleted
	deleted pg_snapshot
);

INSERT INTO ${schema}.change_log DEFAULT VALUES;

-- What was visible when, so that a change is kept for the retention from its commit on, not from its insert
CREATE TABLE ${schema}.change_snapshots (
	taken_at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
	snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot()
);

-- At most one row, which every crash removes, also one after which the server recovers without a restart: numbers of
-- transactions may be given away again then
CREATE UNLOGGED TABLE ${schema}.change_lifetime (
	one boolean PRIMARY KEY DEFAULT true CONSTRAINT change_lifetime_one_row CHECK (one),
	id uuid NOT NULL DEFAULT gen_random_uuid()
);

-- For triggers and other languages: publishes in the caller's transaction, and wakes every instance at its commit.
-- wake => false leaves that to their poll
CREATE FUNCTION ${schema}.publish(topic text, key text, originator text DEFAULT NULL, wake boolean DEFAULT true) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO ${schema}.changes (topic, key, originator) VALUES (publish.topic, publish.key, publish.originator);
	IF wake THEN
		PERFORM pg_notify('${wakeup_channel}', '1 sql changes *');
	END IF;
END
$$;
