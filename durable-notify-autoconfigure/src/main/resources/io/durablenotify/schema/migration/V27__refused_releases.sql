-- As before, but of a claim whose answer was lost, an item that a trigger or a constraint keeps from being changed keeps no other from
-- being given back
CREATE OR REPLACE FUNCTION ${schema}.work_release(p_claim bigint, p_queue int, p_items bigint[], p_tokens int[]) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET lock_timeout = '50ms'
	SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	held bigint[];
	one bigint;
	soon timestamptz := clock_timestamp() + interval '50 ms';
	due bigint := ${schema}.work_micros(soon);
BEGIN
	SELECT c.item_ids INTO held FROM ${schema}.work_claims c WHERE c.claim_id = p_claim AND c.queue_id + 0 = p_queue FOR UPDATE;
	IF NOT FOUND THEN
		RETURN due;
	END IF;
	IF p_items IS NULL THEN
		BEGIN
			RETURN ${schema}.work_release(p_claim, p_queue, held, NULL);
		EXCEPTION
			WHEN lock_not_available OR serialization_failure OR deadlock_detected THEN
				RAISE;
			WHEN OTHERS THEN
				FOREACH one IN ARRAY held LOOP
					BEGIN
						due := ${schema}.work_release(p_claim, p_queue, ARRAY[one], NULL);
					EXCEPTION WHEN OTHERS THEN
						-- It stays in the claim
						RAISE WARNING 'Item % of work cannot be given back: %', one, SQLERRM;
					END;
				END LOOP;
		END;
		RETURN due;
	END IF;
	WITH free AS MATERIALIZED (
			SELECT i.item_id FROM unnest(p_items, p_tokens) AS u(item, token)
			CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i
				WHERE i.item_id = u.item AND u.item = ANY (held) AND i.token = coalesce(u.token, i.token)
					AND i.enqueued_at <= 'epoch'::timestamptz + p_claim * interval '1 microsecond'
				FOR NO KEY UPDATE SKIP LOCKED) i)
		UPDATE ${schema}.work_items i SET due_at = greatest(i.due_at, soon),
				token = i.token + CASE WHEN p_tokens IS NULL THEN 1 ELSE 0 END FROM free WHERE i.item_id = free.item_id;
	PERFORM ${schema}.work_leave(p_claim, p_queue, p_items);
	RETURN due;
END
$$;
