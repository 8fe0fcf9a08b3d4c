-- What an instance held that was lost is a suspect, and claimed alone from then on. One that is held in another loss has that
-- as its last error, and an instance has no more than one of these: so it is to blame for the next loss.

-- Whether an instance may claim a suspect that was lost again: it has no other one, in whichever queue
CREATE FUNCTION ${schema}.work_may_try(p_instance bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
AS $$
BEGIN
	-- Its listeners claim at the same time
	IF NOT pg_try_advisory_xact_lock(hashtextextended('${schema}.work_may_try', p_instance)) THEN
		RETURN false;
	END IF;
	-- A statement after the lock, whose snapshot has what they have claimed
	RETURN NOT EXISTS (SELECT FROM ${schema}.work_claims c
		CROSS JOIN LATERAL (SELECT FROM ${schema}.work_items i WHERE i.item_id = c.item_ids[1] AND i.suspect
			AND i.last_error = 'The instance that held it was lost' OFFSET 0) i
		WHERE c.instance_id = p_instance AND cardinality(c.item_ids) = 1);
END
$$;

-- As before, but an instance claims a suspect that was lost again only if it may try it
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

-- As before, but no suspect of the first loss counts a failure. All that an instance had claimed one by one did, and died with
-- an item that has ended it again and again
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
	-- The instance's claims of one item, which most suspects are in, of this call and of later ones
	suspects int := (SELECT count(*) FROM ${schema}.work_claims c
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

-- As before, but a request does not shorten the wait for the next attempt of an item that has failed
CREATE OR REPLACE FUNCTION ${schema}.enqueue(queue text, payload bytea, key text DEFAULT NULL, ordering_key text DEFAULT NULL,
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
			DO UPDATE SET rev = i.rev + 1,
				due_at = CASE WHEN i.failures = 0 THEN least(i.due_at, excluded.due_at) ELSE i.due_at END
		RETURNING i.item_id, i.due_at INTO new_id, new_due;
	-- What was due before, others were woken for
	IF wake AND new_due >= statement_timestamp() THEN
		PERFORM pg_notify('${wakeup_channel}', concat('1 sql work ', of_queue, ':', -${schema}.work_micros(new_due), ':-'));
	END IF;
	RETURN new_id;
END
$$;

-- Also where the database's default privileges do not say so
GRANT EXECUTE ON FUNCTION ${schema}.work_may_try(bigint) TO PUBLIC;
