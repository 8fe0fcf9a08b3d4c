-- Work: items in queues, each handled until it is completed. An item is written twice, inserted and deleted. Which items
-- run is what the claims say: an item has no state of its own that could be wrong.

CREATE TABLE ${schema}.work_queues (
	queue_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL CONSTRAINT work_queues_name_key UNIQUE CONSTRAINT work_queues_name_valid
		CHECK (octet_length(name) BETWEEN 1 AND 1020 AND name !~ '[\x01-\x20\x7f]'),
	kind text COLLATE "C",
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	paused_at timestamptz,
	-- Over all instances
	max_running int CONSTRAINT work_queues_max_running_valid CHECK (max_running > 0),
	max_attempts int NOT NULL DEFAULT 10 CONSTRAINT work_queues_max_attempts_valid CHECK (max_attempts > 0),
	-- Whether the later items of an ordering key wait for one that is dead
	block_on_dead boolean NOT NULL DEFAULT false,
	-- How long completed items are listed, NULL where they are not
	retention interval,
	-- Below it all that was visible was claimed; written about once a second
	frontier timestamptz NOT NULL DEFAULT '-infinity',
	-- The last claim that began at the first item, and how long it took
	looked_at timestamptz NOT NULL DEFAULT '-infinity',
	look_took interval NOT NULL DEFAULT '0'
) WITH (fillfactor = 20);

CREATE TABLE ${schema}.work_items (
	item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	queue_id int NOT NULL,
	due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- Goes up whenever the item is taken from a holder
	token int NOT NULL DEFAULT 0,
	-- Goes up with every request that is coalesced into it
	rev int NOT NULL DEFAULT 0,
	failures int NOT NULL DEFAULT 0,
	-- Was in a claim of several whose holder was lost: claimed alone from then on
	suspect boolean NOT NULL DEFAULT false,
	-- Stands for the items of an ordering key, which is its key, in work_lane_items
	lane boolean NOT NULL DEFAULT false,
	key text COLLATE "C" CONSTRAINT work_items_key_valid CHECK (octet_length(key) BETWEEN 1 AND 2048),
	last_error text,
	headers text,
	payload bytea NOT NULL
);

-- No foreign key, as with chunks
CREATE TABLE ${schema}.work_lane_items (
	lane_id bigint NOT NULL,
	item_id bigint GENERATED ALWAYS AS IDENTITY,
	enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	not_before timestamptz,
	failures int NOT NULL DEFAULT 0,
	last_error text,
	headers text,
	payload bytea NOT NULL,
	PRIMARY KEY (lane_id, item_id)
);

CREATE TABLE ${schema}.work_claims (
	-- When it was made, in microseconds: higher whenever an item is handed out again
	claim_id bigint NOT NULL,
	queue_id int NOT NULL,
	instance_id bigint NOT NULL,
	to_due timestamptz NOT NULL,
	item_ids bigint[] NOT NULL,
	PRIMARY KEY (claim_id, queue_id)
);

CREATE TABLE ${schema}.work_dead (
	item_id bigint NOT NULL,
	-- Whether it is an ordering key's, whose items have ids of their own
	lane boolean NOT NULL,
	queue_id int NOT NULL,
	key text COLLATE "C",
	-- Whether the ordering key waits for it
	blocks boolean NOT NULL DEFAULT false,
	enqueued_at timestamptz NOT NULL,
	died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	failures int NOT NULL,
	token int NOT NULL,
	last_error text,
	headers text,
	payload bytea NOT NULL,
	PRIMARY KEY (item_id, lane)
);

CREATE TABLE ${schema}.work_finished (
	item_id bigint NOT NULL,
	lane boolean NOT NULL,
	queue_id int NOT NULL,
	enqueued_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	failures int NOT NULL,
	PRIMARY KEY (item_id, lane)
);

CREATE INDEX work_items_due ON ${schema}.work_items (queue_id, due_at, item_id);
CREATE UNIQUE INDEX work_items_key ON ${schema}.work_items (queue_id, key, lane) WHERE key IS NOT NULL;
CREATE INDEX work_claims_queue ON ${schema}.work_claims (queue_id, to_due);
CREATE INDEX work_claims_instance ON ${schema}.work_claims (instance_id);
CREATE INDEX work_dead_queue ON ${schema}.work_dead (queue_id, died_at);
CREATE INDEX work_dead_blocks ON ${schema}.work_dead (queue_id, key) WHERE blocks;
CREATE INDEX work_finished_queue ON ${schema}.work_finished (queue_id, finished_at);

-- 500 ids are 4 KB: not out of line. Without statistics the planner expects ten ids of a claim, so that it hashes them;
-- with those of many long claims it would compare each item with each id
ALTER TABLE ${schema}.work_claims ALTER COLUMN item_ids SET STORAGE MAIN, ALTER COLUMN item_ids SET STATISTICS 0;

-- A least size, as in V4
INSERT INTO ${schema}.work_items (item_id, queue_id, payload) OVERRIDING SYSTEM VALUE
	SELECT -i, -i, convert_to(repeat('x', 1800), 'UTF8') FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.work_lane_items (lane_id, item_id, payload) OVERRIDING SYSTEM VALUE
	SELECT -i, -i, convert_to(repeat('x', 1800), 'UTF8') FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
	SELECT -i, -i, -i, '-infinity', ARRAY(SELECT -n FROM generate_series(1, 200) AS n) FROM generate_series(1, 256) AS i;
INSERT INTO ${schema}.work_dead (item_id, lane, queue_id, enqueued_at, failures, token, payload)
	SELECT -i, false, -i, now(), 0, 0, convert_to(repeat('x', 1800), 'UTF8') FROM generate_series(1, 256) AS i;
