-- As before, but an item that becomes the first one of its ordering key does not wait for the due time of a later one
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
		UPDATE ${schema}.work_items i SET due_at = clock_timestamp() + interval '50 ms'
			WHERE i.item_id = of_lane AND i.due_at > clock_timestamp() + interval '50 ms' AND i.due_at < 'infinity'
				AND NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id < d.item_id);
		IF d.blocks THEN
			PERFORM ${schema}.work_unblock(p_queue, d.key);
		END IF;
	END LOOP;
	RETURN requeued;
END
$$;
