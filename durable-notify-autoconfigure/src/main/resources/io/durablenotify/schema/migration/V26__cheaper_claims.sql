-- As before, but a claim after one that was full goes on from the last item of that, and no more from 20 ms before it: it passed over
-- thousands of items where many are due at once. It is as long after its due time as before that an item may become visible.
-- And what is said of the claim comes in a row of its own, before those of the items, which say for how long each was due: looking
-- that up took longer than the rest of the claim
CREATE OR REPLACE FUNCTION ${schema}.work_claim(p_queue int, p_instance bigint, p_limit int, p_low bigint, p_hint bigint)
	RETURNS TABLE (granted boolean, limited boolean, claim_id bigint, frontier bigint, next_due bigint, more boolean,
		item_id bigint, token int, rev int, failures int, lane boolean, key text, enqueued_at timestamptz, headers text,
		payload bytea)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET work_mem = '64MB'
	SET lock_timeout = '10s'
	SET plan_cache_mode = force_generic_plan
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
	lost CONSTANT text := 'The instance that held it was lost';
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
		-- A claim of one item counts until its handler has returned, also if that was cancelled. Of one from before the limit
		-- was set, what is still there counts
		room := least(room, 1, q.max_running - (SELECT pg_catalog.count(*) FROM (
			SELECT 1 FROM ${schema}.work_claims l WHERE l.queue_id = p_queue AND pg_catalog.cardinality(l.item_ids) = 1
			UNION ALL
			SELECT 1 FROM ${schema}.work_claims l CROSS JOIN pg_catalog.unnest(l.item_ids) AS u(item)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = u.item OFFSET 0) i
				WHERE l.queue_id = p_queue AND pg_catalog.cardinality(l.item_ids) > 1
			LIMIT q.max_running) r));
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
	whole := moment >= q.looked_at + greatest(interval '5 s', 20 * least(q.look_took, interval '30 s')) OR moment < q.looked_at;
	low := CASE WHEN whole THEN '-infinity' ELSE least(greatest(q.frontier, given), moment - slack,
		'epoch'::timestamptz + least(greatest(p_hint, 0), 9000000000000000) * interval '1 microsecond') END;
	-- The clock, since max() would read all claims that a long snapshot keeps
	cid := ${schema}.work_micros(moment);
	RETURN QUERY
		WITH n AS MATERIALIZED (
			SELECT i.item_id, i.token, i.rev, i.failures, i.suspect, i.lane, i.key, i.enqueued_at, i.headers, i.payload, i.due_at
			FROM ${schema}.work_items i
			WHERE i.queue_id = p_queue AND i.due_at >= low AND i.due_at <= moment
				-- Else the clock was set back: its completion would be taken for that of another item
				AND i.enqueued_at <= moment
				-- NOT IN is hashed, and keeps the order of the index. A claim whose last item is due before the bound
				-- has none of these
				AND i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue AND l.to_due >= low)
				-- But if its due time may have been moved while it runs, all claims count
				AND (i.rev = 0 OR i.item_id NOT IN (SELECT pg_catalog.unnest(l.item_ids) FROM ${schema}.work_claims l
					WHERE l.queue_id = p_queue))
				-- Evaluated for the first one of these only. What is passed over is found by the next search from the first item on
				AND (NOT i.suspect OR i.last_error IS DISTINCT FROM lost OR (SELECT ${schema}.work_may_try(p_instance)))
			ORDER BY i.due_at, i.item_id
			LIMIT room),
		-- Up to the first suspect, which is claimed alone
		s AS MATERIALIZED (SELECT n.due_at, n.item_id FROM n WHERE n.suspect LIMIT 1),
		c AS MATERIALIZED (
			SELECT n.* FROM n WHERE NOT EXISTS (SELECT FROM s) OR (n.due_at, n.item_id) < (SELECT s.due_at, s.item_id FROM s)
			UNION ALL
			(SELECT * FROM (SELECT * FROM n LIMIT 1) f WHERE f.suspect)),
		m AS MATERIALIZED (SELECT pg_catalog.max(c.due_at) AS due, pg_catalog.count(*) AS n, pg_catalog.max(c.rev) AS rev,
			pg_catalog.count(*) = room OR EXISTS (SELECT FROM s) AS more FROM c),
		k AS (INSERT INTO ${schema}.work_claims (claim_id, queue_id, instance_id, to_due, item_ids, rev)
			SELECT cid, p_queue, p_instance, m.due, ARRAY(SELECT c.item_id FROM c), CASE WHEN m.n = 1 THEN m.rev END FROM m WHERE m.n > 0)
		-- What is due before the last item of this claim was visible, or it became so late
		SELECT true, limited, cid,
			${schema}.work_micros(CASE WHEN m.more AND m.due < moment - slack THEN m.due ELSE moment - slack END),
			CASE WHEN NOT m.more THEN (SELECT ${schema}.work_micros(i.due_at) - cid FROM ${schema}.work_items i
				WHERE i.queue_id = p_queue AND i.due_at > moment AND i.due_at < 'infinity' ORDER BY i.due_at LIMIT 1) END,
			m.more, NULL::bigint, NULL::int, NULL::int, NULL::int, NULL::boolean, NULL::text, NULL::timestamptz, NULL::text,
			NULL::bytea
		FROM m
		UNION ALL
		-- With the time for which the item was due. Older instances subtract from the id of the claim
		SELECT NULL, NULL, cid, NULL, (pg_catalog.date_part('epoch', moment - greatest(c.due_at, 'epoch')) * 1000000)::bigint, NULL, c.item_id, c.token, c.rev, c.failures, c.lane, c.key, c.enqueued_at,
			c.headers, c.payload
		FROM c;
	IF whole THEN
		UPDATE ${schema}.work_queues w SET looked_at = moment, look_took = pg_catalog.clock_timestamp() - moment,
			frontier = least(greatest(q.frontier, given), moment - slack) WHERE w.queue_id = p_queue;
	ELSIF given > q.frontier + interval '1 s' THEN
		UPDATE ${schema}.work_queues w SET frontier = given WHERE w.queue_id = p_queue;
	END IF;