ANALYZE ${schema}.work_items, ${schema}.work_lane_items, ${schema}.work_claims, ${schema}.work_dead;
DELETE FROM ${schema}.work_items;
DELETE FROM ${schema}.work_lane_items;
DELETE FROM ${schema}.work_claims;
DELETE FROM ${schema}.work_dead;

-- Vacuum must not run without end while a snapshot is held, where it removes nothing and slows down all others. Claims
-- do not read what is dead, so that it has time. Rows are deleted for sure, so that inserts alone need no vacuum
ALTER TABLE ${schema}.work_items SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 50000,
	autovacuum_analyze_threshold = 50000, autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE ${schema}.work_lane_items SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 50000,
	autovacuum_analyze_threshold = 50000, autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE ${schema}.work_claims SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 50000,
	autovacuum_analyze_threshold = 50000, autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE ${schema}.work_dead SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000,
	autovacuum_analyze_threshold = 5000);

-- Microseconds since 1970, as they are passed to and fro: 'infinity' is the highest
CREATE FUNCTION ${schema}.work_micros(moment timestamptz) RETURNS bigint
	LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN moment = 'infinity' THEN 9223372036854775807
		ELSE (pg_catalog.date_part('epoch', moment) * 1000000)::bigint END
$$;

-- The functions that are called for each item or batch have no path to be set, which costs as much as an append. Their
-- names are qualified, but for an unnest() of several arrays, which is always the server's

-- Claims what is due, up to a limit, in the order of the due times. Always returns a row, the first of which says what
-- was claimed.
--
-- Claims of a queue come one after the other, by the lock of its row. One statement, so that the lock is never held
-- while a client waits for the network. What is claimed by others is seen by a snapshot from after the lock: in READ
-- COMMITTED only.
--
-- Below a bound nothing is searched, however many dead entries the index has there: the bound of the caller and that of
-- all, or the hint of a wake-up, whichever is the earliest. Items of slow transactions that lie below it are found by
-- the hint, and else by a search from the first item on. That is made every five seconds, or as often as it takes a
-- twentieth of the time.
CREATE FUNCTION ${schema}.work_claim(p_queue int, p_instance bigint, p_limit int, p_low bigint, p_hint bigint)
	RETURNS TABLE (granted boolean, limited boolean, claim_id bigint, frontier bigint, next_due bigint, more boolean,
		item_id bigint, token int, rev int, failures int, lane boolean, key text, enqueued_at timestamptz, headers text,
		payload bytea)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET work_mem = '64MB'
	SET lock_timeout = '10s'
AS $$
#variable_conflict use_column
DECLARE
	q record;
	moment timestamptz;
	whole boolean;
	given timestamptz;
	low timestamptz;
	cid bigint;
	room int := least(p_limit, 500);
	-- How long after its due time an item may become visible and be found nevertheless
	slack CONSTANT interval := '20 ms';
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Items can be claimed in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	-- Items of a claim that a crash of the server forgets are claimed again: only one holder completes them
	PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
	SELECT w.paused_at, w.max_running, w.frontier, w.looked_at, w.look_took INTO q
		FROM ${schema}.work_queues w WHERE w.queue_id = p_queue FOR NO KEY UPDATE;
	granted := FOUND AND q.paused_at IS NULL AND EXISTS (SELECT FROM ${schema}.instances i
		WHERE i.instance_id = p_instance AND i.lease_until > pg_catalog.clock_timestamp() AND i.gone_at IS NULL);
	limited := q.max_running IS NOT NULL;
	IF granted AND limited THEN
		room := least(room, q.max_running - (SELECT coalesce(pg_catalog.sum(pg_catalog.cardinality(l.item_ids)), 0)
			FROM ${schema}.work_claims l WHERE l.queue_id = p_queue));
		granted := room > 0;
	END IF;
	IF NOT granted THEN
		RETURN NEXT;
		RETURN;
	END IF;
	moment := pg_catalog.clock_timestamp();
	-- Unless the clock was set back
	given := CASE WHEN p_low < 0 THEN '-infinity'
		ELSE least('epoch'::timestamptz + p_low * interval '1 microsecond', moment - slack) END;
	whole := moment >= q.looked_at + greatest(interval '5 s', 20 * q.look_took) OR moment < q.looked_at;
	low := CASE WHEN whole THEN '-infinity' ELSE least(greatest(q.frontier, given), moment - slack,
		'epoch'::timestamptz + least(greatest(p_hint, 0), 9000000000000000) * interval '1 microsecond') END;
	-- The clock, since max() would read all claims that a long snapshot keeps
	cid := ${schema}.work_micros(moment);
	RETURN QUERY
		WITH n AS MATERIALIZED (
			SELECT i.item_id, i.token, i.rev, i.failures, i.suspect, i.lane, i.key, i.enqueued_at, i.headers, i.payload, i.due_at
			FROM ${schema}.work_items i
			WHERE i.queue_id = p_queue AND i.due_at >= low AND i.due_at <= moment
				-- NOT IN is hashed, and keeps the order of the index. A claim whose last item is due before the bound
				-- has none of these
				AND i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue AND l.to_due >= low)
				-- But if its due time may have been moved while it runs, all claims count
				AND (i.rev = 0 OR i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue))
			ORDER BY i.due_at, i.item_id
			LIMIT room),
		-- Up to the first suspect, which is claimed alone
		s AS MATERIALIZED (SELECT n.due_at, n.item_id FROM n WHERE n.suspect LIMIT 1),
		c AS MATERIALIZED (
			SELECT n.* FROM n WHERE NOT EXISTS (SELECT FROM s) OR (n.due_at, n.item_id) < (SELECT s.due_at, s.item_id FROM s)
			UNION ALL
			(SELECT * FROM (SELECT * FROM n LIMIT 1) f WHERE f.suspect)),
		m AS MATERIALIZED (SELECT pg_catalog.max(c.due_at) AS due, pg_catalog.count(*) AS n, pg_catalog.count(*) = room OR EXISTS (SELECT FROM s) AS more FROM c),
		k AS (INSERT INTO ${schema}.work_claims (claim_id, queue_id, instance_id, to_due, item_ids)
			SELECT cid, p_queue, p_instance, m.due, ARRAY(SELECT c.item_id FROM c) FROM m WHERE m.n > 0)
		SELECT true, limited, cid, ${schema}.work_micros(CASE WHEN m.more THEN m.due ELSE moment END - slack),
			CASE WHEN NOT m.more THEN (SELECT ${schema}.work_micros(i.due_at) - cid FROM ${schema}.work_items i
				WHERE i.queue_id = p_queue AND i.due_at > moment AND i.due_at < 'infinity' ORDER BY i.due_at LIMIT 1) END,
			m.more, c.item_id, c.token, c.rev, c.failures, c.lane, c.key, c.enqueued_at, c.headers, c.payload
		FROM m LEFT JOIN c ON true;
	IF whole THEN
		UPDATE ${schema}.work_queues w SET looked_at = moment, look_took = pg_catalog.clock_timestamp() - moment,
			frontier = least(greatest(q.frontier, given), moment - slack) WHERE w.queue_id = p_queue;
	ELSIF given > q.frontier + interval '1 s' THEN
		UPDATE ${schema}.work_queues w SET frontier = given WHERE w.queue_id = p_queue;
	END IF;
