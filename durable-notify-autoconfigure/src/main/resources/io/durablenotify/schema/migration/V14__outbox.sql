-- Queues of which one item at a time is handled over all instances, since what their handlers call fails: for as long as
-- there is a row. The limit that was set before is kept here.
CREATE TABLE ${schema}.work_probes (
	queue_id int PRIMARY KEY,
	since timestamptz NOT NULL DEFAULT clock_timestamp(),
	-- When the next item may be handled
	next_at timestamptz NOT NULL,
	failures int NOT NULL DEFAULT 0,
	max_running int
);

-- The events that were sent, for the retention
CREATE TABLE ${schema}.outbox_sent (
	event_id text COLLATE "C" NOT NULL,
	sender text COLLATE "C" NOT NULL,
	type text COLLATE "C" NOT NULL,
	ordering_key text COLLATE "C",
	published_at timestamptz NOT NULL,
	sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	payload bytea NOT NULL,
	-- By the retention of the instance that has sent it
	keep_until timestamptz NOT NULL,
	PRIMARY KEY (event_id, sender)
);
CREATE INDEX outbox_sent_keep_until ON ${schema}.outbox_sent (keep_until);

-- A least size, as in V4
INSERT INTO ${schema}.outbox_sent (event_id, sender, type, published_at, payload, keep_until)
	SELECT i::text, '', '', now(), convert_to(repeat('x', 1800), 'UTF8'), now() FROM generate_series(1, 256) AS i;
ANALYZE ${schema}.outbox_sent;
DELETE FROM ${schema}.outbox_sent;
ALTER TABLE ${schema}.outbox_sent SET (vacuum_truncate = off, autovacuum_vacuum_threshold = 5000,
	autovacuum_analyze_threshold = 5000);

-- Limits a queue to one running item. Claims of a queue come one after the other, so that the limit is exact: the first
-- item that is claimed from now on is alone. Returns whether it was not limited so before
CREATE FUNCTION ${schema}.work_probe_begin(p_queue text, p_wait bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	q record;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Queues can be probed in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	SELECT w.queue_id, w.max_running INTO q FROM ${schema}.work_queues w WHERE w.name = p_queue FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO ${schema}.work_probes AS p (queue_id, next_at, max_running)
		VALUES (q.queue_id, clock_timestamp() + p_wait * interval '1 microsecond', q.max_running)
		ON CONFLICT (queue_id) DO NOTHING;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	UPDATE ${schema}.work_queues w SET max_running = 1 WHERE w.queue_id = q.queue_id;
	RETURN true;
END
$$;

-- Gives a queue its own limit back. Returns its id, NULL where it was not probed
CREATE FUNCTION ${schema}.work_probe_end(p_queue text) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	of_queue int;
	own_limit int;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Queues can be probed in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	SELECT w.queue_id INTO of_queue FROM ${schema}.work_queues w WHERE w.name = p_queue FOR NO KEY UPDATE;
	DELETE FROM ${schema}.work_probes p WHERE p.queue_id = of_queue RETURNING p.max_running INTO own_limit;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE ${schema}.work_queues w SET max_running = own_limit WHERE w.queue_id = of_queue;
	RETURN of_queue;
END
$$;

-- Sets how many items of a queue run at most, now or once it is not probed any more. Returns its id, NULL where there is
-- no such queue
CREATE FUNCTION ${schema}.work_limit(p_queue text, p_max int) RETURNS int
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	of_queue int;
BEGIN
	SELECT w.queue_id INTO of_queue FROM ${schema}.work_queues w WHERE w.name = p_queue FOR NO KEY UPDATE;
	UPDATE ${schema}.work_probes p SET max_running = p_max WHERE p.queue_id = of_queue;
	IF NOT FOUND THEN
		UPDATE ${schema}.work_queues w SET max_running = p_max WHERE w.queue_id = of_queue;
	END IF;
	RETURN of_queue;
END
$$;

-- As before, but enqueued now: an item must not be too old for another attempt when it is requeued
CREATE OR REPLACE FUNCTION ${schema}.work_requeue(p_queue int, p_items bigint[], p_limit int) RETURNS int
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
			RETURNING x.item_id, x.lane, x.key, x.blocks, x.token, x.headers, x.payload LOOP
		requeued := requeued + 1;
		IF NOT d.lane THEN
			INSERT INTO ${schema}.work_items AS i (item_id, queue_id, token, key, headers, payload)
				OVERRIDING SYSTEM VALUE VALUES (d.item_id, p_queue, d.token + 1, d.key, d.headers, d.payload)
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
		INSERT INTO ${schema}.work_lane_items (lane_id, item_id, headers, payload)
			OVERRIDING SYSTEM VALUE VALUES (of_lane, d.item_id, d.headers, d.payload);
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN requeued;
END
$$;

-- Also where the database's default privileges do not say so
GRANT EXECUTE ON FUNCTION ${schema}.work_probe_begin(text, bigint), ${schema}.work_probe_end(text),
	${schema}.work_limit(text, int) TO PUBLIC;