END
$$;

-- As before, but removes finished claims alone in one statement, and compares times at less cost
CREATE OR REPLACE FUNCTION ${schema}.work_complete(p_claims bigint[], p_queues int[], p_lanes bigint[], p_items bigint[], p_tokens int[],
		p_revs int[], p_finished bigint[], p_finished_queues int[], p_skip boolean) RETURNS SETOF int
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET lock_timeout = '50ms'
	SET plan_cache_mode = force_generic_plan
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
		DELETE FROM ${schema}.work_claims c USING unnest(p_finished, p_finished_queues) AS f(claim, queue)
			WHERE c.claim_id = f.claim AND c.queue_id + 0 = f.queue;
		RETURN;
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
				AND i.enqueued_at <= pg_catalog.to_timestamp(u.claim / 1000000::double precision)
				AND (NOT p_skip OR u.ord = ANY (wanted))
			RETURNING u.ord, i.item_id, i.queue_id, i.enqueued_at, i.failures),
		f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
			SELECT d.item_id, false, d.queue_id, d.enqueued_at, d.failures
			FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue_id AND q.retention IS NOT NULL WHERE kept
			ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
				enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures)
		SELECT pg_catalog.array_agg(d.ord) INTO done FROM d;
	done := coalesce(done, '{}');
	IF 0 < ANY (p_lanes) THEN
		IF p_skip THEN
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= pg_catalog.to_timestamp(u.claim / 1000000::double precision)
					FOR KEY SHARE SKIP LOCKED) i);
			wanted := ARRAY(SELECT u.ord FROM unnest(p_lanes, p_items) WITH ORDINALITY AS u(lane, item, ord)
				CROSS JOIN LATERAL (SELECT FROM ${schema}.work_lane_items x
					WHERE x.lane_id = u.lane AND x.item_id = u.item FOR UPDATE SKIP LOCKED) x
				WHERE u.lane = ANY (held));
		ELSE
			held := ARRAY(SELECT i.item_id
				FROM (SELECT DISTINCT u.lane, u.token, u.claim FROM unnest(p_lanes, p_tokens, p_claims) AS u(lane, token, claim)) u
				CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
					WHERE i.item_id = u.lane AND i.lane AND i.token = u.token
						AND i.enqueued_at <= pg_catalog.to_timestamp(u.claim / 1000000::double precision)
					FOR KEY SHARE) i);
		END IF;
		WITH d AS (
				DELETE FROM ${schema}.work_lane_items x
				USING unnest(p_lanes, p_items, p_queues) WITH ORDINALITY AS u(lane, item, queue, ord)
				WHERE x.lane_id = u.lane AND x.item_id = u.item AND u.lane = ANY (held)
					AND (NOT p_skip OR u.ord = ANY (wanted))
				RETURNING u.ord, x.item_id, u.queue, x.enqueued_at, x.failures),
			f AS (INSERT INTO ${schema}.work_finished (item_id, lane, queue_id, enqueued_at, failures)
				SELECT d.item_id, true, d.queue, d.enqueued_at, d.failures
				FROM d JOIN ${schema}.work_queues q ON q.queue_id = d.queue AND q.retention IS NOT NULL WHERE kept
				ON CONFLICT (item_id, lane) DO UPDATE SET queue_id = excluded.queue_id,
					enqueued_at = excluded.enqueued_at, finished_at = excluded.finished_at, failures = excluded.failures)
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