END
$$;

-- Takes an item out of its claim, in the transaction that makes it due again. The rule for what is due again: it leaves
-- its claim in the same transaction, and is due 50 ms later at the earliest. Otherwise it would lie below the bound of
-- all instances when it can be claimed. Here and below, a claim is looked up by its id: + 0, since the index by queues seems as
-- good as that of the key while there are no claims, and would read all of the queue's
CREATE FUNCTION ${schema}.work_leave(p_claim bigint, p_queue int, p_items bigint[]) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
BEGIN
	DELETE FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue AND c.item_ids <@ p_items;
	IF NOT FOUND THEN
		UPDATE ${schema}.work_claims c SET item_ids = ARRAY(SELECT pg_catalog.unnest(c.item_ids) EXCEPT ALL SELECT pg_catalog.unnest(p_items))
			WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue;
	END IF;
END
$$;

-- Has a lane that the caller has locked claimed again for its first item, or removes it if it has none; returns when.
-- A statement after the lock: its snapshot has all items that were enqueued before
CREATE FUNCTION ${schema}.work_next_of_lane(p_lane bigint) RETURNS timestamptz
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
DECLARE
	due timestamptz;
BEGIN
	SELECT greatest(pg_catalog.clock_timestamp() + interval '50 ms', x.not_before) INTO due
		FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane ORDER BY x.item_id LIMIT 1;
	IF FOUND THEN
		UPDATE ${schema}.work_items i SET due_at = due, suspect = false WHERE i.item_id = p_lane;
	ELSIF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		-- This snapshot may be from before the lock: who claims the lane next finds out
		due := pg_catalog.clock_timestamp() + interval '50 ms';
		UPDATE ${schema}.work_items i SET due_at = due, suspect = false WHERE i.item_id = p_lane;
	ELSE
		DELETE FROM ${schema}.work_items i WHERE i.item_id = p_lane;
	END IF;
	RETURN due;
END
$$;

