-- As before, but removes finished claims alone in one statement
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
				AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
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
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
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
						AND i.enqueued_at <= 'epoch'::timestamptz + u.claim * interval '1 microsecond'
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
