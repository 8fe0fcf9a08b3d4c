-- As before, but only suspects count among the claims of one item, and make the next one wait: of those whose handlers were
-- busy with one item each, all were counted
CREATE OR REPLACE FUNCTION ${schema}.work_take_over(p_instance bigint, p_claims int)
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
	-- What is alone in a claim of the instance, of this call and of later ones
	suspects int := (SELECT count(*) FROM ${schema}.work_claims c
		CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items x WHERE x.item_id = c.item_ids[1] AND x.suspect OFFSET 0) x
		WHERE c.instance_id = p_instance AND cardinality(c.item_ids) = 1);
	head record;
	taken int := 0;
	lost CONSTANT text := 'The instance that held it was lost';
BEGIN
	FOR l IN SELECT c.claim_id, c.queue_id, c.item_ids, c.rev, q.max_attempts FROM ${schema}.work_claims c
			JOIN ${schema}.work_queues q ON q.queue_id = c.queue_id
			WHERE c.instance_id = p_instance ORDER BY c.claim_id FOR UPDATE OF c SKIP LOCKED LOOP
		locked := ARRAY(SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) FOR UPDATE SKIP LOCKED);
		soon := clock_timestamp() + interval '50 ms';
		freed := cardinality(locked);
		-- A suspect is alone in its claim
		SELECT x.item_id, x.lane, x.failures, x.rev > coalesce(l.rev, 0) AS moved,
				x.last_error IS NOT DISTINCT FROM lost AS again
			INTO i FROM ${schema}.work_items x WHERE x.item_id = ANY (locked) AND x.suspect;
		IF FOUND THEN
			-- Most of them are done before the next one is due, which would be passed over meanwhile
			suspects := greatest(suspects - 1, 0);
			soon := soon + suspects * interval '250 ms';
		END IF;
		UPDATE ${schema}.work_items x SET token = x.token + 1, suspect = true, due_at = greatest(x.due_at, soon),
				last_error = CASE WHEN x.suspect THEN lost ELSE nullif(x.last_error, lost) END
			WHERE x.item_id = ANY (locked);
		IF i.again AND NOT i.lane THEN
			IF i.failures + 1 >= l.max_attempts AND NOT i.moved THEN
				PERFORM ${schema}.work_bury(0, i.item_id, lost);
			ELSE
				UPDATE ${schema}.work_items x
					SET failures = CASE WHEN i.failures + 1 < l.max_attempts THEN x.failures + 1 ELSE 0 END
					WHERE x.item_id = i.item_id;
			END IF;
		ELSIF i.again THEN
			SELECT x.item_id, x.failures INTO head FROM ${schema}.work_lane_items x
				WHERE x.lane_id = i.item_id ORDER BY x.item_id LIMIT 1;
			IF FOUND AND head.failures + 1 >= l.max_attempts THEN
				PERFORM ${schema}.work_bury(i.item_id, head.item_id, lost);
			ELSE
				UPDATE ${schema}.work_lane_items x SET failures = x.failures + 1, last_error = lost
					WHERE x.lane_id = i.item_id AND x.item_id = head.item_id;
			END IF;
		END IF;
		IF EXISTS (SELECT FROM ${schema}.work_items i WHERE i.item_id = ANY (l.item_ids) AND NOT i.item_id = ANY (locked)) THEN
			CONTINUE WHEN freed = 0;
			UPDATE ${schema}.work_claims c SET item_ids = ARRAY(SELECT unnest(l.item_ids) EXCEPT SELECT unnest(locked))
				WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		ELSE
			DELETE FROM ${schema}.work_claims c WHERE c.claim_id = l.claim_id AND c.queue_id + 0 = l.queue_id;
		END IF;
		queue_id := l.queue_id;
		due := ${schema}.work_micros(soon);
		RETURN NEXT;
		taken := taken + least(freed, 1);
		EXIT WHEN taken >= p_claims;
	END LOOP;
END
$$;