-- Moves an item, or one of a lane, to the dead; a lane that has to wait for it is not due
CREATE FUNCTION ${schema}.work_bury(p_lane bigint, p_item bigint, p_error text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	blocking boolean;
BEGIN
	IF p_lane = 0 THEN
		WITH d AS (DELETE FROM ${schema}.work_items i WHERE i.item_id = p_item
			RETURNING i.item_id, i.queue_id, i.key, i.enqueued_at, i.failures, i.token, i.headers, i.payload)
		INSERT INTO ${schema}.work_dead (item_id, lane, queue_id, key, enqueued_at, failures, token, last_error, headers, payload)
			SELECT d.item_id, false, d.queue_id, d.key, d.enqueued_at, d.failures + 1, d.token + 1, p_error, d.headers, d.payload
			FROM d;
		RETURN;
	END IF;
	WITH l AS (SELECT i.item_id, i.queue_id, i.key, i.token, q.block_on_dead
			FROM ${schema}.work_items i JOIN ${schema}.work_queues q ON q.queue_id = i.queue_id WHERE i.item_id = p_lane),
		d AS (DELETE FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item
			RETURNING x.item_id, x.enqueued_at, x.failures, x.headers, x.payload)
	INSERT INTO ${schema}.work_dead (item_id, lane, queue_id, key, blocks, enqueued_at, failures, token, last_error, headers, payload)
		SELECT d.item_id, true, l.queue_id, l.key, l.block_on_dead, d.enqueued_at, d.failures + 1, l.token + 1, p_error,
			d.headers, d.payload
		FROM d CROSS JOIN l
		RETURNING blocks INTO blocking;
	IF blocking THEN
		UPDATE ${schema}.work_items i SET due_at = 'infinity', suspect = false WHERE i.item_id = p_lane;
	ELSE
		PERFORM ${schema}.work_next_of_lane(p_lane);
	END IF;
END
$$;

-- Settles an item of a claim in another way than by completion: AGAIN, after a completion that was refused; FAIL, DEAD,
-- POSTPONE, REARM. Where its revision has moved, a request came while it ran: it is due at the time of that, if that is
-- later. The caller holds the item if it has the token, and if it was enqueued before the claim: its id can be another
-- one's after a failover to a server that lagged.
CREATE FUNCTION ${schema}.work_return(p_claim bigint, p_queue int, p_lane bigint, p_item bigint, p_token int, p_rev int,
		p_outcome text, p_at bigint, p_in bigint, p_error text, p_wait int, OUT kind text, OUT due bigint)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
	held CONSTANT bigint := CASE WHEN p_lane = 0 THEN p_item ELSE p_lane END;
	soon timestamptz;
	wanted timestamptz;
	moved boolean;
	next_due timestamptz;
BEGIN
	kind := 'LOST';
	due := 9223372036854775807;
	IF p_wait > 0 THEN
		PERFORM pg_catalog.set_config('lock_timeout', p_wait || 'ms', true);
	END IF;
	SELECT i.rev <> p_rev, i.due_at INTO moved, next_due FROM ${schema}.work_items i
		WHERE i.item_id = held AND i.token = p_token AND i.lane = (p_lane <> 0)
			AND i.enqueued_at <= 'epoch'::timestamptz + p_claim * interval '1 microsecond'
		FOR UPDATE;
	-- One that has left the claim, which a lost answer can hide from the caller, is due already or another's
	IF NOT FOUND OR NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue
			AND held = ANY (c.item_ids)) THEN
		RETURN;
	END IF;
	soon := pg_catalog.clock_timestamp() + interval '50 ms';
	wanted := greatest(soon, greatest(pg_catalog.clock_timestamp(), 'epoch'::timestamptz + p_at * interval '1 microsecond')
		+ p_in * interval '1 microsecond');
	IF p_lane <> 0 THEN
		IF p_outcome = 'AGAIN' THEN
			PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF FOUND THEN
				PERFORM ${schema}.work_remove(p_lane, p_item);
				kind := 'DONE';
			END IF;
			RETURN;
		END IF;
		-- A failure takes the lane from its holder
		IF p_outcome = 'DEAD' THEN
			PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF NOT FOUND THEN
				RETURN;
			END IF;
			PERFORM ${schema}.work_bury(p_lane, p_item, p_error);
			UPDATE ${schema}.work_items i SET token = i.token + 1 WHERE i.item_id = p_lane RETURNING i.due_at INTO next_due;
			kind := 'DEAD';
			due := CASE WHEN FOUND THEN ${schema}.work_micros(next_due) ELSE due END;
		ELSE
			UPDATE ${schema}.work_lane_items x SET not_before = wanted,
					failures = CASE p_outcome WHEN 'FAIL' THEN x.failures + 1 WHEN 'REARM' THEN 0 ELSE x.failures END,
					last_error = CASE p_outcome WHEN 'FAIL' THEN p_error WHEN 'REARM' THEN NULL ELSE x.last_error END
				WHERE x.lane_id = p_lane AND x.item_id = p_item;
			IF NOT FOUND THEN
				RETURN;
			END IF;
			UPDATE ${schema}.work_items i SET due_at = wanted, suspect = false,
					token = i.token + CASE WHEN p_outcome IN ('FAIL', 'TAKE_BACK') THEN 1 ELSE 0 END
				WHERE i.item_id = p_lane;
			kind := 'AGAIN';
			due := ${schema}.work_micros(wanted);
		END IF;
	ELSIF p_outcome = 'AGAIN' AND NOT moved THEN
		PERFORM ${schema}.work_remove(0, p_item);
		kind := 'DONE';
	ELSIF p_outcome = 'DEAD' AND NOT moved THEN
		PERFORM ${schema}.work_bury(0, p_item, p_error);
		kind := 'DEAD';
	ELSE
		next_due := CASE
			WHEN NOT moved THEN wanted
			-- The backoff holds for the request too
			WHEN p_outcome IN ('FAIL', 'DEAD') THEN greatest(next_due, wanted)
			ELSE greatest(next_due, soon) END;
		UPDATE ${schema}.work_items i SET due_at = next_due, suspect = false,
				token = i.token + CASE WHEN p_outcome IN ('FAIL', 'DEAD', 'TAKE_BACK') THEN 1 ELSE 0 END,
				failures = CASE WHEN p_outcome = 'FAIL' THEN i.failures + 1 WHEN p_outcome IN ('POSTPONE', 'TAKE_BACK') THEN i.failures ELSE 0 END,
				last_error = CASE WHEN p_outcome IN ('FAIL', 'DEAD') THEN p_error WHEN p_outcome IN ('POSTPONE', 'TAKE_BACK') THEN i.last_error END
			WHERE i.item_id = p_item;
		kind := 'AGAIN';
		due := ${schema}.work_micros(next_due);
	END IF;
	PERFORM ${schema}.work_leave(p_claim, p_queue, ARRAY[held]);
END
$$;

