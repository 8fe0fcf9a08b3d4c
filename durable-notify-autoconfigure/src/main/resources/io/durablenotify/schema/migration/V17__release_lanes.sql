-- Gives back lanes as before, but with a few statements for all lanes of a claim in place of a few for each. They can be
-- claimed after 10 ms in place of 50, since nothing waits between the due time that is set here and the commit, not even
-- for the disk: so they are visible within the time after their due time that claims allow for
CREATE OR REPLACE FUNCTION ${schema}.work_release_lanes(p_claims bigint[], p_queues int[], p_lanes bigint[], p_tokens int[])
	RETURNS TABLE (place int, kind text, due bigint)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
	SET jit = off
	SET lock_timeout = '50ms'
AS $$
#variable_conflict use_column
DECLARE
	l record;
	locked int[];
	here int[];
	filled int[];
	held int[] := '{}';
	again int[] := '{}';
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Lanes can be released in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	-- Their items are completed already. A lane whose release a crash of the server forgets is in a claim that its
	-- instance gives back when it has nothing else of that, and found by the search of all items
	PERFORM pg_catalog.set_config('synchronous_commit', 'off', true);
	FOR l IN SELECT u.claim, u.queue, pg_catalog.array_agg(u.place::int) AS places
			FROM unnest(p_claims, p_queues) WITH ORDINALITY AS u(claim, queue, place) GROUP BY u.claim, u.queue LOOP
		locked := ARRAY(SELECT u.place FROM pg_catalog.unnest(l.places) AS u(place)
			CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i
				WHERE i.item_id = p_lanes[u.place] AND i.lane AND i.token = p_tokens[u.place]
					AND i.enqueued_at <= 'epoch'::timestamptz + l.claim * interval '1 microsecond'
				FOR UPDATE SKIP LOCKED) i);
		-- Statements after the locks: their snapshots have all that has left the claim, and all that was enqueued, before
		here := ARRAY(SELECT u.place FROM pg_catalog.unnest(locked) AS u(place)
			WHERE p_lanes[u.place] IN (SELECT pg_catalog.unnest(c.item_ids) FROM ${schema}.work_claims c
				WHERE c.claim_id = l.claim AND c.queue_id + 0 = l.queue));
		filled := ARRAY(SELECT u.place FROM pg_catalog.unnest(here) AS u(place)
			WHERE EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = p_lanes[u.place] OFFSET 0));
		DELETE FROM ${schema}.work_items i
			WHERE i.item_id = ANY (ARRAY(SELECT p_lanes[u.place] FROM pg_catalog.unnest(here) AS u(place)
				WHERE u.place NOT IN (SELECT pg_catalog.unnest(filled))));
		IF pg_catalog.cardinality(filled) > 0 THEN
			PERFORM ${schema}.work_leave(l.claim, l.queue,
				ARRAY(SELECT p_lanes[u.place] FROM pg_catalog.unnest(filled) AS u(place)));
		END IF;
		held := held || here;
		again := again || filled;
	END LOOP;
	-- After all locks: the due time must not be old when it is committed
	RETURN QUERY
		WITH n AS (UPDATE ${schema}.work_items i SET suspect = false, due_at = greatest(pg_catalog.clock_timestamp() + interval '10 ms',
				(SELECT x.not_before FROM ${schema}.work_lane_items x WHERE x.lane_id = i.item_id ORDER BY x.item_id LIMIT 1))
			WHERE i.item_id = ANY (ARRAY(SELECT p_lanes[u.place] FROM pg_catalog.unnest(again) AS u(place)))
			RETURNING i.item_id, i.due_at)
		SELECT u.place, CASE WHEN n.item_id IS NOT NULL THEN 'AGAIN' WHEN h.place IS NOT NULL THEN 'DONE' ELSE 'LOCKED' END,
			coalesce(${schema}.work_micros(n.due_at), 9223372036854775807)
		FROM pg_catalog.generate_series(1, pg_catalog.cardinality(p_lanes)) AS u(place)
			LEFT JOIN pg_catalog.unnest(held) AS h(place) ON h.place = u.place
			LEFT JOIN n ON n.item_id = p_lanes[u.place] AND h.place IS NOT NULL;
END
$$;

-- Else PostgreSQL would plan the statements of these again for each short batch, since a plan for few elements seems
-- cheaper than one for any number
DO $$
DECLARE
	f text;
BEGIN
	FOR f IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = '${schema}'::regnamespace
			AND proname IN ('work_claim', 'work_complete', 'work_release', 'work_release_lane', 'work_release_lanes') LOOP
		EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
	END LOOP;
END
$$;
