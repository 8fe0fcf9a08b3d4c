-- Channels: competing and direct ones are queues of work, broadcast ones are streams. The kind of the row in work_queues
-- is a channel's mode. The messages of an address are the items of an ordering key.

-- Removes the first message of an address and returns it; nothing if there is none, or another receiver or a handler has
-- it. Shares the lane with senders: a transaction that receives holds up no sender to the address. So it leaves a
-- lane without items to channel_sweep, unless it is committed at once. more says whether another receiver, who may have
-- found this one locked, has to be woken.
CREATE FUNCTION ${schema}.channel_receive(p_queue text, p_key text, p_joined boolean)
	RETURNS TABLE (item_id bigint, enqueued_at timestamptz, payload bytea, more boolean)
	LANGUAGE plpgsql VOLATILE
	SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
	of_queue int;
	of_lane bigint;
	head bigint;
	tried bigint;
BEGIN
	IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Messages can be received in a READ COMMITTED transaction only, which sees those that are committed after its beginning'
			USING ERRCODE = 'DN002';
	END IF;
	SELECT q.queue_id INTO of_queue FROM ${schema}.work_queues q WHERE q.name = p_queue AND q.paused_at IS NULL;
	SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
		WHERE i.queue_id = of_queue AND i.key = p_key AND i.lane AND i.due_at < 'infinity';
	IF NOT FOUND OR EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = of_queue AND of_lane = ANY (c.item_ids)) THEN
		RETURN;
	END IF;
	LOOP
		SELECT x.item_id INTO head FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane ORDER BY x.lane_id, x.item_id LIMIT 1;
		-- Another has the first one: the next one must wait for it
		IF NOT FOUND OR head = tried THEN
			RETURN;
		END IF;
		SELECT x.item_id, x.enqueued_at, x.payload INTO item_id, enqueued_at, payload FROM ${schema}.work_lane_items x
			WHERE x.lane_id = of_lane AND x.item_id = head
				AND (x.not_before IS NULL OR x.not_before <= pg_catalog.clock_timestamp())
			FOR UPDATE SKIP LOCKED;
		EXIT WHEN FOUND;
		tried := head;
	END LOOP;
	-- While it is shared, no other removes it, or takes over its items
	PERFORM FROM ${schema}.work_items i WHERE i.item_id = of_lane AND i.lane FOR KEY SHARE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	PERFORM ${schema}.work_remove(of_lane, head);
	more := EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane);
	IF NOT p_joined THEN
		PERFORM FROM ${schema}.work_items i WHERE i.item_id = of_lane FOR UPDATE SKIP LOCKED;
		IF FOUND THEN
			-- A statement after the lock, whose snapshot has all that was sent before
			DELETE FROM ${schema}.work_items i WHERE i.item_id = of_lane
				AND NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane)
				AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = of_queue AND of_lane = ANY (c.item_ids));
		END IF;
	END IF;
	RETURN NEXT;
END
$$;

-- Makes the first message of an address dead, unless another receiver or a handler has it by now. Returns whether it did
CREATE FUNCTION ${schema}.channel_bury(p_queue text, p_key text, p_item bigint, p_error text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET lock_timeout = '1s'
AS $$
DECLARE
	of_queue CONSTANT int := (SELECT q.queue_id FROM ${schema}.work_queues q WHERE q.name = p_queue);
	of_lane bigint;
BEGIN
	SELECT i.item_id INTO of_lane FROM ${schema}.work_items i
		WHERE i.queue_id = of_queue AND i.key = p_key AND i.lane FOR UPDATE;
	IF NOT FOUND OR EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = of_queue AND of_lane = ANY (c.item_ids)) THEN
		RETURN false;
	END IF;
	PERFORM FROM ${schema}.work_lane_items x WHERE x.lane_id = of_lane AND x.item_id = p_item FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM ${schema}.work_bury(of_lane, p_item, p_error);
	RETURN true;
END
$$;

-- Examines some addresses of a direct channel, in the order of the index: removes messages that were not received within
-- the retention, NULL for none, and lanes without items, which no handler has claimed and none will. Statements after the
-- locks, which see what was sent before: in READ COMMITTED only
CREATE FUNCTION ${schema}.channel_sweep(p_queue int, p_due bigint, p_item bigint, p_limit int, p_retention interval,
		OUT examined int, OUT removed int, OUT last_due bigint, OUT last_item bigint)
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
DECLARE
	after_due CONSTANT timestamptz := 'epoch'::timestamptz + p_due * interval '1 microsecond';
	lanes bigint[];
	empty_lanes int;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'Channels can be cleaned up in a READ COMMITTED transaction only' USING ERRCODE = 'DN002';
	END IF;
	SELECT array_agg(s.item_id ORDER BY s.due_at, s.item_id), count(*), ${schema}.work_micros(max(s.due_at)),
			(array_agg(s.item_id ORDER BY s.due_at DESC, s.item_id DESC))[1]
		INTO lanes, examined, last_due, last_item
		FROM (SELECT i.item_id, i.due_at FROM ${schema}.work_items i
			WHERE i.queue_id = p_queue AND (i.due_at, i.item_id) > (after_due, p_item) AND i.due_at < now()
			ORDER BY i.due_at, i.item_id LIMIT p_limit) s;
	removed := 0;
	lanes := ARRAY(SELECT i.item_id FROM unnest(lanes) AS u(item_id)
		CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = u.item_id AND i.lane
			AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = p_queue AND i.item_id = ANY (c.item_ids))
			OFFSET 0) i);
	IF p_retention IS NOT NULL THEN
		WITH old AS MATERIALIZED (
			SELECT x.lane_id, x.item_id FROM unnest(lanes) AS u(item_id)
			CROSS JOIN LATERAL (SELECT x.lane_id, x.item_id FROM ${schema}.work_lane_items x
				WHERE x.lane_id = u.item_id AND x.enqueued_at < now() - p_retention
				ORDER BY x.lane_id, x.item_id LIMIT p_limit FOR UPDATE SKIP LOCKED) x
			LIMIT p_limit)
		DELETE FROM ${schema}.work_lane_items x USING old WHERE x.lane_id = old.lane_id AND x.item_id = old.item_id;
		GET DIAGNOSTICS removed = ROW_COUNT;
	END IF;
	lanes := ARRAY(SELECT i.item_id FROM unnest(lanes) AS u(item_id)
		CROSS JOIN LATERAL (SELECT i.item_id FROM ${schema}.work_items i WHERE i.item_id = u.item_id
			AND NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = i.item_id)
			FOR UPDATE SKIP LOCKED) i);
	DELETE FROM ${schema}.work_items i WHERE i.item_id = ANY (lanes)
		AND NOT EXISTS (SELECT FROM ${schema}.work_lane_items x WHERE x.lane_id = i.item_id)
		AND NOT EXISTS (SELECT FROM ${schema}.work_claims c WHERE c.queue_id = i.queue_id AND i.item_id = ANY (c.item_ids));
	GET DIAGNOSTICS empty_lanes = ROW_COUNT;
	removed := removed + empty_lanes;
END
$$;

-- Also where the database's default privileges do not say so
DO $$
DECLARE
	created regprocedure;
BEGIN
	FOR created IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = '${schema}'::regnamespace AND p.proname LIKE 'channel\_%' LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', created);
	END LOOP;
END
$$;