-- Removes an item that is completed and that the caller has locked
CREATE FUNCTION ${schema}.work_remove(p_lane bigint, p_item bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
BEGIN
	IF p_lane = 0 THEN
		WITH d AS (DELETE FROM ${schema}.work_items i WHERE i.item_id = p_item
			RETURNING i.item_id, i.queue_id, i.enqueued_at, i.failures)
		INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, false, d.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL;
	ELSE
		WITH d AS (DELETE FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lane AND x.item_id = p_item
			RETURNING x.item_id, x.enqueued_at, x.failures)
		INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, true, q.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_items i ON i.item_id = p_lane
			JOIN ${schema}.work_queues q ON q.queue_id = i.queue_id AND q.retention IS NOT NULL;
	END IF;
END
$$;

-- Completes items of claims and removes claims that are finished. Returns the places, from 1, of those that were not
-- deleted: their revision has moved, they are lost, or, with p_skip, another transaction has locked them. A claim one of
-- whose items was not deleted stays. Waits 50 ms for each lock: one item into which an open transaction has coalesced
-- must not hold up the others.
CREATE FUNCTION ${schema}.work_complete(p_claims bigint[], p_queues int[], p_lanes bigint[], p_items bigint[], p_tokens int[],
		p_revs int[], p_finished bigint[], p_finished_queues int[], p_skip boolean) RETURNS SETOF int
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET lock_timeout = '50ms'
AS $$
DECLARE
	limited boolean;
	kept boolean;
	wanted int[];
	held bigint[];
	done int[];
	missing int[];
BEGIN
	IF pg_catalog.cardinality(p_items) = 0 THEN
		-- What a crash of the server brings back has no items any more
		PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
	END IF;
	SELECT coalesce(pg_catalog.bool_or(q.max_running IS NOT NULL), false), coalesce(pg_catalog.bool_or(q.retention IS NOT NULL), false)
		INTO limited, kept FROM ${schema}.work_queues q WHERE q.queue_id = ANY (p_queues);
	IF p_skip THEN
		wanted := ARRAY(SELECT u.ord FROM unnest(p_items, p_lanes) WITH ORDINALITY AS u(item, lane, ord)
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item FOR UPDATE SKIP LOCKED) i
			WHERE u.lane = 0);
	END IF;
	WITH d AS (
			DELETE FROM ${schema}.work_items i
			USING unnest(p_items, p_tokens, p_revs, p_claims, p_lanes) WITH ORDINALITY AS u(item, token, rev, claim, lane, ord)
			WHERE i.item_id = u.item AND i.token = u.token AND i.rev = u.rev AND u.lane = 0 AND NOT i.lane
				AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
				AND (NOT p_skip OR u.ord = ANY (wanted))
			RETURNING u.ord, i.item_id, i.queue_id, i.enqueued_at, i.failures),
		f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, false, d.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL WHERE kept)
		SELECT pg_catalog.array_agg(d.ord) INTO done FROM d;
	done := coalesce(done, '{}');
	IF 0 < ANY (p_lanes) THEN
		IF p_skip THEN
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
					FOR KEY SHARE SKIP LOCKED) i);
		ELSE
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
					FOR KEY SHARE) i);
		END IF;
		WITH d AS (
				DELETE FROM ${schema}.work_lane_items x
				USING unnest(p_lanes, p_items, p_queues) WITH ORDINALITY AS u(lane, item, queue, ord)
				WHERE x.lane_id = u.lane AND x.item_id = u.item AND u.lane = ANY (held)
				RETURNING u.ord, x.item_id, u.queue, x.enqueued_at, x.failures),
			f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
				SELECT d.item_id, true, d.queue, d.enqueued_at, d.failures
				FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue AND q.retention IS NOT NULL WHERE kept)
			SELECT done || coalesce(pg_catalog.array_agg(d.ord::int), '{}') INTO done FROM d;
	END IF;
	IF pg_catalog.cardinality(done) < pg_catalog.cardinality(p_items) THEN
		missing := ARRAY(SELECT pg_catalog.generate_series(1, pg_catalog.cardinality(p_items)) EXCEPT ALL SELECT pg_catalog.unnest(done));
		RETURN QUERY SELECT pg_catalog.unnest(missing);
	END IF;
	DELETE FROM ${schema}.work_claims c USING unnest(p_finished, p_finished_queues) AS f(claim, queue)
		WHERE c.claim_id = f.claim AND c.queue_id + 0 = f.queue
			AND (missing IS NULL OR NOT EXISTS (SELECT FROM pg_catalog.unnest(missing) AS m(ord)
				WHERE p_claims[m.ord] = c.claim_id AND p_queues[m.ord] = c.queue_id));
	IF limited THEN
		-- Those that are done must not count as running
		UPDATE ${schema}.work_claims c
			SET item_ids = ARRAY(SELECT pg_catalog.unnest(c.item_ids) EXCEPT ALL SELECT p_items[d.ord] FROM pg_catalog.unnest(done) AS d(ord)
				WHERE p_lanes[d.ord] = 0)
			FROM (SELECT DISTINCT u.claim, u.queue FROM unnest(p_claims, p_queues) AS u(claim, queue)) u
			JOIN ${schema}.work_queues q ON q.queue_id = u.queue AND q.max_running IS NOT NULL
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_claims x WHERE x.claim_id = u.claim AND x.queue_id + 0 = u.queue
				FOR UPDATE SKIP LOCKED) x
			WHERE c.claim_id = u.claim AND c.queue_id + 0 = u.queue;
	END IF;
END
$$;

-- Gives back what no handler has begun: by the rule for what is due again, tokens and failures as they are. What another
-- transaction has locked only leaves the claim: the next search from the first item on finds it. Without items: all of
-- the claim, with a higher token, since it is not known who may hold them
CREATE FUNCTION ${schema}.work_release(p_claim bigint, p_queue int, p_items bigint[], p_tokens int[]) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET lock_timeout = '50ms'
AS $$
DECLARE
	held bigint[];
	released bigint[];
	soon timestamptz := clock_timestamp() + interval '50 ms';
BEGIN
	SELECT c.item_ids INTO held FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue FOR UPDATE;
	IF NOT FOUND THEN
		RETURN ${schema}.work_micros(soon);
	END IF;
	released := coalesce(p_items, held);
	WITH free AS MATERIALIZED (
			SELECT i.item_id FROM unnest(released, p_tokens) AS u(item, token)
			CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
				WHERE i.item_id = u.item AND u.item = ANY (held) AND i.token = coalesce(u.token, i.token)
					AND i.enqueued_at <= 'epoch'::timestamptz + p_claim * interval '1 microsecond'
				FOR NO KEY UPDATE SKIP LOCKED) i)
		UPDATE ${schema}.work_items i SET due_at = greatest(i.due_at, soon),
				token = i.token + CASE WHEN p_items IS NULL THEN 1 ELSE 0 END FROM free WHERE i.item_id = free.item_id;
	PERFORM ${schema}.work_leave(p_claim, p_queue, released);
	RETURN ${schema}.work_micros(soon);
END
$$;

-- Gives a lane back whose items the caller has completed, as far as it has fetched them. Two statements: the second sees
-- what was enqueued before the lock, in READ COMMITTED only
CREATE FUNCTION ${schema}.work_release_lane(p_claim bigint, p_queue int, p_lane bigint, p_token int, p_wait int,
		OUT kind text, OUT due bigint)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
DECLARE
	next_due timestamptz;
BEGIN
	kind := 'LOST';
	due := 9223372036854775807;
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Lanes can be released in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	IF p_wait > 0 THEN
		PERFORM pg_catalog.set_config('lock_timeout', p_wait || 'ms', true);
	END IF;
	PERFORM FROM ${schema}.work_items i WHERE i.item_id = p_lane AND i.lane AND i.token = p_token
		AND i.enqueued_at <= 'epoch'::timestamptz + p_claim * interval '1 microsecond' FOR UPDATE;
	IF NOT FOUND OR NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue
			AND p_lane = ANY (c.item_ids)) THEN
		RETURN;
	END IF;
	next_due := ${schema}.work_next_of_lane(p_lane);
	IF next_due IS NOT NULL THEN
		PERFORM ${schema}.work_leave(p_claim, p_queue, ARRAY[p_lane]);
	END IF;
	kind := CASE WHEN next_due IS NULL THEN 'DONE' ELSE 'AGAIN' END;
	due := coalesce(${schema}.work_micros(next_due), due);
END
$$;

-- The same for several lanes, by their places from 1. One that another transaction has locked, or that is lost, is LOCKED
CREATE FUNCTION ${schema}.work_release_lanes(p_claims bigint[], p_queues int[], p_lanes bigint[], p_tokens int[])
	RETURNS TABLE (place int, kind text, due bigint)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET lock_timeout = '50ms'
AS $$
DECLARE
	next_due timestamptz;
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Lanes can be released in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	FOR n IN 1 .. pg_catalog.cardinality(p_lanes) LOOP
		place := n;
		due := 9223372036854775807;
		PERFORM FROM ${schema}.work_items i WHERE i.item_id = p_lanes[place] AND i.lane AND i.token = p_tokens[place]
			AND i.enqueued_at <= 'epoch'::timestamptz + p_claims[place] * interval '1 microsecond' FOR UPDATE SKIP LOCKED;
		IF FOUND AND EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.claim_id = p_claims[n]
				AND c.queue_id + 0 = p_queues[n] AND p_lanes[n] = ANY (c.item_ids)) THEN
			next_due := ${schema}.work_next_of_lane(p_lanes[place]);
			kind := 'DONE';
			IF next_due IS NOT NULL THEN
				PERFORM ${schema}.work_leave(p_claims[place], p_queues[place], ARRAY[p_lanes[place]]);
				kind := 'AGAIN';
				due := ${schema}.work_micros(next_due);
			END IF;
		ELSE
			kind := 'LOCKED';
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;

-- Enqueues an item with an ordering key. The lane is locked until the caller commits: so the ids of a key are in the
-- order of the commits. due is the highest number where the lane was there: it is due already, or runs
CREATE FUNCTION ${schema}.work_append(p_queue text, p_key text, p_at bigint, p_in bigint, p_headers text, p_payload bytea,
		OUT queue_id int, OUT item_id bigint, OUT due bigint)
	LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
	of_lane bigint;
	first_due timestamptz := greatest(pg_catalog.clock_timestamp(), 'epoch'::timestamptz + p_at * interval '1 microsecond')
		+ p_in * interval '1 microsecond';
BEGIN
	queue_id := (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = p_queue);
	IF queue_id IS NULL THEN
		RETURN;
	END IF;
	due := 9223372036854775807;
	LOOP
		SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
			WHERE i.queue_id = work_append.queue_id AND i.key = p_key AND i.lane FOR NO KEY UPDATE;
		EXIT WHEN FOUND;
		INSERT INTO ${schema}.work_items AS i (queue_id, due_at, lane, key, payload)
			VALUES (work_append.queue_id, first_due, true, p_key, '')
			ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO NOTHING RETURNING i.item_id INTO of_lane;
		IF FOUND THEN
			due := ${schema}.work_micros(first_due);
			EXIT;
		END IF;
	END LOOP;
	LOOP
		INSERT INTO ${schema}.work_lane_items AS x (lane_id, not_before, headers, payload)
			VALUES (of_lane, CASE WHEN p_at > 0 OR p_in > 0 THEN first_due END, p_headers, p_payload)
			RETURNING x.item_id INTO item_id;
		-- Unless the sequence is behind, as after logical replication: the order would be lost
		EXIT WHEN NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id > work_append.item_id);
		DELETE FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id = work_append.item_id;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

-- A slice of what an instance held whose lease is over: it is due again, with a token that fences the late holder. What
-- is locked is being completed at this moment, and stays in its claim until the next round. Returns, by claim, the queue
-- and when its items are due
CREATE FUNCTION ${schema}.work_take_over(p_instance bigint, p_claims int)
	RETURNS TABLE (queue_id int, due bigint, freed int)
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	l record;
	i record;
	locked bigint[];
	soon timestamptz;
	head record;
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	FOR l IN SELECT c.claim_id, c.queue_id, c.item_ids, q.max_attempts FROM ${schema}.work_claims c
			JOIN ${schema}.work_queues q ON q.queue_id = c.queue_id
			WHERE c.instance_id = p_instance ORDER BY c.claim_id LIMIT p_claims FOR UPDATE OF c SKIP LOCKED LOOP
		locked := ARRAY(SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) FOR UPDATE SKIP LOCKED);
		soon := clock_timestamp() + interval '50 ms';
		freed := cardinality(locked);
		-- Only one that was alone in its claim has surely to do with the loss
		IF cardinality(l.item_ids) > 1 THEN
			UPDATE ${schema}.work_items i SET token = i.token + 1, suspect = true, due_at = greatest(i.due_at, soon)
				WHERE i.item_id = ANY (locked);
		ELSE
			FOR i IN SELECT x.item_id, x.lane, x.failures FROM ${schema}.work_items x WHERE x.item_id = ANY (locked) LOOP
				UPDATE ${schema}.work_items x SET token = x.token + 1, suspect = true, due_at = greatest(x.due_at, soon),
						failures = x.failures + CASE WHEN i.lane OR i.failures + 1 >= l.max_attempts THEN 0 ELSE 1 END,
						last_error = CASE WHEN i.lane THEN x.last_error ELSE lost END
					WHERE x.item_id = i.item_id;
				IF NOT i.lane THEN
					IF i.failures + 1 >= l.max_attempts THEN
						PERFORM ${schema}.work_bury(0, i.item_id, lost);
					END IF;
				ELSE
					SELECT x.item_id, x.failures INTO head FROM ${schema}.work_lane_items x
						WHERE x.lane_id = i.item_id ORDER BY x.item_id LIMIT 1;
					IF FOUND AND head.failures + 1 >= l.max_attempts THEN
						PERFORM ${schema}.work_bury(i.item_id, head.item_id, lost);
					ELSE
						UPDATE ${schema}.work_lane_items x SET failures = x.failures + 1, last_error = lost
							WHERE x.lane_id = i.item_id AND x.item_id = head.item_id;
					END IF;
				END IF;
			END LOOP;
		END IF;
		IF EXISTS (SELECT FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) AND NOT i.item_id = ANY (locked)) THEN
			-- A zero, so that one that is left is not taken for one that was alone
			UPDATE ${schema}.work_claims c
				SET item_ids = ARRAY(SELECT unnest(l.item_ids) EXCEPT SELECT unnest(locked)
					UNION SELECT 0 WHERE cardinality(l.item_ids) > 1)
				WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		ELSE
			DELETE FROM ${schema}.work_claims c WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		END IF;
		queue_id := l.queue_id;
		due := ${schema}.work_micros(soon);
		RETURN NEXT;
	END LOOP;
END
$$;

-- Has a lane that waits for a dead item claimed again, once it waits for no other
CREATE FUNCTION ${schema}.work_unblock(p_queue int, p_key text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	of_lane bigint;
BEGIN
	SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
		WHERE i.queue_id = p_queue AND i.key = p_key AND i.lane AND i.due_at = 'infinity' FOR UPDATE;
	IF FOUND AND NOT EXISTS (SELECT FROM ${schema}.work_dead d WHERE d.queue_id = p_queue AND d.key = p_key AND d.blocks) THEN
		PERFORM ${schema}.work_next_of_lane(of_lane);
	END IF;
END
$$;

-- Has dead items of a queue handled again, all where none are named, and those of ordering keys by their negative ids: with their ids, a higher token, and attempts counted
-- from 0. One whose key has another item by now is coalesced into that; one of an ordering key is its first. Returns how
-- many
CREATE FUNCTION ${schema}.work_requeue(p_queue int, p_items bigint[], p_limit int) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	d record;
	of_lane bigint;
	requeued int := 0;
BEGIN
	FOR d IN DELETE FROM ${schema}.work_dead x WHERE (x.item_id, x.lane) IN (
			SELECT y.item_id, y.lane FROM ${schema}.work_dead y
			WHERE y.queue_id = p_queue AND (p_items IS NULL OR CASE WHEN y.lane THEN -y.item_id ELSE y.item_id END = ANY (p_items))
			ORDER BY y.died_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
			RETURNING x.item_id, x.lane, x.key, x.blocks, x.enqueued_at, x.token, x.headers, x.payload LOOP
		requeued := requeued + 1;
		IF NOT d.lane THEN
			INSERT INTO ${schema}.work_items AS i (item_id, queue_id, enqueued_at, token, key, headers, payload)
				OVERRIDING SYSTEM VALUE VALUES (d.item_id, p_queue, d.enqueued_at, d.token + 1, d.key, d.headers, d.payload)
				ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL
					DO UPDATE SET rev = i.rev + 1, due_at = least(i.due_at, excluded.due_at);
			CONTINUE;
		END IF;
		LOOP
			SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
				WHERE i.queue_id = p_queue AND i.key = d.key AND i.lane FOR NO KEY UPDATE;
			EXIT WHEN FOUND;
			INSERT INTO ${schema}.work_items AS i (queue_id, token, lane, key, payload)
				VALUES (p_queue, d.token + 1, true, d.key, '')
				ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL DO NOTHING;
		END LOOP;
		INSERT INTO ${schema}.work_lane_items (lane_id, item_id, enqueued_at, headers, payload)
			OVERRIDING SYSTEM VALUE VALUES (of_lane, d.item_id, d.enqueued_at, d.headers, d.payload);
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN requeued;
END
$$;

-- Removes dead items of a queue, named as above. Returns how many
CREATE FUNCTION ${schema}.work_purge(p_queue int, p_items bigint[], p_limit int) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	d record;
	purged int := 0;
BEGIN
	FOR d IN DELETE FROM ${schema}.work_dead x WHERE (x.item_id, x.lane) IN (
			SELECT y.item_id, y.lane FROM ${schema}.work_dead y
			WHERE y.queue_id = p_queue AND (p_items IS NULL OR CASE WHEN y.lane THEN -y.item_id ELSE y.item_id END = ANY (p_items))
			ORDER BY y.died_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
			RETURNING x.key, x.blocks LOOP
		purged := purged + 1;
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN purged;
END
$$;

-- As before, and the ids of work. An instance may still be named by its claims, and an item by what is kept of it
CREATE OR REPLACE FUNCTION ${schema}.ids_behind() RETURNS TABLE (sequence regclass, highest bigint)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
	SELECT s.sequence, s.highest FROM (VALUES
		('${schema}.streams_stream_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.streams_stream_id_seq),
			greatest((SELECT max(stream_id) FROM ${schema}.streams), (SELECT max(stream_id) FROM ${schema}.stream_chunks),
				(SELECT max(stream_id) FROM ${schema}.deleted_streams))),
		('${schema}.workflow_runs_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.workflow_runs_id_seq),
			(SELECT max(id) FROM ${schema}.workflow_runs)),
		('${schema}.instances_instance_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.instances_instance_id_seq),
			greatest((SELECT max(instance_id) FROM ${schema}.instances), (SELECT max(instance_id) FROM ${schema}.work_claims),
				(SELECT max(writer_id) FROM ${schema}.streams WHERE writer_id IS NOT NULL AND ended_at IS NULL))),
		('${schema}.changes_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.changes_id_seq),
			(SELECT max(c.id) FROM (SELECT id FROM ${schema}.changes ORDER BY xact DESC, id DESC LIMIT 1000) c)),
		('${schema}.work_queues_queue_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_queues_queue_id_seq),
			(SELECT max(queue_id) FROM ${schema}.work_queues)),
		('${schema}.work_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_items), (SELECT max(lane_id) FROM ${schema}.work_lane_items),
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE NOT lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE NOT lane))),
		-- Reads the whole index: keys of their own have no order between them
		('${schema}.work_lane_items_item_id_seq'::regclass,
			(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ${schema}.work_lane_items_item_id_seq),
			greatest((SELECT max(item_id) FROM ${schema}.work_lane_items),
				(SELECT max(item_id) FROM ${schema}.work_dead WHERE lane),
				(SELECT max(item_id) FROM ${schema}.work_finished WHERE lane)))
		) s (sequence, given, highest)
	WHERE s.highest > s.given
$$;

CREATE OR REPLACE FUNCTION ${schema}.next_instance_id() RETURNS bigint
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	next_id bigint;
BEGIN
	LOOP
		next_id := nextval('${schema}.instances_instance_id_seq');
		IF NOT EXISTS (SELECT FROM ${schema}.instances i WHERE i.instance_id = next_id)
				AND NOT EXISTS (SELECT FROM ${schema}.streams s WHERE s.writer_id = next_id AND s.ended_at IS NULL)
				AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.instance_id = next_id) THEN
			RETURN next_id;
		END IF;
		PERFORM ${schema}.raise_ids();
	END LOOP;
END
$$;

-- For triggers and other languages: enqueues in the caller's transaction, and wakes every instance at its commit. Creates
-- the queue if it is missing. wake => false leaves the waking to their poll
CREATE FUNCTION ${schema}.enqueue(queue text, payload bytea, key text DEFAULT NULL, ordering_key text DEFAULT NULL,
		due_at timestamptz DEFAULT NULL, wake boolean DEFAULT true) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	of_queue int;
	new_id bigint;
	new_due timestamptz := greatest(clock_timestamp(), enqueue.due_at);
	appended record;
BEGIN
	IF enqueue.queue IS NULL OR enqueue.payload IS NULL THEN
		RAISE EXCEPTION 'Neither the queue nor the payload may be null; nothing was stored.'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF enqueue.key IS NOT NULL AND enqueue.ordering_key IS NOT NULL THEN
		RAISE EXCEPTION 'An item with an ordering key must not have a key; nothing was stored.'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	LOOP
		of_queue := (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = enqueue.queue);
		EXIT WHEN of_queue IS NOT NULL;
		INSERT INTO ${schema}.work_queues (name) VALUES (enqueue.queue)
			ON CONFLICT ON CONSTRAINT work_queues_name_key DO NOTHING;
	END LOOP;
	IF enqueue.ordering_key IS NOT NULL THEN
		SELECT a.item_id, a.due INTO appended FROM ${schema}.work_append(enqueue.queue, enqueue.ordering_key,
			CASE WHEN enqueue.due_at > clock_timestamp() THEN ${schema}.work_micros(enqueue.due_at) ELSE 0 END, 0, NULL,
			enqueue.payload) a;
		IF wake AND appended.due < 9223372036854775807 THEN
			PERFORM pg_notify('${wakeup_channel}', concat('1 sql work ', of_queue, ':', -appended.due, ':-'));
		END IF;
		RETURN appended.item_id;
	END IF;
	INSERT INTO ${schema}.work_items AS i (queue_id, due_at, key, payload)
		VALUES (of_queue, new_due, enqueue.key, enqueue.payload)
		ON CONFLICT (queue_id, key, lane) WHERE key IS NOT NULL
			DO UPDATE SET rev = i.rev + 1, due_at = least(i.due_at, excluded.due_at)
		RETURNING i.item_id, i.due_at INTO new_id, new_due;
	-- What was due before, others were woken for
	IF wake AND new_due >= statement_timestamp() THEN
		PERFORM pg_notify('${wakeup_channel}', concat('1 sql work ', of_queue, ':', -${schema}.work_micros(new_due), ':-'));
	END IF;
	RETURN new_id;
END
$$;

-- Also where the database's default privileges do not say so
DO $$
DECLARE
	created regprocedure;
BEGIN
	FOR created IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = '${schema}'::regnamespace
			AND (p.proname LIKE 'work\_%' OR p.proname = 'enqueue') LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', created);
	END LOOP;
END
$$;
